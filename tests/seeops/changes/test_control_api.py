"""The API of who must agree and when, what stands over all changes, and locks that refuse actions on nodes."""

from __future__ import annotations

import datetime as dt

import pytest

from seeops.changes import services, standing
from seeops.changes.models import ApprovalRule, StandardTemplate
from seeops.core.clock import now
from seeops.core.errors import Conflict
from seeops.inventory import locks
from seeops.inventory import services as inventory
from seeops.inventory.models import Node, Verb
from tests.seeops.changes.control import approved, draft
from tests.seeops.changes.test_freezes import freeze

pytestmark = pytest.mark.django_db
API = "/api/v1"


def post(client, path, body):
    return client.post(f"{API}/{path}", body, content_type="application/json")


def test_stages_and_groups_are_read_and_changed_by_whoever_controls_changes(tiny, staff, client):
    client.force_login(staff["he"])
    rows = client.get(f"{API}/approval-stages/").json()
    assert len(rows) == 9
    body = {"kind": "normal", "risk": "high", "reason": "more eyes",
            "stages": [{"title": f"Stage {n}", "group": "approvers", "needed": 1, "step_up": n == 5} for n in range(1, 6)]}  # fmt: skip
    assert post(client, "approval-stages/change/", body).status_code == 403
    client.force_login(staff["root"])
    answer = post(client, "approval-stages/change/", body).json()
    assert [(stage["number"], stage["step_up"]) for stage in answer["stages"]] == [(n, n == 5) for n in range(1, 6)]
    assert ApprovalRule.objects.filter(kind="normal", risk="high").count() == 5
    page = client.get("/changes/approval/").content.decode()
    assert page.count('name="group-5"') == 9, "all five stages can be seen and changed on the page as well"
    group = {"code": "board", "name": "Board", "roles": ["approver"], "people": ["zhao"], "reason": "new"}
    assert post(client, "approver-groups/", group).status_code == 201
    assert client.get(f"{API}/approver-groups/board/").json()["people"] == ["zhao"]
    assert post(client, "approver-groups/", {**group, "people": ["root"]}).json()["code"] == "invalid"


def test_a_template_is_proposed_by_one_and_approved_by_another(tiny, staff, client):
    client.force_login(staff["root"])
    body = {"title": "Small one", "procedure": "as always", "services": ["board"], "most_nodes": 2,
            "valid_until": (now() + dt.timedelta(days=30)).isoformat()}  # fmt: skip
    made = post(client, "standard-templates/", body).json()
    assert (made["holds"], made["author"]) == (False, "root")
    assert post(client, f"standard-templates/{made['id']}/approve/", {"reason": "mine"}).status_code == 403
    client.force_login(staff["chen"])
    assert post(client, f"standard-templates/{made['id']}/approve/", {"reason": "read"}).json()["holds"]
    assert not post(client, f"standard-templates/{made['id']}/retire/", {"reason": "over"}).json()["holds"]
    assert StandardTemplate.objects.get().retired_at


def test_settings_and_trading_days(tiny, staff, client):
    client.force_login(staff["root"])
    body = {"calendar_in_force": True, "approval_valid_h": 24, "break_glass_h": 1, "reason": "production"}
    assert post(client, "change-policy/change/", body).json()["approval_valid_h"] == 24
    assert client.get(f"{API}/change-policy/").json()["calendar_in_force"]
    assert post(client, "calendar-days/", {"day": "2024-09-28", "trading": True, "note": "test"}).status_code == 201
    days = client.get(f"{API}/trading-days/?first=2024-09-27&days=6").json()
    assert [(row["day"][-2:], row["trading"]) for row in days] == [
        ("27", True), ("28", True), ("29", False), ("30", True), ("01", False), ("02", False),
    ]  # fmt: skip
    assert days[1]["corrected"]
    assert client.get(f"{API}/trading-days/?first=tomorrow").status_code == 400


def test_what_stands_over_all_changes_is_said_on_the_overview(tiny, staff, client):
    assert not standing.standing().anything
    hour = dt.timedelta(hours=1)
    ticket = approved(staff, tiny["gate"], window_start=now() - hour, window_end=now() + hour / 4)
    services.ticket_execution_begin(actor=staff["lin"], ticket=ticket, plan_digest="")
    freeze(staff, services=[tiny["board"]])
    found = standing.standing()
    assert [item.rule.title for item in found.frozen] == ["Audit week"]
    assert [(item.ticket.number, item.closed) for item in found.closing] == [(ticket.number, False)]
    client.force_login(staff["lin"])
    page = client.get("/").content.decode()
    assert "Production is frozen" in page and "The window of a running change closes soon" in page
    freeze(staff)
    assert standing.standing().closing[0].closed


def test_a_node_that_somebody_holds_is_left_alone_and_its_owner_is_named(tiny, staff):
    node = Node.objects.get(name="gate-0")
    locks.acquire(owner="REL-00042", wanted=locks.of_nodes([node]), fence=1)
    for verb in (Verb.DRAIN, Verb.UNDRAIN, Verb.RESTART):
        with pytest.raises(Conflict, match="REL-00042") as refused:
            inventory.nodes_act(actor=staff["wu"], nodes=[node], verb=verb, reason="x")
        assert refused.value.code == "locked"
    assert inventory.nodes_act(actor=staff["wu"], nodes=[node], verb=Verb.DIAGNOSE, reason="looking is free")
    locks.release("REL-00042")
    assert inventory.nodes_act(actor=staff["wu"], nodes=[node], verb=Verb.DRAIN, reason="x")


def test_the_risk_counts_how_the_plan_is_taken_back(tiny, staff):
    before = draft(staff, tiny["board"])
    plan = {"parts": [{"service": "board", "version": "1.1.0", "reversibility": "forward_only", "batches": []}], "batches": [],
            "reversibility": "forward_only"}  # fmt: skip
    after = services.ticket_plan_set(actor=staff["lin"], ticket=before, plan=plan, plan_digest="1" * 64)
    points = {reason["code"]: reason["points"] for reason in after.risk["reasons"]}
    assert points["reversibility"] == 35
