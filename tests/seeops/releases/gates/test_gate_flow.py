"""The gates in the way of a release: begun once, gone on with by anybody, decided once, stopped and cleared when the release stops."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from seeops.audit.models import AuditRecord
from seeops.automation.models import Run
from seeops.changes import services as changes
from seeops.releases import engine, gates, services, states
from seeops.releases.gates import keeping, ports, selectors, watch
from seeops.releases.gates.models import Gate, GateState
from seeops.releases.models import Release
from tests.estate import person
from tests.seeops.releases.gates.conftest import Injected, Replays, passed, release_of

CHAOS = {"chaos": {"fault": "kill", "nodes": 1, "recovery_s": 10, "wait_s": 60}}


def before(release: Release) -> gates.GateAnswer:
    return gates.before_part(release, release.parts.get(position=1))


def later(monkeypatch: pytest.MonkeyPatch, gate: Gate, seconds: float) -> None:
    """As if the gate had begun so many seconds ago."""
    ago = dt.timedelta(seconds=seconds)
    Gate.objects.filter(pk=gate.pk).update(began=gate.began - ago, until=gate.until - ago)


# The shadow gate


def test_every_shard_is_replayed_once_and_identical_events_open_the_gate(small_estate: Any, replays: Replays) -> None:
    release = release_of("matching")
    assert before(release).state == gates.WAITS
    replays.same(0)
    assert "1 of 2 shards" in before(release).text
    replays.same(1)
    assert before(release).state == gates.PASSED
    assert before(release).state == gates.PASSED
    assert sorted(replays.runs.values()) == [0, 1], "asked five times, begun once per shard"
    gate = Gate.objects.get()
    assert gate.work == {"0": "SHD-0001", "1": "SHD-0002"}
    assert gate.digest == keeping.digest(gate.evidence)
    record = AuditRecord.objects.get(action="release.gate")
    assert (record.after["state"], record.after["digest"]) == ("passed", gate.digest)


def test_a_service_without_shards_has_no_shadow_gate(small_estate: Any, replays: Replays) -> None:
    release = release_of("session")
    assert before(release) == gates.GateAnswer(gates.NONE)
    assert not Gate.objects.exists()


def test_a_difference_ends_the_release_before_any_node_is_touched(small_estate: Any, replays: Replays) -> None:
    release = release_of("matching")
    engine.advance(release.pk)
    replays.answers[1] = ports.Replay(
        "", 1, "", ended=True, same=False, proven=True, commands=9, text="Entry 3 differs"
    )
    engine.advance(release.pk)
    release.refresh_from_db()
    assert release.state == states.ABORTED
    assert "Entry 3 differs" in release.state_reason
    assert replays.stopped == ["SHD-0001"], "the other shard's replay is not needed any more"
    assert not Run.objects.exists(), "no node was touched"


def test_declared_differences_open_the_gate_and_no_others(small_estate: Any, replays: Replays) -> None:
    kind = "NEW LIMIT DAY: ACCEPTED → refused: price collar"
    release = release_of("matching", gates={"shadow": {"declared": [kind]}})
    replays.same(0)
    differs = ports.Replay("", 1, "", ended=True, same=False, proven=True, commands=9, kinds=(kind,))
    replays.answers[1] = differs
    assert before(release).state == gates.PASSED
    replays.answers[1] = replace(differs, kinds=(kind, "CANCEL: CANCELLED → nothing"))
    Gate.objects.all().delete()
    assert before(release).state == gates.FAILED


def test_a_fresh_run_of_the_same_package_is_relied_on(small_estate: Any, replays: Replays) -> None:
    release = release_of("matching")
    replays.runs, replays.usable = {"SHD-0900": 0}, {0: "SHD-0900"}
    replays.same(0, 1)
    assert before(release).state == gates.PASSED
    assert Gate.objects.get().work == {"0": "SHD-0900", "1": "SHD-0002"}


def test_what_is_busy_waits_and_what_does_not_end_is_inconclusive(
    small_estate: Any, replays: Replays, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = release_of("matching")
    replays.busy = "a shadow run of shard 0 is under way"
    assert "under way" in before(release).text
    replays.busy = ""
    replays.same(0)
    assert before(release).state == gates.WAITS
    later(monkeypatch, Gate.objects.get(), 1801)
    answer = before(release)
    assert answer.state == gates.INCONCLUSIVE
    assert "not decided within 1800 s" in answer.text
    assert replays.stopped == ["SHD-0002"]
    assert not replays.stop("SHD-0002", "again")


@pytest.mark.parametrize("known", [[], None])
def test_without_journals_nothing_passes(
    small_estate: Any, replays: Replays, monkeypatch: pytest.MonkeyPatch, known: Any
) -> None:
    release = release_of("matching")
    if known is None:
        monkeypatch.setattr(ports, "_shadow", [])
    else:
        replays.known = known
    assert before(release).state == gates.INCONCLUSIVE
    engine.advance(release.pk)
    release.refresh_from_db()
    assert release.state == states.HOLDING


def test_after_an_inconclusive_gate_a_resume_tries_again(small_estate: Any, replays: Replays) -> None:
    release = release_of("matching")
    replays.known = []
    engine.advance(release.pk)
    release.refresh_from_db()
    assert before(release).state == gates.INCONCLUSIVE, "asked again without a person, it stays what it is"
    services.release_resume(actor=person("zhao", "operator"), release=release)
    replays.known = [0, 1]
    replays.same(0, 1)
    release.refresh_from_db()
    assert before(release).state == gates.PASSED
    assert [gate.attempt for gate in Gate.objects.order_by("attempt")] == [1, 2]


def test_two_workers_open_one_gate(small_estate: Any, replays: Replays) -> None:
    release = release_of("matching")
    before(release)
    gate = Gate.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Gate.objects.create(
            release=release, part=gate.part, kind="shadow", attempt=2, began=gate.began, until=gate.until
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        Gate.objects.filter(pk=gate.pk).update(state=GateState.PASSED, ended=gate.began)  # without evidence


# The chaos gate


def test_a_fault_on_a_node_of_the_first_batch_is_survived(small_estate: Any, injected: Injected) -> None:
    release = release_of("session", gates=CHAOS)
    batch = passed(release, 1)
    assert gates.after_batch(release, batch).state == gates.WAITS
    assert gates.after_batch(release, batch).state == gates.WAITS
    (started,) = injected.started
    assert started["nodes"] == [(batch.nodes.get().node.name, batch.nodes.get().node.centre.code)]
    assert (started["release"], started["options"]["fault"]) == (release.number, "kill")
    injected.held()
    answer = gates.after_batch(release, batch)
    assert answer.state == gates.PASSED
    assert "served again after 3.0 s of 10 s" in answer.text


def test_without_a_wish_there_is_no_chaos_gate(small_estate: Any, injected: Injected) -> None:
    release = release_of("session")
    assert gates.after_batch(release, passed(release, 1)).state == gates.NONE


@pytest.mark.parametrize(
    ("told", "state"),
    [({"recovered_s": 11.0}, states.ROLLING_BACK), ({"lost": 1}, states.ROLLING_BACK), ({"outcome": "unknown"}, states.HOLDING)],
)  # fmt: skip
def test_what_is_not_survived_rolls_back_and_what_is_not_known_holds(
    small_estate: Any, injected: Injected, told: dict[str, Any], state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = release_of("session", gates=CHAOS)
    passed(release, 1)
    engine.advance(release.pk)
    injected.held(**told)
    monkeypatch.setattr(engine.rollback, "advance", lambda release: False)
    engine.advance(release.pk)
    release.refresh_from_db()
    assert release.state == state
    assert release.batches.get(number=2).state == states.PENDING


def test_it_waits_for_the_right_moment_and_not_for_ever(
    small_estate: Any, injected: Injected, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = release_of("session", gates=CHAOS)
    batch = passed(release, 1)
    frozen = ["the trading day is frozen"]
    monkeypatch.setattr(changes, "ticket_batch_problem", lambda ticket, needs_s: "".join(frozen))
    assert "the trading day is frozen" in gates.after_batch(release, batch).text
    frozen.clear()
    injected.busy = "EXP-0007 is running: one experiment at a time."
    assert "one experiment at a time" in gates.after_batch(release, batch).text
    assert not injected.started
    later(monkeypatch, Gate.objects.get(), 61)
    answer = gates.after_batch(release, batch)
    assert answer.state == gates.INCONCLUSIVE
    assert "no right moment within 60 s" in answer.text


def test_a_run_that_hangs_is_stopped_and_proves_nothing(
    small_estate: Any, injected: Injected, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = release_of("session", gates=CHAOS)
    batch = passed(release, 1)
    gates.after_batch(release, batch)
    later(monkeypatch, Gate.objects.get(), 4_000)
    assert gates.after_batch(release, batch).state == gates.INCONCLUSIVE
    assert injected.stopped == ["EXP-0001"]


def test_more_nodes_than_the_first_batch_has_cannot_be_hit(small_estate: Any, injected: Injected) -> None:
    release = release_of("session", gates={"chaos": {"nodes": 3}})
    assert gates.after_batch(release, passed(release, 1)).state == gates.INCONCLUSIVE
    assert not injected.started


# Stopping


@pytest.mark.parametrize("how", ["hold", "abort"])
def test_a_release_that_stops_takes_its_gate_with_it(small_estate: Any, injected: Injected, how: str) -> None:
    release = release_of("session", gates=CHAOS)
    passed(release, 1)
    engine.advance(release.pk)
    zhao = person("zhao", "operator")
    act = services.release_hold if how == "hold" else services.release_abort
    act(actor=zhao, release=release, reason="phones ring")
    watch.sweep()
    watch.sweep()
    gate = Gate.objects.get()
    assert (gate.state, injected.stopped) == (GateState.STOPPED, ["EXP-0001"])
    if how == "hold":
        release.refresh_from_db()
        services.release_resume(actor=zhao, release=release)
        engine.advance(release.pk)
        assert [row.attempt for row in Gate.objects.order_by("attempt")] == [1, 2]
        assert len(injected.started) == 2


def test_a_sweep_leaves_the_gates_of_running_releases_alone(small_estate: Any, injected: Injected) -> None:
    release = release_of("session", gates=CHAOS)
    gates.after_batch(release, passed(release, 1))
    watch.sweep()
    assert Gate.objects.get().open


def test_what_cannot_be_stopped_is_said(small_estate: Any, injected: Injected, monkeypatch: pytest.MonkeyPatch) -> None:
    release = release_of("session", gates=CHAOS)
    gates.after_batch(release, passed(release, 1))
    monkeypatch.setattr(ports, "_faults", [])
    watch.stop_of(release, "the release is held")
    gate = Gate.objects.get()
    assert gate.state == GateState.STOPPED
    assert "ends by its lease" in gate.text


def test_the_page_shows_every_gate_also_those_to_come(small_estate: Any, replays: Replays, injected: Injected) -> None:
    release = release_of("matching", "session", gates=CHAOS)
    assert [(row.part, row.kind, row.gate) for row in selectors.shown(release)] == [
        ("matching 9.9.0", "shadow", None), ("matching 9.9.0", "chaos", None), ("session 9.9.0", "chaos", None),
    ]  # fmt: skip
    before(release)
    gates.after_batch(release, passed(release, 1))
    rows = selectors.shown(release)
    assert [one["number"] for one in rows[0].work] == ["SHD-0001", "SHD-0002"]
    assert [one["number"] for one in rows[1].work] == ["EXP-0001"]


def test_the_releases_page_says_what_a_gate_found(
    small_estate: Any, replays: Replays, injected: Injected, client: Any
) -> None:
    release = release_of("matching", gates=CHAOS)
    replays.same(0, 1)
    before(release)
    client.force_login(person("he", "auditor"))
    page = client.get(f"/releases/{release.pk}/live/").content.decode()
    assert "identical events on 2 shards" in page.replace("Identical", "identical")
    assert Gate.objects.get().digest[:12] in page
    assert "SHD-0001" in page
    assert "to come" in page, "the chaos gate behind it"
