"""Schedules: when they are due, that two beats start a moment once, and what happens to missed ones."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from seeops.automation import clockwork, scheduling, timing
from seeops.automation.models import Schedule, ScheduleMoment, WorkflowRun, WorkflowVersion
from seeops.automation.workflows import versions
from seeops.core.clock import SHANGHAI, now
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation
from tests.estate import person
from tests.seeops.automation.test_workflow_checks import flow, wait

FRIDAY = dt.datetime(2026, 1, 30, 1, 0, tzinfo=dt.UTC)


def test_moments_are_those_of_shanghai_and_of_trading_days():
    assert timing.next_due("45 8 * * *", FRIDAY).astimezone(SHANGHAI) == dt.datetime(
        2026, 1, 31, 8, 45, tzinfo=SHANGHAI
    )
    weekday = timing.next_due("45 8 * * *", FRIDAY, trading=lambda day: day.weekday() < 5)
    assert weekday.astimezone(SHANGHAI).date() == dt.date(2026, 2, 2)
    assert len(timing.upcoming("0 * * * *", FRIDAY, 5)) == 5
    for wrong in ("", "every day", "61 * * * *", "0 0 31 2 *"):
        with pytest.raises(timing.BadExpression):
            timing.next_due(wrong, FRIDAY)
    with pytest.raises(timing.BadExpression, match="two years"):
        timing.next_due("0 9 * * *", FRIDAY, trading=lambda day: False)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 59), st.integers(0, 23), st.integers(0, 4 * 366 * 24 * 60))
def test_the_next_moment_lies_ahead_and_fits_the_expression(minute, hour, after):
    after = FRIDAY + dt.timedelta(minutes=after)
    due = timing.next_due(f"{minute} {hour} * * *", after)
    local = due.astimezone(SHANGHAI)
    assert (local.minute, local.hour) == (minute, hour)
    assert dt.timedelta(0) < due - after <= dt.timedelta(days=1)


@pytest.fixture
def version(transactional_db: None, valkey_url: str) -> WorkflowVersion:
    wu, wang = person("wu", "operator"), person("wang", "approver")
    workflow = versions.workflow_create(actor=wu, title="Mine")
    version = versions.version_save(
        actor=wu,
        workflow=workflow,
        definition=flow(inputs={"n": {"type": "int"}}, a=wait(seconds="${inputs.n}")),
        base=1,
    )
    versions.version_submit(actor=wu, version=version)
    versions.version_decide(actor=wang, version=version, approve=True, digest=version.digest, reason="")
    return version


def make(version: WorkflowVersion, **more: Any) -> Schedule:
    values = {
        "expression": "45 8 * * *",
        "trading_days_only": True,
        "missed": "skip",
        "inputs": {"n": 5},
        "reason": "test",
        **more,
    }
    return scheduling.schedule_make(actor=version.created_by, version=version, **values)


def test_a_moment_is_started_once_by_however_many_beats(version):
    schedule = make(version)
    Schedule.objects.update(next_at=now() - dt.timedelta(seconds=1))
    barrier = threading.Barrier(4)

    def beat() -> None:
        barrier.wait()
        clockwork.start_due(scheduling.WORKFLOWS)
        connection.close()

    beats = [threading.Thread(target=beat) for _n in range(4)]
    for each in beats:
        each.start()
    for each in beats:
        each.join()
    assert (WorkflowRun.objects.get().inputs, ScheduleMoment.objects.get().outcome) == ({"n": 5}, "started")
    schedule.refresh_from_db()
    assert schedule.next_at > now()


@pytest.mark.parametrize(("missed", "outcome"), [("skip", "missed"), ("once", "started")])
def test_missed_moments_are_left_out_or_made_up_for_once(version, missed, outcome):
    make(version, expression="* * * * *", trading_days_only=False, missed=missed)
    Schedule.objects.update(next_at=now() - dt.timedelta(hours=5))
    clockwork.start_due(scheduling.WORKFLOWS)
    clockwork.start_due(scheduling.WORKFLOWS)
    assert ScheduleMoment.objects.get().outcome == outcome
    assert WorkflowRun.objects.count() == (outcome == "started")


def test_whoever_lost_the_right_starts_nothing_and_it_is_said(version):
    make(version)
    version.created_by.roles = ["auditor"]
    version.created_by.save()
    Schedule.objects.update(next_at=now())
    clockwork.start_due(scheduling.WORKFLOWS)
    assert ScheduleMoment.objects.get().outcome == "refused"
    assert "workflow.run" in ScheduleMoment.objects.get().text


def test_what_is_scheduled_is_checked_and_shown(version, client):
    for values in ({"expression": "soon"}, {"missed": "perhaps"}, {"reason": " "}, {"inputs": {"n": "five"}}):
        with pytest.raises(InvalidInput):
            make(version, **values)
    with pytest.raises(RuleViolation, match="not approved"):
        scheduling.schedule_make(actor=version.created_by, version=version.workflow.versions.get(number=1), expression="* * * * *",
                                 trading_days_only=False, missed="skip", inputs={}, reason="x")  # fmt: skip
    with pytest.raises(Forbidden):
        scheduling.schedule_make(actor=person("he", "auditor"), version=version, expression="* * * * *", trading_days_only=False,
                                 missed="skip", inputs={}, reason="x")  # fmt: skip
    client.force_login(version.created_by)
    sent = {
        "expression": "45 8 * * 1-5",
        "missed": "once",
        "trading_days_only": "1",
        "input-n": "7",
        "reason": "every morning",
    }
    assert client.post("/automation/workflows/mine/2/schedule/", sent).status_code == 302
    schedule = Schedule.objects.get()
    assert (schedule.inputs, len(clockwork.upcoming(schedule))) == ({"n": 7}, 3)
    page = client.get("/automation/workflows/mine/?tab=schedules").content.decode()
    assert "every morning" in page and "08:45" in page
    client.post(f"/automation/workflows/schedules/{schedule.pk}/switch/", {"enabled": "0"})
    schedule.refresh_from_db()
    assert (schedule.enabled, schedule.next_at, clockwork.start_due(scheduling.WORKFLOWS)) == (False, None, 0)
    client.post(f"/automation/workflows/schedules/{schedule.pk}/switch/", {"enabled": "1"})
    schedule.refresh_from_db()
    assert schedule.next_at is not None
