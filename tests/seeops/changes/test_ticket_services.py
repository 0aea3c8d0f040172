"""A ticket's way: nobody approves their own change, by any path, and an approval holds for exactly what was seen."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from seeops.audit.models import AuditRecord
from seeops.audit.selectors import verify_chain
from seeops.changes import selectors, services
from seeops.changes.models import Approval, ChangeTicket
from seeops.core.clock import now
from seeops.core.errors import Conflict, Forbidden, InvalidInput, RuleViolation
from seeops.inventory.models import Service
from tests.estate import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(small_estate):
    return {
        "lin": person("lin", "operator", "approver"), "wang": person("wang", "approver"), "zhao": person("zhao", "operator")
    }  # fmt: skip


@pytest.fixture
def ticket(people) -> ChangeTicket:
    return services.ticket_create(
        actor=people["lin"], title="Session 1.1.0", kind="normal", services=[Service.objects.get(name="session")],
        reason="new version",
    )  # fmt: skip


def approved(people, ticket: ChangeTicket) -> ChangeTicket:
    ticket = services.ticket_submit(actor=people["lin"], ticket=ticket)
    return services.ticket_approve(actor=people["wang"], ticket=ticket, reason="read it", seen=ticket.content_digest)


def test_the_impact_is_frozen_with_its_digest_and_sealed(ticket):
    assert ticket.impact["chains"], "the session service carries chains"
    assert ticket.impact["digest"] == ticket.impact_digest
    assert len(ticket.content_digest) == 64
    assert AuditRecord.objects.filter(action="change.create", object_id=str(ticket.pk)).exists()


def test_own_change_is_refused_to_a_requester_with_every_right(people, ticket):
    lin = people["lin"]
    lin.is_superuser = lin.is_staff = True
    lin.save()
    ticket = services.ticket_submit(actor=lin, ticket=ticket)
    with pytest.raises(Forbidden, match="own change"):
        services.ticket_approve(actor=lin, ticket=ticket, reason="looks good to me", seen=ticket.content_digest)
    assert ChangeTicket.objects.get(pk=ticket.pk).state == "submitted"


def test_own_change_is_refused_through_the_api_and_the_page(people, ticket, client):
    ticket = services.ticket_submit(actor=people["lin"], ticket=ticket)
    client.force_login(people["lin"])
    body = {"reason": "fine", "seen": ticket.content_digest}
    answer = client.post(f"/api/v1/changes/{ticket.pk}/approve/", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "own_change")
    page = client.post(f"/changes/{ticket.pk}/decide/", {**body, "decision": "approve"})
    assert page.status_code == 403
    assert not Approval.objects.exists()


def test_the_database_refuses_an_approval_by_the_requester_whatever_the_row_says(people, ticket):
    ticket = services.ticket_submit(actor=people["lin"], ticket=ticket)
    row = {
        "ticket": ticket, "approver": people["lin"], "requester": people["wang"], "decision": "approve", "reason": "x",
        "content_digest": ticket.content_digest,
    }  # fmt: skip
    with pytest.raises(IntegrityError, match="approver_is_not_requester"), transaction.atomic():
        Approval.objects.create(**row)
    with pytest.raises(DatabaseError, match="requester of ticket"), transaction.atomic():
        ChangeTicket.objects.filter(pk=ticket.pk).update(requester=people["zhao"])
    with pytest.raises(DatabaseError, match="no valid approval"), transaction.atomic():
        ChangeTicket.objects.filter(pk=ticket.pk).update(state="approved")


def test_who_planned_the_change_cannot_approve_it(people, ticket):
    services.ticket_plan_set(actor=people["wang"], ticket=ticket, plan={"kind": "release"}, plan_digest="a" * 64)
    ticket = services.ticket_submit(actor=people["lin"], ticket=ticket)
    with pytest.raises(Forbidden, match="own change"):
        services.ticket_approve(actor=people["wang"], ticket=ticket, reason="ok", seen=ticket.content_digest)


def test_a_changed_plan_voids_the_approval(people, ticket):
    ticket = approved(people, ticket)
    assert ticket.state == "approved"
    ticket = services.ticket_plan_set(
        actor=people["zhao"], ticket=ticket, plan={"kind": "release"}, plan_digest="b" * 64
    )
    assert ticket.state == "submitted"
    assert selectors.valid_approval(ticket) is None
    assert Approval.objects.get().voided_because
    with pytest.raises(RuleViolation, match="needs an approval"):
        services.ticket_execution_begin(actor=people["lin"], ticket=ticket, plan_digest="b" * 64)


def test_an_approval_of_something_else_than_was_seen_is_refused(people, ticket):
    ticket = services.ticket_submit(actor=people["lin"], ticket=ticket)
    seen = ticket.content_digest
    services.ticket_plan_set(actor=people["zhao"], ticket=ticket, plan={"kind": "release"}, plan_digest="c" * 64)
    with pytest.raises(Conflict, match="changed since"):
        services.ticket_approve(actor=people["wang"], ticket=ticket, reason="ok", seen=seen)


def test_the_window_is_kept(people):
    later = now() + dt.timedelta(hours=2)
    ticket = services.ticket_create(
        actor=people["lin"], title="Tonight", kind="standard", services=[Service.objects.get(name="auth")], reason="x",
        window_start=later, window_end=later + dt.timedelta(hours=1),
    )  # fmt: skip
    ticket = approved(people, ticket)
    assert ticket.state == "scheduled"
    with pytest.raises(RuleViolation, match="opens at"):
        services.ticket_execution_begin(actor=people["lin"], ticket=ticket, plan_digest="")
    with pytest.raises(InvalidInput, match="ends before"):
        services.ticket_create(
            actor=people["lin"], title="Odd", kind="normal", services=[Service.objects.get(name="auth")], reason="x",
            window_start=later, window_end=later - dt.timedelta(hours=1),
        )  # fmt: skip


def test_execution_ends_the_ticket_and_every_step_is_in_the_audit_chain(people, ticket):
    ticket = approved(people, ticket)
    services.ticket_execution_begin(actor=people["lin"], ticket=ticket, plan_digest="")
    ticket = services.ticket_execution_end(actor=people["lin"], ticket=ticket, succeeded=True, outcome="all nodes")
    assert (ticket.state, ticket.outcome) == ("done", "all nodes")
    actions = set(AuditRecord.objects.values_list("action", flat=True))
    assert {"change.create", "change.submit", "change.approve", "change.begin", "change.end"} <= actions
    assert verify_chain().intact


def test_pages_show_the_way_and_count_their_queries(people, ticket, client, django_assert_max_num_queries):
    services.ticket_submit(actor=people["lin"], ticket=ticket)
    client.force_login(people["wang"])
    with django_assert_max_num_queries(25):
        listing = client.get("/changes/?state=open")
    assert ticket.number in listing.content.decode()
    for tab in ("summary", "impact", "approvals", "audit"):
        with django_assert_max_num_queries(30):
            page = client.get(f"/changes/{ticket.pk}/?tab={tab}")
        assert page.status_code == 200
    assert "decide" in page.content.decode()
    assert client.get("/changes/?format=csv").status_code == 200
    client.force_login(people["zhao"])
    assert client.get("/changes/new/?service=auth").status_code == 200
    made = client.post("/changes/new/", {
        "title": "Auth", "kind": "normal", "reason": "x", "services": [Service.objects.get(name="auth").pk],
    })  # fmt: skip
    assert made.status_code == 302
    assert client.post("/changes/new/", {"title": "no service"}).status_code == 400
