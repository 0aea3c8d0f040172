"""Acceptance 7: requester, planner and executor approve nothing, by no path; a plan that is edited after its approval voids it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from seeops.accounts.models import Grant
from seeops.accounts.services import token_create
from seeops.changes import delegations, services, stage_rules
from seeops.changes.models import Approval, ChangeTicket
from seeops.core.clock import now
from seeops.core.errors import Conflict, Forbidden, RuleViolation
from tests.seeops.changes.conftest import staff, tiny
from tests.seeops.changes.control import approve, approved, submitted

__all__ = ["staff", "tiny"]
pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
PLAN = {"title": "gate 1.1.0", "batches": [{"number": 1, "term": "1", "count": 1, "at_once": 1}]}


def as_superuser(person: Any) -> None:
    person.is_superuser = person.is_staff = True
    person.save()


def in_the_group(person: Any, root: Any) -> None:
    stage_rules.group_save(
        actor=root,
        code="approvers",
        name="Approvers",
        roles=["approver", "operator"],
        people=[person],
        reason="more hands",
    )
    Grant.objects.get_or_create(role="operator", action="change.approve", on=None, constraint={})


def delegate(giver: Any, to: Any) -> None:
    Grant.objects.get_or_create(role="operator", action="change.delegate", on=None, constraint={})
    Grant.objects.get_or_create(role="operator", action="change.approve", on=None, constraint={})
    delegations.delegation_create(
        actor=giver, delegate=to, starts_at=now() - dt.timedelta(seconds=1), ends_at=now() + DAY, reason="on leave"
    )


def planned(ticket: ChangeTicket, by: Any, digest: str = "1" * 64) -> ChangeTicket:
    return services.ticket_plan_set(actor=by, ticket=ticket, plan=PLAN, plan_digest=digest)


def by_service(person: Any, ticket: ChangeTicket, client: Any) -> None:
    with pytest.raises(Forbidden) as refused:
        approve(person, ticket)
    assert refused.value.code == "own_change"


def by_token(person: Any, ticket: ChangeTicket, client: Any) -> None:
    _row, key = token_create(actor=None, person=person, name="ci")
    answer = client.post(
        f"/api/v1/changes/{ticket.pk}/approve/", {"reason": "ok", "seen": ticket.content_digest},
        content_type="application/json", HTTP_AUTHORIZATION=f"Token {key}",
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (403, "own_change")


def by_page(person: Any, ticket: ChangeTicket, client: Any) -> None:
    client.force_login(person)
    body = {"decision": "approve", "reason": "ok", "seen": ticket.content_digest}
    assert client.post(f"/changes/{ticket.pk}/decide/", body).status_code == 403
    assert "Decide…" not in client.get(f"/changes/{ticket.pk}/").content.decode()


def by_sql(person: Any, ticket: ChangeTicket, client: Any) -> None:
    """Past every service; the columns that the constraints compare are filled by the database itself."""
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO changes_approval (ticket_id, approver_id, requester_id, stage, decision, reason, at, plan_digest, content_digest,"
            " voided_because) VALUES (%s, %s, %s, 1, 'approve', 'x', now(), '', %s, '')",
            [ticket.pk, person.pk, person.pk, ticket.content_digest],
        )


PATHS = [by_service, by_token, by_page, by_sql]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("power", ["plain", "superuser", "group", "administrator"])
def test_the_requester_is_refused(tiny, staff, client, path, power):
    lin = staff["lin"]
    if power == "superuser":
        as_superuser(lin)
    elif power == "group":
        in_the_group(lin, staff["root"])
    elif power == "administrator":
        lin.roles = ["operator", "approver", "administrator"]
        lin.save()
    ticket = submitted(staff, tiny["gate"])
    path(lin, ticket, client)
    ticket.refresh_from_db()
    assert (ticket.state, Approval.objects.count()) == ("submitted", 0)


@pytest.mark.parametrize("path", PATHS)
def test_the_planner_is_refused(tiny, staff, client, path):
    wu = staff["wu"]
    wu.roles = ["operator", "approver"]
    wu.save()
    as_superuser(wu)
    ticket = planned(submitted(staff, tiny["gate"]), wu)
    path(wu, ticket, client)
    assert not Approval.objects.exists()


@pytest.mark.parametrize("path", PATHS)
def test_whoever_holds_the_delegation_of_a_party_is_refused(tiny, staff, client, path):
    delegate(staff["lin"], staff["chen"])
    ticket = submitted(staff, tiny["gate"])
    path(staff["chen"], ticket, client)
    assert not Approval.objects.exists()


def test_the_executor_cannot_be_one_who_approved_nor_act_through_others(tiny, staff):
    chen = staff["chen"]
    chen.roles = ["operator", "approver"]
    chen.save()
    as_superuser(chen)
    ticket = approved(staff, tiny["gate"])
    with pytest.raises(Forbidden, match="somebody else must carry it out"):
        services.ticket_execution_begin(actor=chen, ticket=ticket, plan_digest=ticket.plan_digest)
    delegate(chen, staff["wu"])
    with pytest.raises(Forbidden, match="somebody else must carry it out"):
        services.ticket_execution_begin(actor=staff["wu"], ticket=ticket, plan_digest=ticket.plan_digest)
    for column in ("executor", "planner"):
        with pytest.raises(DatabaseError, match="planner or executor"), transaction.atomic():
            ChangeTicket.objects.filter(pk=ticket.pk).update(**{column: chen})


def test_one_person_fills_no_two_seats_of_a_stage_nor_of_two_stages(tiny, staff):
    two = [{"title": "Desk", "group": "approvers", "needed": 2}, {"title": "Lead", "group": "approvers", "needed": 1}]
    for risk in ("low", "medium", "high"):
        stage_rules.stages_set(actor=staff["root"], kind="normal", risk=risk, stages=two, reason="more eyes")
    delegate(staff["qian"], staff["chen"])
    ticket = approve(staff["chen"], submitted(staff, tiny["gate"]))
    for person in (staff["chen"], staff["chen"]):
        with pytest.raises(RuleViolation, match="already"):
            approve(person, ticket)
    ticket = approve(staff["zhao"], ticket)
    assert ticket.state == "submitted", "the second stage is open, and neither of the two may fill it"
    for person in (staff["chen"], staff["zhao"]):
        with pytest.raises(RuleViolation, match="already"):
            approve(person, ticket)
    with pytest.raises(DatabaseError, match="no valid approval"), transaction.atomic():
        ChangeTicket.objects.filter(pk=ticket.pk).update(state="approved")


def edited_by_plan(staff: dict[str, Any], ticket: ChangeTicket) -> None:
    planned(ticket, staff["wu"], "2" * 64)


def edited_by_form(staff: dict[str, Any], ticket: ChangeTicket) -> None:
    services.ticket_update(
        actor=staff["lin"], ticket=ticket, title="Another", kind="normal", services=ticket.services.all(), reason=ticket.reason,
        window_start=None, window_end=now() + DAY,
    )  # fmt: skip


def edited_by_api(staff: dict[str, Any], ticket: ChangeTicket, client: Any = None) -> None:
    from django.test import Client

    own = Client()
    own.force_login(staff["lin"])
    answer = own.post(
        f"/api/v1/changes/{ticket.pk}/change/", {"reversibility": "manual"}, content_type="application/json"
    )
    assert answer.status_code == 200


def edited_by_sql(staff: dict[str, Any], ticket: ChangeTicket) -> None:
    """The row itself: the content is another, so the database wants approvals of the new one before anything goes on."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE changes_changeticket SET state = 'submitted' WHERE id = %s", [ticket.pk])
        cursor.execute("UPDATE changes_changeticket SET content_digest = %s WHERE id = %s", ["f" * 64, ticket.pk])


@pytest.mark.parametrize("edit", [edited_by_plan, edited_by_form, edited_by_api, edited_by_sql])
def test_whatever_is_edited_after_the_approval_voids_it(
    tiny, staff, edit: Callable[[dict[str, Any], ChangeTicket], None]
):
    ticket = planned(submitted(staff, tiny["gate"]), staff["lin"])
    seen = ticket.content_digest
    ticket = approve(staff["chen"], ticket)
    assert ticket.state == "approved"
    edit(staff, ticket)
    ticket.refresh_from_db()
    assert ticket.state == "submitted"
    assert ticket.content_digest != seen
    with pytest.raises(RuleViolation):
        services.ticket_execution_begin(actor=staff["lin"], ticket=ticket, plan_digest=ticket.plan_digest)
    with pytest.raises(DatabaseError, match="no valid approval"), transaction.atomic():
        ChangeTicket.objects.filter(pk=ticket.pk).update(state="approved")
    with pytest.raises(Conflict, match="changed since"):
        services.ticket_approve(actor=staff["zhao"], ticket=ticket, reason="as before", seen=seen)


def test_the_content_of_an_approved_ticket_cannot_be_swapped_in_the_database(tiny, staff):
    ticket = approved(staff, tiny["gate"])
    for values in (
        {"content_digest": "f" * 64},
        {"plan_digest": "f" * 64},
        {"plan": {"batches": []}},
        {"window_end": now() + DAY},
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            ChangeTicket.objects.filter(pk=ticket.pk).update(**values)
