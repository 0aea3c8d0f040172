"""Freezes: one place says no to every path, and the database says it again."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import DatabaseError, transaction

from seeops.changes import freezes, guard, services, tasks
from seeops.changes.calendar import SHANGHAI
from seeops.changes.models import ChangePolicy, ChangeTicket, FreezeInterval, FreezeRule
from seeops.core.clock import now
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation
from tests.seeops.changes.control import approved, draft

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


def freeze(staff, *, start=-HOUR, end=HOUR, **values):
    moment = now()
    scope = {name: values.pop(name) for name in freezes.SCOPES if name in values}
    given = {"title": "Audit week", "reason": "auditors look", "kind": "once", "starts_at": moment + start,
             "ends_at": moment + end, "everywhere": not scope}  # fmt: skip
    return freezes.rule_save(actor=staff["root"], rule=None, values=given | values, scope=scope, reason="asked for")


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def in_force(staff, moment=None):
    freezes.policy_set(
        actor=staff["root"], calendar_in_force=True, approval_valid_h=72, break_glass_h=2, reason="production"
    )
    freezes.expand_all(moment)


def test_out_of_the_box_nothing_is_frozen_at_any_hour(tiny, staff):
    ticket = draft(staff, tiny["gate"])
    assert FreezeRule.objects.filter(enabled=True).count() == 3, "the usual freezes are there as data"
    assert not ChangePolicy.load().calendar_in_force
    for hours in range(0, 24 * 9, 5):
        assert guard.closed(ticket, now() + hours * HOUR) == ""


def test_a_freeze_stops_service_page_api_engine_command_line_and_sql(tiny, staff, client):
    ticket = approved(staff, tiny["gate"])
    freeze(staff)
    with pytest.raises(RuleViolation, match="Audit week"):
        services.ticket_execution_begin(actor=staff["lin"], ticket=ticket, plan_digest="")
    assert "Audit week" in services.startable(ticket, "")
    assert "Audit week" in services.ticket_batch_problem(ticket, 1)  # what the release engine asks before each batch
    with pytest.raises(DatabaseError, match="production is frozen"), transaction.atomic():
        ChangeTicket.objects.filter(pk=ticket.pk).update(state="executing")
    client.force_login(staff["lin"])
    window = client.get(f"/api/v1/changes/{ticket.pk}/window/").json()
    assert (window["allowed"], window["closes_at"]) == (False, None)
    assert window["next_allowed"]
    assert "Audit week" in client.get(f"/changes/{ticket.pk}/").content.decode()


def test_a_running_change_may_end_inside_a_freeze(tiny, staff):
    ticket = services.ticket_execution_begin(actor=staff["lin"], ticket=approved(staff, tiny["gate"]), plan_digest="")
    freeze(staff)
    assert (
        services.ticket_execution_end(actor=staff["lin"], ticket=ticket, succeeded=True, outcome="ok").state == "done"
    )


@pytest.mark.parametrize("scope", ["services", "domains", "chains"])
def test_a_freeze_holds_where_it_is_meant_to(tiny, staff, scope):
    gate, board = draft(staff, tiny["gate"]), draft(staff, tiny["board"])
    node = draft(staff, tiny["gate"], services=[], nodes=[tiny["gate"].nodes.first()])
    chain = draft(staff, tiny["gate"], services=[], chains=[tiny["chain"]])
    targets = {"services": [tiny["gate"]], "domains": [tiny["domain"]], "chains": [tiny["chain"]]}
    freeze(staff, **{scope: targets[scope]})
    frozen = [bool(guard.closed(ticket)) for ticket in (gate, node, chain, board)]
    assert frozen == [True, True, True, scope == "domains"]
    assert "Audit week" in services.production_problem([tiny["gate"]]), "the same without a ticket"
    assert bool(services.production_problem([tiny["board"]])) == (scope == "domains")


def test_with_the_calendar_in_force_the_session_is_frozen_and_the_next_free_moment_is_named(tiny, staff):
    ticket = draft(staff, tiny["gate"])
    in_force(staff, at("2024-03-01 12:00"))
    assert "Trading hours" in guard.closed(ticket, at("2024-03-05 10:00"))
    assert "03-05 15:00" in guard.closed(ticket, at("2024-03-05 10:00"))
    assert guard.closed(ticket, at("2024-03-05 15:00")) == ""
    assert guard.closed(ticket, at("2024-03-09 10:00")) == "", "a Saturday"
    assert "Before long closures" in guard.closed(ticket, at("2024-09-30 20:00"))
    assert guard.closed(ticket, at("2024-10-02 10:00")) == "", "the exchange is closed and nobody trades"
    assert guard.closes_at(ticket, at("2024-03-05 15:00")) == at("2024-03-06 09:15")
    assert guard.next_allowed(ticket, at("2024-03-05 09:00"), needs_s=1800) == at("2024-03-05 15:00")


def test_an_override_of_the_calendar_lifts_and_sets_freezes_at_once(tiny, staff, monkeypatch):
    monkeypatch.setattr(freezes, "now", lambda: at("2024-03-01 12:00"))
    ticket = draft(staff, tiny["gate"])
    in_force(staff, at("2024-03-01 12:00"))
    row = freezes.day_set(actor=staff["root"], day=dt.date(2024, 3, 5), trading=False, note="typhoon")
    assert guard.closed(ticket, at("2024-03-05 10:00")) == ""
    freezes.day_remove(actor=staff["root"], day=row)
    assert guard.closed(ticket, at("2024-03-05 10:00"))
    freezes.day_set(actor=staff["root"], day=dt.date(2024, 3, 9), trading=True, note="system test")
    assert "Trading hours" in guard.closed(ticket, at("2024-03-09 10:00"))


def test_the_phase_of_the_session_counts_only_with_the_calendar_in_force(tiny, staff):
    day = now() + dt.timedelta(days=1)
    window = {"window_start": day, "window_end": day + dt.timedelta(days=7)}
    before = draft(staff, tiny["gate"], **window)
    assert before.risk_level == "medium"
    assert any("not in force" in reason["text"] for reason in before.risk["reasons"])
    in_force(staff)
    assert draft(staff, tiny["gate"], **window).risk_level == "high", "a week holds every phase of the session"


def test_a_batch_that_would_not_end_before_the_window_or_a_freeze_is_not_begun(tiny, staff):
    moment = now()
    ticket = draft(staff, tiny["gate"], window_start=moment, window_end=moment + 2 * HOUR)
    assert services.ticket_batch_problem(ticket, 600) == ""
    assert "is not begun" in services.ticket_batch_problem(ticket, 3 * 3600)
    freeze(staff, start=HOUR, end=3 * HOUR)
    assert guard.closes_at(ticket) < moment + 2 * HOUR
    assert "is not begun" in services.ticket_batch_problem(ticket, 5400)
    assert services.ticket_batch_problem(ticket, 600) == ""
    assert guard.closed(ticket, moment + 2 * HOUR)


def test_intervals_are_renewed_before_they_run_out(tiny, staff):
    in_force(staff)
    ChangePolicy.objects.update(expanded_until=now() + HOUR)
    FreezeInterval.objects.all().delete()
    tasks.freezes_expand()
    assert FreezeInterval.objects.exists()
    assert ChangePolicy.load().expanded_until > now() + dt.timedelta(days=300)


def test_only_who_controls_changes_writes_the_rules_and_incomplete_ones_are_refused(tiny, staff):
    with pytest.raises(Forbidden):
        freeze({"root": staff["chen"]})
    with pytest.raises(InvalidInput, match="not complete or not in order"):
        freeze(staff, start=HOUR, end=-HOUR)
    with pytest.raises(InvalidInput, match="holds nowhere"):
        freeze(staff, services=[])
    with pytest.raises(DatabaseError, match="freeze_complete"), transaction.atomic():
        FreezeRule.objects.create(title="x", reason="y", kind="session")
    rule = freeze(staff)
    freezes.rule_remove(actor=staff["root"], rule=rule, reason="over")
    assert not FreezeInterval.objects.exists()
