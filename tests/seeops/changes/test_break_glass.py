"""Break-glass: two people, a reason, an incident, loud evidence, and a review by a third."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import DatabaseError, transaction

from seeops.accounts.models import Person
from seeops.audit.models import AuditRecord
from seeops.audit.selectors import verify_chain
from seeops.changes import glass, guard, selectors, services, tasks
from seeops.changes.models import BreakGlass, ChangeTicket
from seeops.core.clock import now
from seeops.core.errors import Conflict, Forbidden, InvalidInput, RuleViolation
from tests.seeops.changes.control import approved, code_now, draft, with_second_factor
from tests.seeops.changes.test_freezes import freeze

pytestmark = pytest.mark.django_db


@pytest.fixture
def ticket(tiny, staff) -> ChangeTicket:
    freeze(staff)
    return draft(staff, tiny["gate"], kind="emergency", incident="INC-7")


def opened(staff, ticket):
    code = with_second_factor(staff["wu"])
    return glass.glass_open(actor=staff["wu"], ticket=ticket, reason="orders are lost", incident="INC-7", code=code)


def confirmed(staff, row):
    code = with_second_factor(staff["chen"])
    seen = ChangeTicket.objects.get(pk=row.ticket_id).content_digest
    return glass.glass_confirm(actor=staff["chen"], glass=row, reason="I agree", seen=seen, code=code)


def test_two_people_let_an_emergency_past_the_freeze_and_everything_is_on_record(tiny, staff, ticket, client):
    row = confirmed(staff, opened(staff, ticket))
    ticket.refresh_from_db()
    assert ticket.state == "approved"
    assert guard.closed(ticket) == ""
    ticket = services.ticket_execution_begin(actor=staff["lin"], ticket=ticket, plan_digest="")
    assert ticket.state == "executing"
    row.refresh_from_db()
    assert row.used_at
    used = AuditRecord.objects.get(action="break_glass.use")
    assert used.after["freezes"] == ["Audit week"]
    spoken = AuditRecord.objects.filter(action__in=("break_glass.open", "break_glass.confirm"))
    assert [record.after["second_factor"] for record in spoken] == ["code", "code"]
    actions = set(AuditRecord.objects.filter(action__startswith="break_glass.").values_list("action", flat=True))
    assert actions == {"break_glass.open", "break_glass.confirm", "break_glass.use"}
    client.force_login(staff["he"])
    for address in ("/changes/", f"/changes/{ticket.pk}/", "/changes/break-glass/", "/changes/calendar/", "/releases/"):
        assert "Break-glass is in force" in client.get(address).content.decode(), address
    gauge = f'seeops_break_glass_in_force{{ticket="{ticket.number}",incident="INC-7"}} 1'
    assert gauge in client.get("/metrics").content.decode(), "the alert path hears of it"
    assert selectors.reviews_waiting(staff["he"]) == 1
    assert selectors.reviews_waiting(staff["chen"]) == 0
    glass.glass_close(actor=staff["wu"], glass=row, reason="over")
    assert "Break-glass is in force" not in client.get("/changes/").content.decode()
    glass.glass_review(actor=staff["he"], glass=row, review="right")
    assert selectors.reviews_waiting(staff["he"]) == 0
    assert verify_chain().intact


def test_one_person_or_one_who_takes_part_is_not_enough(tiny, staff, ticket):
    row = opened(staff, ticket)
    Person.objects.filter(username="wu").update(roles=["operator", "approver"])
    for person in (Person.objects.get(username="wu"), staff["lin"]):
        code = with_second_factor(person)
        with pytest.raises(Forbidden) as refused:
            glass.glass_confirm(actor=person, glass=row, reason="me", seen=ticket.content_digest, code=code)
        assert refused.value.code == "own_change"
        with pytest.raises(DatabaseError, match="two_people|neither asked for"), transaction.atomic():
            moment = now()
            BreakGlass.objects.filter(pk=row.pk).update(
                confirmed_by=person, confirmed_at=moment, expires_at=moment + dt.timedelta(hours=1)
            )
    assert guard.closed(ticket)


def test_without_a_second_factor_a_reason_or_an_incident_there_is_none(tiny, staff, ticket):
    with pytest.raises(InvalidInput, match="incident number"):
        glass.glass_open(actor=staff["wu"], ticket=ticket, reason="x", incident=" ")
    with pytest.raises(InvalidInput, match="reason"):
        glass.glass_open(actor=staff["wu"], ticket=ticket, reason=" ", incident="INC-7")
    with pytest.raises(Forbidden):
        glass.glass_open(actor=staff["he"], ticket=ticket, reason="x", incident="INC-7")
    with pytest.raises(Forbidden, match="enrol one under") as refused:
        glass.glass_open(actor=staff["wu"], ticket=ticket, reason="x", incident="INC-7", code="123456")
    assert refused.value.code == "second_factor_missing"
    with_second_factor(staff["wu"])
    with pytest.raises(Forbidden) as refused:
        glass.glass_open(actor=staff["wu"], ticket=ticket, reason="x", incident="INC-7")
    assert refused.value.code == "second_factor_needed"
    assert not BreakGlass.objects.exists()
    with pytest.raises(RuleViolation, match="no emergency"):
        opened(staff, draft(staff, tiny["gate"]))
    row = opened(staff, ticket)
    with pytest.raises(Conflict):
        opened(staff, ticket)
    with pytest.raises(Forbidden, match="enrol one under"):
        glass.glass_confirm(actor=staff["chen"], glass=row, reason="ok", seen=ticket.content_digest, code="123456")
    with pytest.raises(Conflict, match="changed since"):
        with_second_factor(staff["chen"])
        glass.glass_confirm(actor=staff["chen"], glass=row, reason="ok", seen="0" * 64, code=code_now())


def test_what_happened_cannot_be_rewritten(tiny, staff, ticket):
    row = confirmed(staff, opened(staff, ticket))
    for values in ({"reason": "nicer"}, {"incident": "INC-8"}, {"confirmed_by": staff["zhao"]}, {"opened_by": staff["lin"]},
                   {"expires_at": row.expires_at + dt.timedelta(hours=1)}):  # fmt: skip
        with pytest.raises(DatabaseError, match="evidence"), transaction.atomic():
            BreakGlass.objects.filter(pk=row.pk).update(**values)
    with pytest.raises(DatabaseError), transaction.atomic():
        BreakGlass.objects.filter(pk=row.pk).delete()
    for person in (staff["wu"], staff["chen"]):
        with pytest.raises(Forbidden):
            glass.glass_review(actor=person, glass=row, review="all fine")


def test_a_change_under_way_before_a_freeze_goes_on_with_it_and_not_after_its_time(tiny, staff):
    ticket = services.ticket_execution_begin(actor=staff["lin"], ticket=approved(staff, tiny["gate"]), plan_digest="")
    freeze(staff)
    assert services.ticket_batch_problem(ticket, 60)
    row = confirmed(staff, opened(staff, ticket))
    assert services.ticket_batch_problem(ticket, 60) == ""
    assert "is not begun" in services.ticket_batch_problem(ticket, 3 * 3600), "break-glass ends as well"
    BreakGlass.objects.filter(pk=row.pk).update(expires_at=row.confirmed_at + dt.timedelta(microseconds=1))
    assert tasks.glasses_close() == 1
    assert services.ticket_batch_problem(ticket, 60)


def test_the_api_opens_and_confirms_with_the_same_rules(tiny, staff, ticket, client):
    client.force_login(staff["wu"])
    body = {"reason": "orders are lost", "incident": "INC-7"}
    refused = client.post(f"/api/v1/changes/{ticket.pk}/break-glass/", body, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_missing")
    body["code"] = with_second_factor(staff["wu"])
    made = client.post(f"/api/v1/changes/{ticket.pk}/break-glass/", body, content_type="application/json")
    assert made.status_code == 201
    address = f"/api/v1/break-glass/{made.json()['id']}/confirm/"
    body = {"reason": "I agree", "seen": ticket.content_digest, "code": "000000"}
    assert client.post(address, body, content_type="application/json").status_code == 403
    client.force_login(staff["chen"])
    refused = client.post(address, body, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_missing")
    body["code"] = with_second_factor(staff["chen"])
    assert client.post(address, body, content_type="application/json").json()["confirmed_by"] == "chen"
