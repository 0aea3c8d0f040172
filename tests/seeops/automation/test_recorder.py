"""The log of a run stays complete when the database goes away at the worst moments."""

from __future__ import annotations

import hashlib

import pytest
from django.db import OperationalError

from seeops.automation import runner
from seeops.automation.events import Event, note
from seeops.automation.models import Run, RunEvent, RunState
from seeops.automation.recorder import Recorder
from seeops.core.clock import now
from seeops.core.numbering import next_number
from tests.estate import person
from tests.polling import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run() -> Run:
    return Run.objects.create(
        **next_number(Run, "RUN"), playbook="inspection", title="inspection", purpose="playbook", targets=[],
        hosts_total=0, concurrency=1, fence=1, job_timeout_s=60, created_by=person("lin", "operator"),
    )  # fmt: skip


@pytest.fixture
def claimed(run: Run) -> Run:
    found = runner._claim(run.pk)
    assert found is not None
    return found


class Unlucky(Recorder):
    """A recorder whose database goes away, before or after the next batch is committed."""

    after_commit = False
    outages = 0

    def _store(self, batch: list[Event]) -> None:
        if self.outages and batch:
            self.outages -= 1
            if self.after_commit:
                super()._store(batch)
            self._count, self._digest = self.before
            raise OperationalError("the server closed the connection unexpectedly")
        super()._store(batch)
        self.before = self._count, self._digest.copy()


@pytest.mark.parametrize("after_commit", [False, True])
def test_nothing_is_lost_or_stored_twice_when_an_answer_is_lost(claimed: Run, after_commit: bool) -> None:
    recorder = Unlucky(claimed)
    recorder.before = recorder._count, recorder._digest.copy()
    recorder.after_commit, recorder.outages = after_commit, 2
    recorder.start()
    recorder.say("one")
    eventually(lambda: recorder.outages < 2, "the database went away once")
    recorder.say("two")
    recorder.finish()
    claimed.refresh_from_db()
    lines = [
        Event(event.at, event.host, event.task, event.status, event.changed, event.message, event.data).line(event.seq)
        for event in RunEvent.objects.filter(run=claimed).order_by("seq")
    ]
    assert not recorder.lost.is_set()
    assert (claimed.events_count, len(lines)) == (2, 2)
    assert claimed.events_digest == hashlib.sha256(b"".join(lines)).hexdigest()


def test_a_run_that_was_taken_over_stores_nothing_more(claimed: Run) -> None:
    recorder = Recorder(claimed)
    Run.objects.filter(pk=claimed.pk).update(epoch=claimed.epoch + 1)
    recorder.add([note(now(), "", "late")])
    recorder.start()
    recorder.finish()
    assert recorder.lost.is_set()
    assert not RunEvent.objects.filter(run=claimed).exists()


def test_a_run_is_claimed_once_and_the_answer_to_a_claim_may_be_lost(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([OperationalError("gone"), OperationalError("still gone")])

    def patiently(act):
        first = act()
        with pytest.raises(OperationalError):
            raise next(answers)
        again = act()
        assert (first.pk, first.epoch) == (again.pk, again.epoch)
        return again

    monkeypatch.setattr(runner, "_patiently", patiently)
    assert runner._claim(run.pk).state == RunState.RUNNING
    monkeypatch.undo()
    assert runner._claim(run.pk) is None


def test_what_a_database_that_was_away_refused_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "AGAIN_S", 0.01)
    left = [OperationalError("gone"), OperationalError("starting up")]

    def act() -> str:
        if left:
            raise left.pop()
        return "done"

    assert runner._patiently(act) == "done"
    monkeypatch.setattr(runner, "PATIENCE_S", 0.0)
    left = [OperationalError("gone"), OperationalError("gone")]
    with pytest.raises(OperationalError):
        runner._patiently(act)
