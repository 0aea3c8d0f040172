"""The rail of every page says whether the inspection needs somebody: in one query, and never otherwise than its own page."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from seeops.automation import inspection_selectors, rail
from seeops.automation.models import (
    Booking,
    BookingMoment,
    ConfigurationChange,
    InspectionReport,
    Run,
    Workflow,
    WorkflowRun,
    WorkflowVersion,
)
from seeops.core.clock import now
from tests.estate import person

pytestmark = pytest.mark.django_db
AGO = dt.timedelta(minutes=10)


@pytest.fixture
def lin() -> Any:
    return person("lin", "operator")


@pytest.fixture
def scheduled(lin: Any) -> Booking:
    return Booking.objects.create(
        playbook="inspection", choice={"all": True}, expression="30 8 * * *", next_at=now() + AGO, reason="x", created_by=lin
    )  # fmt: skip


def settled(row: Booking, outcome: str = "started", **more: Any) -> BookingMoment:
    return BookingMoment.objects.create(booking=row, due_at=now() - AGO, at=now() - AGO, outcome=outcome, **more)


def reported(lin: Any, *, state: str = "done", verdict: str = "good", whole: bool = True) -> InspectionReport:
    run = Run.objects.create(number=f"RUN-{Run.objects.count()}", playbook="inspection", created_by=lin)
    return InspectionReport.objects.create(
        number=f"INS-{InspectionReport.objects.count()}",
        run=run,
        whole=whole,
        state=state,
        verdict=verdict,
        created_by=lin,
    )


def agreed(person: Any, wanted: bool, queries: Any) -> None:
    with queries(1):
        shown = rail.waiting(person).inspections
    assert (shown, inspection_selectors.standing().needs_somebody) == (int(wanted), wanted)


@pytest.mark.parametrize(
    ("state", "verdict", "wanted"),
    [("done", "good", False), ("done", "attention", False), ("done", "bad", True), ("incomplete", "unknown", True)],
)
def test_a_report_that_is_there_counts_as_what_it_found(
    lin, scheduled, state, verdict, wanted, django_assert_num_queries
):
    settled(scheduled, run=reported(lin, state=state, verdict=verdict).run)
    agreed(lin, wanted, django_assert_num_queries)


def test_the_newest_report_over_the_whole_estate_counts(lin, scheduled, django_assert_num_queries):
    reported(lin, verdict="bad")
    settled(scheduled, run=reported(lin).run)
    reported(lin, verdict="bad", whole=False)
    reported(lin, state="collecting", verdict="progress")
    agreed(lin, False, django_assert_num_queries)


@pytest.mark.parametrize("fate", ["missed", "refused", "no run", "no report", "still collecting", "unsettled"])
def test_one_that_should_be_there_and_is_not_is_never_good(lin, scheduled, fate, django_assert_num_queries):
    reported(lin)
    match fate:
        case "unsettled":
            Booking.objects.update(next_at=now() - AGO)
        case "missed" | "refused":
            settled(scheduled, fate)
        case "no run":
            settled(scheduled)
        case "no report":
            settled(scheduled, run=Run.objects.create(number="RUN-late", playbook="inspection", created_by=lin))
        case "still collecting":
            settled(scheduled, run=reported(lin, state="collecting", verdict="progress").run)
    agreed(lin, True, django_assert_num_queries)
    assert inspection_selectors.missing_bookings() == 1


def test_the_last_moment_of_a_schedule_counts_and_not_an_earlier_one(lin, scheduled, django_assert_num_queries):
    BookingMoment.objects.create(booking=scheduled, due_at=now() - 2 * AGO, at=now() - 2 * AGO, outcome="missed")
    settled(scheduled, run=reported(lin).run)
    agreed(lin, False, django_assert_num_queries)


@pytest.mark.parametrize(("verdict", "wanted"), [("good", False), ("bad", True), ("unknown", True)])
def test_without_a_schedule_the_newest_report_counts(lin, verdict, wanted, django_assert_num_queries):
    agreed(lin, False, django_assert_num_queries)
    reported(lin, verdict=verdict)
    agreed(lin, wanted, django_assert_num_queries)


def test_a_first_inspection_that_is_due_later_needs_nobody(lin, scheduled, django_assert_num_queries):
    agreed(lin, False, django_assert_num_queries)
    assert inspection_selectors.standing().state == "absent"


def test_workflows_and_configurations_are_counted_in_the_same_statement(lin, django_assert_num_queries):
    workflow = Workflow.objects.create(slug="w", title="w", created_by=lin)
    version = WorkflowVersion.objects.create(
        workflow=workflow, number=1, definition={}, digest="d" * 64, created_by=lin
    )
    for number, state in enumerate(("holding", "holding", "running")):
        WorkflowRun.objects.create(number=f"WFR-{number}", version=version, state=state, started_by=lin)
    for state in ("done", "stopped", "rollback_failed"):
        ConfigurationChange.objects.create(number=f"CFG-{state}", state=state, created_by=lin)
    with django_assert_num_queries(1):
        found = rail.waiting(lin)
    assert found == rail.Waiting(workflows=2, configurations=2, inspections=0)
    assert rail.waiting(person("wu", "operator")) == rail.Waiting(workflows=0, configurations=2, inspections=0)
