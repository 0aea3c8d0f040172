"""A release is cancelled in every phase of its life: dispatch stops at once, the end is final, nothing is left behind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seeops.automation.models import Run
from seeops.core.clock import now
from seeops.core.errors import RuleViolation
from seeops.inventory.models import Lock
from seeops.releases import engine, services, starting, states
from seeops.releases.models import Batch, Release
from tests.estate import small_estate
from tests.seeops.releases.paper import NEW, OLD, Paper, approved, look, paper, people, until, wish

__all__ = ["paper", "people", "small_estate"]
pytestmark = pytest.mark.django_db


class Stage:
    """A release and everybody around it."""

    def __init__(self, people: dict[str, Any], paper: Paper, folder: Path) -> None:
        self.people, self.paper, self.folder = people, paper, folder
        self.release = self.planned()

    def planned(self) -> Release:
        return approved(self.people, wish(self.folder, "quote-push", 3), lock_policy="queue")

    def start(self) -> None:
        self.release = services.release_start(actor=self.people["lin"], release=self.release)

    def abort(self) -> None:
        self.release = services.release_abort(actor=self.people["lin"], release=self.release, reason="stop")


def waiting_for_approval(stage: Stage) -> None:
    assert stage.release.state == states.READY


def queued(stage: Stage) -> None:
    first = stage.release
    stage.start()
    stage.release = stage.planned()
    stage.start()
    assert (stage.release.state, stage.release.state_reason.split(",")[0]) == (
        states.QUEUED, f"waits for {first.number}",
    )  # fmt: skip
    services.release_abort(actor=stage.people["lin"], release=first, reason="make room")


def connecting(stage: Stage) -> None:
    stage.start()
    engine.advance(stage.release.pk)
    assert Run.objects.get().state == "queued"


def running(stage: Stage) -> None:
    connecting(stage)
    engine.advance(stage.release.pk)
    assert stage.paper.live


def running_and_deaf(stage: Stage) -> None:
    running(stage)
    stage.paper.deaf = True


def soaking(stage: Stage) -> None:
    Release.objects.filter(pk=stage.release.pk).update(soak_s=600)
    stage.start()
    while not stage.release.batches.filter(state=states.SOAKING).exists():
        look(stage.paper, stage.release)


def judging(stage: Stage) -> None:
    stage.paper.outcomes[1] = "INCONCLUSIVE"
    stage.start()
    judged = stage.paper.judge

    def aborted_meanwhile(release: Release, batch: Batch) -> Any:
        stage.abort()
        return judged(release, batch)

    stage.paper.during_judgement = aborted_meanwhile
    stage.release = until(stage.paper, stage.release, states.ROLLING_BACK, states.ABORTED)
    assert not stage.release.batches.filter(verdicts__isnull=False).exists(), "the late verdict is refused"


def waiting_for_a_word(stage: Stage) -> None:
    stage.paper.outcomes[1] = "INCONCLUSIVE"
    stage.start()
    stage.release = until(stage.paper, stage.release, states.HOLDING)


PHASES: list[Callable[[Stage], None]] = [
    waiting_for_approval, queued, connecting, running, running_and_deaf, soaking, judging, waiting_for_a_word,
]  # fmt: skip


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)
def test_an_abort_ends_the_release_in_every_phase(people, paper, tmp_path, phase):
    stage = Stage(people, paper, tmp_path)
    phase(stage)
    late = dict(paper.live)
    begun = Run.objects.count()
    if stage.release.state not in (states.ROLLING_BACK, states.ABORTED):
        stage.abort()
    if paper.deaf:
        engine.advance(stage.release.pk)
        Run.objects.update(cancel_requested_at=now() - dt.timedelta(seconds=10))
    release = until(paper, stage.release, states.ABORTED)
    for other in Release.objects.exclude(pk=release.pk):
        until(paper, other, states.ABORTED)
    assert set(paper.versions(release)) == {OLD}
    assert not Lock.objects.exists()
    assert not paper.live, "no process is left"
    assert not release.batches.filter(state__in=states.UNDER_WAY).exists()
    assert not Run.objects.filter(state__in=("queued", "running")).exists()
    assert not Run.objects.filter(purpose="deploy", pk__gt=0)[begun:].exists(), "nothing further was begun"
    for pk, epoch in late.items():
        assert not paper.write(pk, epoch, hosts_done=99), "a late write of a runner is refused"
    starting.start_queued()
    assert look(paper, release).state == states.ABORTED


def test_a_roll_back_is_not_cancelled_and_comes_to_its_end(people, paper, tmp_path):
    stage = Stage(people, paper, tmp_path)
    paper.outcomes[2] = "FAIL"
    stage.start()
    release = until(paper, stage.release, states.ROLLING_BACK)
    assert NEW in paper.versions(release)
    with pytest.raises(RuleViolation, match="not possible now"):
        stage.release = release
        stage.abort()
    release = until(paper, release, states.ROLLED_BACK)
    assert (set(paper.versions(release)), Lock.objects.exists()) == ({OLD}, False)
