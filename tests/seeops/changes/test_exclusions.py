"""Who may not approve, by which path they try, and what the database says to it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import DatabaseError, connection, transaction

from seeops.accounts.models import Authenticator, Grant
from seeops.accounts.services import token_create
from seeops.changes import approvers, delegations, selectors, services, stage_rules
from seeops.changes.models import Approval, ApprovalRule, ChangeTicket, Delegation
from seeops.core.clock import now
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation
from tests.seeops.changes.control import approve, approved, code_now, draft, submitted, with_second_factor

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def delegate(giver, to):
    return delegations.delegation_create(
        actor=giver, delegate=to, starts_at=now() - dt.timedelta(seconds=1), ends_at=now() + DAY, reason="on leave"
    )


def insert(ticket, approver, on_behalf_of=None, **values):
    """An approval by SQL, past every service."""
    row = {"stage": 1, "decision": "approve", "content_digest": ticket.content_digest, "requester_id": approver.pk}
    row |= {"ticket_id": ticket.pk, "approver_id": approver.pk, "reason": "x", "at": now(), "plan_digest": ""}
    row |= {"on_behalf_of_id": on_behalf_of.pk if on_behalf_of else None, "voided_because": "", **values}
    names = ", ".join(f'"{name}"' for name in row)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO changes_approval ({names}) VALUES ({', '.join(['%s'] * len(row))})", [*row.values()]
        )


def two_needed(kind="normal", step_up=False):
    ApprovalRule.objects.filter(kind=kind).update(needed=2, step_up=step_up)


def test_the_requester_is_refused_as_superuser_by_token_by_page_and_by_sql(tiny, staff, client):
    lin = staff["lin"]
    lin.is_superuser = True
    lin.save()
    ticket = submitted(staff, tiny["gate"])
    with pytest.raises(Forbidden) as refused:
        approve(lin, ticket)
    assert refused.value.code == "own_change"
    _row, key = token_create(actor=None, person=lin, name="test")
    answer = client.post(
        f"/api/v1/changes/{ticket.pk}/approve/", {"reason": "ok", "seen": ticket.content_digest},
        content_type="application/json", HTTP_AUTHORIZATION=f"Token {key}",
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (403, "own_change")
    client.force_login(lin)
    body = {"decision": "approve", "reason": "ok", "seen": ticket.content_digest}
    assert client.post(f"/changes/{ticket.pk}/decide/", body).status_code == 403
    with pytest.raises(DatabaseError, match="approver_is_not_requester"):
        insert(ticket, lin)
    assert not Approval.objects.exists()


def test_a_delegate_of_the_requester_is_refused_in_either_name(tiny, staff):
    lin, chen, wu = staff["lin"], staff["chen"], staff["wu"]
    Grant.objects.create(role="operator", action="change.delegate")
    delegate(lin, chen)
    delegate(lin, wu)
    ticket = submitted(staff, tiny["gate"])
    for person in (chen, wu):
        with pytest.raises(Forbidden, match="act for them"):
            approve(person, ticket)
        assert not selectors.may_decide(person, ticket)
    with pytest.raises(DatabaseError, match="delegator_is_not_involved|holds the delegation"):
        insert(ticket, wu, lin)
    with pytest.raises(DatabaseError, match="holds the delegation"):
        insert(ticket, chen)
    assert approve(staff["zhao"], ticket).state == "approved"


def test_a_delegated_vote_counts_once_for_both_people(tiny, staff):
    two_needed()
    chen, wu, zhao = staff["chen"], staff["wu"], staff["zhao"]
    delegate(chen, wu)
    ticket = submitted(staff, tiny["gate"])
    ticket = approve(wu, ticket)
    vote = Approval.objects.get()
    assert (ticket.state, vote.approver, vote.on_behalf_of) == ("submitted", wu, chen)
    with pytest.raises(RuleViolation, match="already"):
        approve(wu, ticket)
    with pytest.raises(RuleViolation, match="already"):
        approve(chen, ticket)
    for approver, other in ((chen, None), (wu, None), (wu, chen)):
        with pytest.raises(DatabaseError, match="counts once"):
            insert(ticket, approver, other)
    assert approve(zhao, ticket).state == "approved"


def test_a_delegation_ends_with_its_time_and_when_it_is_taken_back(tiny, staff):
    chen, wu = staff["chen"], staff["wu"]
    row = delegate(chen, wu)
    ticket = submitted(staff, tiny["gate"])
    assert selectors.may_decide(wu, ticket)
    assert selectors.waiting_for(wu) == 1
    with pytest.raises(Forbidden):
        delegations.delegation_revoke(actor=staff["zhao"], delegation=row)
    delegations.delegation_revoke(actor=chen, delegation=row)
    with pytest.raises(Forbidden, match="change.approve"):
        approve(wu, ticket)
    with pytest.raises(DatabaseError, match="no delegation"):
        insert(ticket, wu, chen)
    Delegation.objects.filter(pk=row.pk).update(revoked_at=None, starts_at=now() - 2 * DAY, ends_at=now() - DAY)
    assert approvers.delegators(wu) == []
    with pytest.raises(Forbidden):
        delegate(wu, staff["lin"])  # what was delegated is not passed on
    with pytest.raises(InvalidInput, match="30 days"):
        delegations.delegation_create(actor=chen, delegate=wu, starts_at=now(), ends_at=now() + 31 * DAY, reason="long")


def test_who_approved_does_not_carry_out_nor_do_they_through_others(tiny, staff):
    lin, wu, chen = staff["lin"], staff["wu"], staff["chen"]
    chen.roles = ["approver", "operator"]
    chen.save()
    ticket = approved(staff, tiny["gate"])
    with pytest.raises(Forbidden, match="somebody else must carry it out"):
        services.ticket_execution_begin(actor=chen, ticket=ticket, plan_digest="")
    row = delegate(chen, wu)
    with pytest.raises(Forbidden, match="somebody else must carry it out"):
        services.ticket_execution_begin(actor=wu, ticket=ticket, plan_digest="")
    with pytest.raises(DatabaseError, match="planner or executor of ticket"), transaction.atomic():
        ChangeTicket.objects.filter(pk=ticket.pk).update(executor=chen)
    with pytest.raises(DatabaseError, match="planner or executor of ticket"), transaction.atomic():
        ChangeTicket.objects.filter(pk=ticket.pk).update(planner=chen)
    delegations.delegation_revoke(actor=chen, delegation=row)
    ticket = services.ticket_execution_begin(actor=lin, ticket=ticket, plan_digest="")
    assert ticket.executor == lin
    with pytest.raises(DatabaseError, match="approver_is_not_requester|executor"):
        insert(ticket, lin)


def test_a_machine_and_a_person_outside_of_the_group_approve_nothing(tiny, staff):
    from seeops.accounts.selectors import machine

    Grant.objects.create(role="machine", action="change.approve")
    Grant.objects.create(role="operator", action="change.approve")
    ticket = submitted(staff, tiny["gate"])
    with pytest.raises(Forbidden, match="machine"):
        approve(machine("bot"), ticket)
    with pytest.raises(Forbidden, match="not in the group"):
        approve(staff["wu"], ticket)


def test_stages_come_one_after_the_other_and_each_asks_its_own_group(tiny, staff):
    root = staff["root"]
    stage_rules.group_save(actor=root, code="board", name="Board", roles=[], people=[staff["zhao"]], reason="new")
    two = [{"title": "Desk", "group": "approvers", "needed": 2}, {"title": "Board", "group": "board", "needed": 1}]
    stage_rules.stages_set(actor=root, kind="normal", risk="medium", stages=two, reason="more eyes")
    stage_rules.stages_set(actor=root, kind="normal", risk="low", stages=two, reason="more eyes")
    ticket = submitted(staff, tiny["gate"])
    assert [item.got for item in approvers.progress(ticket)] == [0, 0]
    ticket = approve(staff["chen"], ticket)
    ticket = approve(staff["qian"], ticket)
    assert ticket.state == "submitted"
    with pytest.raises(DatabaseError, match="stage 2"), transaction.atomic():
        ChangeTicket.objects.filter(pk=ticket.pk).update(state="approved")
    assert approve(staff["zhao"], ticket).state == "approved"
    with pytest.raises(DatabaseError, match="stages of ticket"), transaction.atomic():
        ChangeTicket.objects.filter(pk=ticket.pk).update(stages=[])
    with pytest.raises(InvalidInput, match="Nobody puts themselves"):
        stage_rules.group_save(actor=root, code="mine", name="Mine", roles=[], people=[root], reason="x")
    with pytest.raises(InvalidInput, match="nothing goes without"):
        stage_rules.stages_set(actor=root, kind="normal", risk="low", stages=[], reason="x")


def test_high_risk_asks_for_the_second_factor_and_says_how_to_get_one(tiny, staff):
    two_needed(step_up=True)
    chen, zhao = staff["chen"], staff["zhao"]
    ticket = submitted(staff, tiny["gate"])
    with pytest.raises(Forbidden, match="enrol one under") as refused:
        approve(chen, ticket)
    assert refused.value.code == "second_factor_missing"
    code = with_second_factor(chen)
    with pytest.raises(Forbidden) as refused:
        approve(chen, ticket)
    assert refused.value.code == "second_factor_needed"
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    with pytest.raises(Forbidden) as refused:
        approve(chen, ticket, wrong)
    assert refused.value.code == "second_factor_wrong"
    assert Authenticator.objects.get(person=chen).failures == 1, "a wrong code counts although the decision is refused"
    ticket = approve(chen, ticket, code)
    with_second_factor(zhao)
    assert approve(zhao, ticket, code_now()).state == "approved"
    assert all(vote.stepped_up_at for vote in Approval.objects.all())
    other = submitted(staff, tiny["gate"])
    with pytest.raises(Forbidden, match="used already"):
        approve(chen, other, code)
    insert(other, chen, expires_at=None)
    insert(other, zhao, expires_at=None)
    with pytest.raises(DatabaseError, match="no valid approval"), transaction.atomic():
        ChangeTicket.objects.filter(pk=other.pk).update(state="approved")


def test_an_approval_expires_in_the_service_by_the_clock_and_in_the_database(tiny, staff, monkeypatch):
    from seeops.changes import tasks

    ticket = approved(staff, tiny["gate"])
    vote = Approval.objects.get()
    with pytest.raises(DatabaseError, match="can be voided, not changed"), transaction.atomic():
        Approval.objects.filter(pk=vote.pk).update(expires_at=now() + 30 * DAY)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # triggers off: as if three days had passed
        cursor.execute("UPDATE changes_approval SET expires_at = now() - interval '1 second'")
        cursor.execute("SET LOCAL session_replication_role = origin")
    with pytest.raises(RuleViolation, match="expired"):
        services.ticket_execution_begin(actor=staff["lin"], ticket=ticket, plan_digest="")
    with pytest.raises(DatabaseError, match="no valid approval"), transaction.atomic():
        ChangeTicket.objects.filter(pk=ticket.pk).update(state="executing")
    assert tasks.approvals_expire() == 1
    ticket.refresh_from_db()
    assert ticket.state == "submitted"
    assert approve(staff["chen"], ticket).state == "approved"


def test_a_change_of_any_sealed_part_voids_what_was_approved(tiny, staff):
    ticket = approved(staff, tiny["gate"])
    before = ticket.content_digest
    same = {"title": ticket.title, "kind": "normal", "services": [tiny["gate"]], "reason": ticket.reason,
            "window_start": None, "window_end": None}  # fmt: skip
    ticket = services.ticket_update(actor=staff["lin"], ticket=ticket, **same)
    assert (ticket.state, ticket.content_digest) == ("approved", before)
    ticket = services.ticket_update(actor=staff["lin"], ticket=ticket, **(same | {"reversibility": "manual"}))
    assert ticket.state == "submitted"
    assert Approval.objects.get().voided_because


def test_risk_follows_impact_history_and_what_can_be_taken_back(tiny, staff):
    gate = draft(staff, tiny["gate"])
    board = draft(staff, tiny["board"])
    assert (gate.risk_level, board.risk_level) == ("medium", "low")
    hard = draft(staff, tiny["gate"], reversibility="forward_only")
    assert hard.risk_level == "high"
    assert hard.risk["points"] > gate.risk["points"]
    points = {reason["code"]: reason["points"] for reason in gate.risk["reasons"]}
    ticket = approved(staff, tiny["gate"])
    services.ticket_execution_begin(actor=staff["lin"], ticket=ticket, plan_digest="")
    services.ticket_execution_end(actor=staff["lin"], ticket=ticket, succeeded=False, outcome="rolled back")
    again = draft(staff, tiny["gate"])
    after = {reason["code"]: reason["points"] for reason in again.risk["reasons"]}
    assert after["history"] > points["history"]


def test_configuration_items_are_services_nodes_and_chains(tiny, staff):
    node = tiny["gate"].nodes.first()
    one = draft(staff, tiny["gate"], services=[], nodes=[node])
    assert one.impact["nodes_taken"] == 1
    chain = draft(staff, tiny["gate"], services=[], chains=[tiny["chain"]])
    assert chain.impact["nodes_taken"] == 3
    assert one.risk["points"] < chain.risk["points"]
    with pytest.raises(InvalidInput, match="say what the change touches"):
        draft(staff, tiny["gate"], services=[])
    with pytest.raises(InvalidInput, match="names its incident"):
        draft(staff, tiny["gate"], kind="emergency")
