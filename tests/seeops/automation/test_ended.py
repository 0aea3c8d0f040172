"""Whoever queued a run is told when it has ended, after that is stored; nobody told is no harm to the run."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from seeops.automation import ended, runner
from seeops.automation.models import Run, RunState
from seeops.automation.results import Results
from tests.estate import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> Run:
    return Run.objects.create(
        number="RUN-00001", playbook="inspection", title="Inspect", state=RunState.RUNNING, epoch=1, targets=[],
        created_by=person("lin", "operator"),
    )  # fmt: skip


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """(run, its stored state at that moment) of each time that somebody was told."""
    found: list[tuple[int, str]] = []
    monkeypatch.setattr(ended, "_listeners", [])
    ended.listen(lambda pk: found.append((pk, Run.objects.get(pk=pk).state)))
    return found


def end(run: Run, *, lost: bool = False) -> None:
    recorder = SimpleNamespace(lost=threading.Event(), topics=[f"run-{run.pk}"])
    if lost:
        recorder.lost.set()
    runner._end(run, recorder, Results(), RunState.DONE, "")


def test_the_end_is_told_when_it_is_stored(run: Run, told: list[Any]) -> None:
    end(run)
    assert told == [(run.pk, RunState.DONE)]


def test_a_process_that_lost_its_run_tells_nothing(run: Run, told: list[Any]) -> None:
    end(run, lost=True)
    assert told == []


def test_who_cannot_be_told_harms_neither_the_run_nor_the_others(run: Run, told: list[Any]) -> None:
    def breaks(_pk: int) -> None:
        raise ConnectionError("the broker is away")

    ended._listeners.insert(0, breaks)
    end(run)
    assert told == [(run.pk, RunState.DONE)]


def test_who_listens_twice_is_told_once(run: Run, told: list[Any]) -> None:
    for listener in list(ended._listeners):
        ended.listen(listener)
    end(run)
    assert len(told) == 1
