"""Standard changes: what a template covers goes without an approval of its own, and nothing else does."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import DatabaseError, transaction

from seeops.audit.models import AuditRecord
from seeops.changes import services, standard
from seeops.changes.models import ChangeTicket, StandardTemplate
from seeops.core.clock import now
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation
from tests.seeops.changes.control import submitted

pytestmark = pytest.mark.django_db


@pytest.fixture
def template(tiny, staff) -> StandardTemplate:
    made = standard.template_create(
        actor=staff["root"], title="Board restart", procedure="one after the other", services=[tiny["board"]],
        most_nodes=3, valid_until=now() + dt.timedelta(days=30),
    )  # fmt: skip
    return standard.template_approve(actor=staff["chen"], template=made, reason="harmless")


def test_a_covered_change_is_approved_by_its_template_and_begins(tiny, staff, template):
    ticket = submitted(staff, tiny["board"], kind="standard", template=template)
    assert (ticket.state, ticket.stages) == ("approved", [])
    assert AuditRecord.objects.filter(action="change.approved_by_template", actor=staff["chen"]).exists()
    plan = {"kind": "release", "batches": [{"number": 1, "count": 2}]}
    ticket = services.ticket_plan_set(actor=staff["lin"], ticket=ticket, plan=plan, plan_digest="a" * 64)
    assert ticket.state == "approved", "a plan within the bounds stays approved"
    plan = {"kind": "release", "batches": [{"number": 1, "count": 9}]}
    ticket = services.ticket_plan_set(actor=staff["lin"], ticket=ticket, plan=plan, plan_digest="b" * 64)
    assert ticket.state == "submitted", "a plan beyond the bounds needs an approval"
    assert ticket.stages


@pytest.mark.parametrize("outside", ["service", "kind", "retired", "expired", "risk"])
def test_what_the_template_does_not_cover_waits_for_an_approval(tiny, staff, template, outside):
    given = {"kind": "standard", "template": template}
    if outside == "service":
        given["services"] = [tiny["board"], tiny["gate"]]
    if outside == "kind":
        with pytest.raises(InvalidInput, match="Only a standard change"):
            submitted(staff, tiny["board"], kind="normal", template=template)
        return
    if outside == "retired":
        standard.template_retire(actor=staff["root"], template=template, reason="over")
    if outside == "expired":
        StandardTemplate.objects.update(valid_until=now() - dt.timedelta(seconds=1))
    if outside == "risk":
        given["reversibility"] = "forward_only"
    template.refresh_from_db()
    ticket = submitted(staff, tiny["board"], **given)
    assert ticket.state == "submitted"
    assert standard.outside(ticket)


def test_a_template_that_ended_stops_what_was_not_begun_also_by_sql(tiny, staff, template):
    ticket = submitted(staff, tiny["board"], kind="standard", template=template)
    standard.template_retire(actor=staff["root"], template=template, reason="over")
    with pytest.raises(RuleViolation, match="does not hold"):
        services.ticket_execution_begin(actor=staff["lin"], ticket=ticket, plan_digest="")
    with pytest.raises(DatabaseError, match="template does not hold"), transaction.atomic():
        ChangeTicket.objects.filter(pk=ticket.pk).update(state="executing")


def test_nobody_approves_a_template_of_their_own(tiny, staff):
    root = staff["root"]
    root.roles = ["administrator", "approver"]
    root.save()
    made = standard.template_create(
        actor=root, title="x", procedure="y", services=[tiny["board"]], most_nodes=1,
        valid_until=now() + dt.timedelta(days=1),
    )  # fmt: skip
    with pytest.raises(Forbidden, match="of their own"):
        standard.template_approve(actor=root, template=made, reason="fine")
    with pytest.raises(DatabaseError, match="template_approved_by_other"), transaction.atomic():
        StandardTemplate.objects.filter(pk=made.pk).update(approved_by=root)
    ticket = submitted(
        {"lin": staff["lin"]}, tiny["board"], kind="standard", template=made
    )  # not approved yet: it does not hold
    assert ticket.state == "submitted"
