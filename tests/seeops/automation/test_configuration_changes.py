"""Changes of configuration on real nodes: what is shown is what is done, and a roll-back gives back exactly what was there."""

from __future__ import annotations

import os
import signal

import pytest
import requests

from seeops.automation import configuration, configuration_selectors
from seeops.automation.models import NodeConfiguration
from seeops.core.errors import Conflict, Forbidden, InvalidInput
from tests.estate import person
from tests.seeops.automation.operated import advanced, drafted, names_of


def contents(centre, names):
    return {name: centre.agent(name, "config")["content"] for name in names}


def by_hand(centre, name, content):
    """Somebody else configures the node, past the console."""
    epoch = centre.agent(name, "health")["epoch"]
    body = {"content": content, "key": f"by-hand-{content}"[:150], "epoch": epoch}
    answer = requests.put(f"{centre.url}/nodes/{name}/config", json=body, timeout=5)
    assert answer.status_code == 200, answer.text


def executed(centre, name, number):
    """How often the node carried out actions of a change, by key."""
    rows = centre.agent(name, "actions")["actions"]
    return {key: row["times_executed"] for key, row in rows.items() if key.startswith(f"{number}/")}


def started(lin, change):
    return configuration.start(actor=lin, change=change, digest=change.digest)


def test_a_change_is_shown_goes_by_batches_spares_what_changed_meanwhile_and_comes_back_to_the_byte(operated):
    lin, names = person("lin", "operator"), names_of()
    own = "# by hand\nworkers = 4   # fewer\ntimeout_ms = 400\nqueue_limit_ms = 300\nlog_level = info\n"
    by_hand(operated, names[-1], own)
    before = contents(operated, names)
    refused = drafted(lin, names, settings="workers = 900")
    assert {row.state for row in refused.rows.all()} == {"refused"}
    assert "outside 1 to 64" in refused.rows.first().text

    change = drafted(lin, names, settings="workers = 6\nlog_level = warning", batch_size=50)
    groups = configuration_selectors.differences(change)
    assert [(len(group.names), group.state) for group in groups] == [(len(names) - 1, "pending"), (1, "pending")]
    assert "-workers = 4   # fewer" in groups[1].lines and "+workers = 6  # fewer" in groups[1].lines
    with pytest.raises(Conflict, match="look at it again"):
        configuration.start(actor=lin, change=change, digest="0" * 64)
    ordered = [row.node.name for row in change.rows.select_related("node")]
    meanwhile = before[ordered[1]].replace("timeout_ms = 500", "timeout_ms = 450")
    by_hand(operated, ordered[1], meanwhile)
    change = advanced(started(lin, change))
    assert change.state == "failed" and "1 nodes did not take it" in change.problem
    for name, content in contents(operated, names).items():
        assert content == meanwhile if name == ordered[1] else "workers = 6" in content and "= warning" in content
    assert NodeConfiguration.objects.filter(change=change).count() == len(names) - 1

    configuration.roll_back(actor=lin, change=change, reason="test")
    change = advanced(change)
    rows = {row.node.name: row.state for row in change.rows.select_related("node")}
    assert rows.pop(ordered[1]) == "rollback_failed" and set(rows.values()) == {"rolled_back"}
    assert contents(operated, names) == before | {ordered[1]: meanwhile}
    assert configuration_selectors.stopped().count() == 1 and change.state == "rollback_failed"


@pytest.mark.soak
def test_a_killed_runner_is_replaced_and_no_node_takes_the_change_twice(operated):
    lin, names = person("lin", "operator"), names_of()
    change = started(lin, drafted(lin, names, settings="queue_limit_ms = 200", batch_size=50))
    advanced(change, lambda change: change.batch == 2 and change.run is not None and change.run.pid is not None)
    os.kill(change.run.pid, signal.SIGKILL)
    change = advanced(change)
    assert (change.state, change.problem) == ("done", "")
    for name in names:
        assert executed(operated, name, change.number) == {f"{change.number}/set-{change.fence}/{name}/configure": 1}


def test_only_who_may_configure_drafts_and_what_is_wrong_is_named(operated):
    lin, wang, names = person("lin", "operator"), person("wang", "approver"), names_of()
    with pytest.raises(Forbidden):
        drafted(wang, names, settings="workers = 2")
    for wanted, field in (
        ({}, "settings"), ({"settings": "workers = 2", "content": "workers = 2"}, "settings"), ({"settings": "workers"}, "settings"),
        ({"settings": "workers = 2", "batch_size": 0}, "batch_size"), ({"content": "x" * 70_000}, "content"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as wrong:
            drafted(lin, names, **wanted)
        assert wrong.value.field == field
