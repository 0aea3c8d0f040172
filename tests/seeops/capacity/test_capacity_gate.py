"""Shadow runs for the gates of releases: only of exactly the package of the plan, only what a report really says."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from seeops.capacity import services
from seeops.capacity.gate import Gates
from seeops.capacity.models import ShadowRun, WorkState
from seeops.cluster import door
from seeops.core.clock import now
from seeops.core.errors import Unavailable
from seeops.inventory.models import Version
from seeops.releases.gates.ports import Busy, Impossible
from tests.seeops.capacity.conftest import shadow_report
from tests.seeops.capacity.test_capacity_runs import finish, journal

__all__ = ["journal"]
HOUR = dt.timedelta(hours=1)


def start(package: Version, **changes: Any) -> str:
    asked = {"version": package.number, "digest": package.digest, "shard": 0, "reason": "gate", **changes}
    return Gates().start(**asked)


def ended(version: Version, number: str, **changes: Any) -> ShadowRun:
    run = ShadowRun.objects.get(number=number)
    report = shadow_report(**changes)
    report["candidate"]["digest"] = version.digest
    return finish(run, report)


def test_a_gate_begins_a_run_under_the_engines_name_and_reads_its_report(journal: Version) -> None:
    number = start(journal)
    assert not Gates().look(number).ended
    run = ended(journal, number, kinds={"NEW LIMIT DAY: ACCEPTED → refused: price collar": 4}, more_kinds=False)
    assert run.started_by.username == "release-engine"
    told = Gates().look(number)
    assert (told.ended, told.same, told.proven, told.commands) == (True, False, True, 210)
    assert told.kinds == ("NEW LIMIT DAY: ACCEPTED → refused: price collar",)
    assert told.report_sha256 == run.report_sha256
    assert told.url.endswith(f"/{run.pk}/")


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [({"kinds": {"state": 1}, "more_kinds": True}, None), ({}, None), ({"same": True, "differing_entries": 0}, ())],
)
def test_a_report_that_does_not_name_every_kind_says_so(journal: Version, changes: dict[str, Any], kinds: Any) -> None:
    number = start(journal)
    ended(journal, number, **changes)
    assert Gates().look(number).kinds == kinds


def test_only_a_run_of_exactly_this_package_begun_since_then_is_fresh(journal: Version) -> None:
    number = start(journal)
    fresh = {"version": journal.number, "digest": journal.digest, "shard": 0}
    assert Gates().fresh(**fresh, since=now() - HOUR) == "", "it has not ended"
    ended(journal, number)
    assert Gates().fresh(**fresh, since=now() - HOUR) == number
    assert Gates().fresh(**fresh, since=now() + HOUR) == ""
    assert Gates().fresh(**{**fresh, "digest": "f" * 64}, since=now() - HOUR) == ""
    assert Gates().fresh(**{**fresh, "version": "0.0.1"}, since=now() - HOUR) == ""
    assert Gates().fresh(**{**fresh, "shard": 1}, since=now() - HOUR) == ""


def test_what_is_in_the_way_is_told_apart_from_what_will_never_be(
    journal: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(journal)
    with pytest.raises(Busy, match="under way"):
        start(journal)
    with pytest.raises(Impossible, match="not the one of the plan"):
        start(journal, digest="f" * 64)
    with pytest.raises(Impossible, match="no candidate"):
        start(journal, version="0.0.1")

    def silent() -> Any:
        raise Unavailable("the cluster is not running")

    monkeypatch.setattr(door, "endpoints", silent)
    with pytest.raises(Busy, match="not running"):
        Gates().shards()


def test_a_shard_whose_journal_is_elsewhere_is_not_left_out(journal: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Busy, match="no journal of shard 1"):
        Gates().shards()
    known = door.endpoints()
    monkeypatch.setattr(door, "endpoints", lambda: {**known, "shards": {"0": {"SZ-A": {}}}})
    assert Gates().shards() == [0]


def test_a_stop_can_be_repeated(journal: Version) -> None:
    number = start(journal)
    Gates().stop(number, "the release is held")
    Gates().stop(number, "again")
    run = ShadowRun.objects.get(number=number)
    services.shadow_advance(run.pk)
    run.refresh_from_db()
    assert (run.state, run.same) == (WorkState.ENDED, None)
    Gates().stop(number, "once more")
