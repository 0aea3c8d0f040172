"""What was observed is written once, what nobody answers for is unknown."""

from __future__ import annotations

import datetime as dt
from typing import Any

import requests

from seeops.core.clock import now
from seeops.inventory import selectors, services
from seeops.inventory.models import STALE_AFTER, Centre, Node
from seeops.inventory.observer import moment
from tests.estate import RunningCentre
from tests.polling import eventually


def test_changes_are_written_once_and_silence_is_unknown(
    centre: RunningCentre, small_estate: dict[str, Any], django_assert_max_num_queries: Any
) -> None:
    first = services.nodes_observe()
    # The centre is shared: a node that another test has touched may still be coming back.
    here = Node.objects.filter(centre__code="SZ-A")
    eventually(
        lambda: services.nodes_observe() and not here.exclude(state="up").exists(), "all nodes of SZ-A are up", 30
    )
    assert first.silent == ["SZ-B", "WH-A"] and first.strangers == []
    assert selectors.state_counts()["unknown"] == Node.objects.exclude(centre__code="SZ-A").count()
    node = selectors.node_by_name("auth-sza-001")
    assert (node.state_now, node.version) == ("up", "1.0.0")
    assert node.agent_url == f"{centre.url}/nodes/auth-sza-001"
    assert services.nodes_observe().written == 0

    lease = requests.post(
        f"{centre.url}/nodes/auth-sza-001/faults",
        json={"kind": "pause", "params": {}, "lease_s": 60, "owner": "test"},
        timeout=5,
    ).json()["lease"]
    with django_assert_max_num_queries(40):
        assert services.nodes_observe().changed == ["auth-sza-001"]
    assert selectors.node_by_name("auth-sza-001").state_now == "paused"
    requests.delete(f"{centre.url}/nodes/auth-sza-001/faults/{lease}", timeout=5)
    services.nodes_observe()
    assert selectors.node_by_name("auth-sza-001").state_now == "up"


def test_a_node_the_inventory_lacks_is_a_stranger(centre: RunningCentre, small_estate: dict[str, Any]) -> None:
    Node.objects.filter(name="auth-sza-001").delete()
    assert services.nodes_observe().strangers == ["auth-sza-001"]


def test_an_observation_that_is_too_old_counts_as_unknown(small_estate: dict[str, Any]) -> None:
    assert selectors.state_counts()["unknown"] == 0
    Centre.objects.filter(code="SZ-A").update(observed_at=now() - STALE_AFTER - dt.timedelta(seconds=1))
    assert selectors.node_by_name("auth-sza-001").state_now == "unknown"
    assert selectors.node_by_name("auth-szb-001").state_now == "up"
    assert [centre.code for centre in selectors.freshness().silent] == ["SZ-A"]
    cell = next(cell for cell in selectors.cells() if (cell.service, cell.centre) == ("auth", "SZ-A"))
    assert (cell.serving, cell.state) == (0, "unknown")


def test_times_of_agents_are_read_in_both_forms() -> None:
    assert moment(0) is None and moment(None) is None and moment("") is None
    assert moment(1_700_000_000.5) == moment("2023-11-14T22:13:20.5+00:00")
