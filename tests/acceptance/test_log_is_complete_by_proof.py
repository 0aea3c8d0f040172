"""The log of a run is what the run wrote, or it is said where it is not: its count and digest stand beside the run, and any
altered, missing or added event is found together with its place. A killed process leaves a log that is still whole."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from seeops.automation import selectors
from seeops.automation.events import Event
from seeops.automation.models import Run, RunEvent, RunState
from seeops.automation.recorder import LeaseGone, Recorder
from tests.estate import person

BEGAN = dt.datetime(2026, 3, 2, 1, 30, tzinfo=dt.UTC)
BATCHES, EACH = 10, 50


@pytest.fixture
def recorded(db: None, valkey_url: str) -> Run:
    """A run with ten batches of fifty events."""
    run = Run.objects.create(
        number="RUN-00001", playbook="inspection", title="Inspect nodes", state=RunState.RUNNING, epoch=1,
        created_by=person("lin", "operator"),
    )  # fmt: skip
    recorder = Recorder(run)
    for batch in range(BATCHES):
        numbers = range(batch * EACH, (batch + 1) * EACH)
        recorder._store(
            [
                Event(BEGAN + dt.timedelta(seconds=n), f"node-{n}", "Inspect", "ok", False, "is up", {"n": n})
                for n in numbers
            ]
        )
    run.refresh_from_db()
    return run


def test_count_and_digest_shown_to_people_and_programs_equal_the_stored(recorded, client):
    report = selectors.log_verify(recorded)
    assert (report.events, report.recorded, report.intact, report.altered) == (500, 500, True, None)
    client.force_login(recorded.created_by)
    told = client.get(f"/api/v1/runs/{recorded.pk}/").json()
    assert (told["events_count"], told["events_digest"]) == (500, recorded.events_digest)
    assert recorded.events_digest in client.get(f"/automation/runs/{recorded.pk}/proof/").content.decode()


def tampered(seq: int) -> Any:
    return RunEvent.objects.filter(seq=seq)


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (lambda: tampered(137).update(message="is uq"), (101, 150)),
        (lambda: tampered(137).update(data={"n": 137}), (101, 150)),
        (lambda: tampered(1).update(host="node-1"), (1, 50)),
        (lambda: tampered(500).delete(), (451, 500)),
        (lambda: tampered(222).delete(), (222, 222)),
        (lambda: tampered(222).update(at=BEGAN), (201, 250)),
        (lambda: Run.objects.update(events_digest="0" * 64), (500, 500)),
    ],
)
def test_one_altered_byte_is_found_with_its_place(recorded, client, spoil, where):
    spoil()
    recorded.refresh_from_db()
    report = selectors.log_verify(recorded)
    assert (report.intact, report.altered) == (False, where)
    client.force_login(recorded.created_by)
    assert client.get(f"/api/v1/runs/{recorded.pk}/proof/").json()["altered"] == list(where)


def test_whoever_lost_the_run_writes_nothing_any_more(recorded):
    late = Recorder(recorded)
    late._count = recorded.events_count
    Run.objects.update(epoch=2)
    with pytest.raises(LeaseGone):
        late._store([Event(BEGAN, "node-1", "Inspect", "ok", False, "", None)])
    recorded.refresh_from_db()
    assert selectors.log_verify(recorded).intact
