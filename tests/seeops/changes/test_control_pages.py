"""Pages of change control: they answer, count their queries, and show what a person may not do as not there."""

from __future__ import annotations

import datetime as dt

import pytest

from seeops.changes import freezes
from seeops.changes.models import ApprovalRule, CalendarDay, ChangePolicy, Delegation, FreezeRule, StandardTemplate
from seeops.core.clock import now
from tests.seeops.changes.control import draft, submitted, with_second_factor

pytestmark = pytest.mark.django_db
PAGES = ("/changes/calendar/", "/changes/approval/", "/changes/break-glass/")


def local(moment: dt.datetime) -> str:
    return moment.astimezone(freezes.calendar.SHANGHAI).strftime("%Y-%m-%dT%H:%M")


def test_every_page_answers_within_its_queries_for_everybody(tiny, staff, client, django_assert_max_num_queries):
    for _number in range(5):
        draft(staff, tiny["gate"])
    for name in ("lin", "chen", "he", "root"):
        client.force_login(staff[name])
        for page in PAGES:
            with django_assert_max_num_queries(45):
                answer = client.get(page)
            assert answer.status_code == 200, (name, page)
            assert ("New freeze" in answer.content.decode()) == (name == "root" and page == PAGES[0])


def test_the_page_says_that_the_calendar_is_not_in_force_and_an_administrator_puts_it_in_force(tiny, staff, client):
    client.force_login(staff["chen"])
    assert "The trading calendar is not in force." in client.get(PAGES[0]).content.decode()
    values = {"calendar_in_force": "1", "approval_valid_h": "24", "break_glass_h": "1", "reason": "production"}
    assert client.post("/changes/calendar/policy/", values).status_code == 403
    client.force_login(staff["root"])
    assert client.post("/changes/calendar/policy/", values).status_code == 302
    assert ChangePolicy.load().calendar_in_force
    page = client.get(PAGES[0]).content.decode()
    assert "not in force" not in page
    assert "Trading hours" in page


def test_an_administrator_writes_freezes_corrections_stages_groups_and_templates(tiny, staff, client):
    client.force_login(staff["root"])
    form = client.get("/changes/calendar/freezes/new/")
    shown_for = {field.name: kind for field, kind in form.context["form"].rows if kind}
    assert (shown_for["starts_at"], shown_for["until_time"], shown_for["last_day"]) == ("once", "session", "yearly")
    assert all(f"of-kind of-{kind}" in form.content.decode() for kind in shown_for.values())
    values = {"title": "Listing", "reason": "a big listing", "kind": "once", "enabled": "on", "everywhere": "on",
              "starts_at": local(now()), "change_reason": "asked for"}  # fmt: skip
    incomplete = client.post("/changes/calendar/freezes/new/", values)
    assert incomplete.status_code == 400
    assert "This kind of freeze needs it." in incomplete.content.decode()
    values["ends_at"] = local(now() + dt.timedelta(hours=2))
    assert client.post("/changes/calendar/freezes/new/", values).status_code == 302
    rule = FreezeRule.objects.get(title="Listing")
    assert rule.intervals.count() == 1
    assert client.post(f"/changes/calendar/freezes/{rule.pk}/", values | {"title": "IPO"}).status_code == 302
    assert client.post(f"/changes/calendar/freezes/{rule.pk}/remove/", {"reason": "over"}).status_code == 302
    day = {"day": "2027-02-08", "trading": "0", "note": "announced in December"}
    assert client.post("/changes/calendar/days/", day).status_code == 302
    assert client.post(f"/changes/calendar/days/{CalendarDay.objects.get().pk}/remove/").status_code == 302
    group = {"code": "board", "name": "Board", "roles": ["auditor"], "people": ["zhao"], "reason": "new"}
    assert client.post("/changes/approval/groups/", group).status_code == 302
    stages = {"kind": "normal", "risk": "high", "group-1": "approvers", "needed-1": "2", "group-2": "board", "needed-2": "1",
              "step_up-2": "1", "reason": "more eyes"}  # fmt: skip
    assert client.post("/changes/approval/stages/", stages).status_code == 302
    assert [rule.needed for rule in ApprovalRule.objects.filter(kind="normal", risk="high")] == [2, 1]
    template = {"title": "Restart", "procedure": "one by one", "services": [tiny["board"].pk], "most_nodes": "3",
                "valid_until": local(now() + dt.timedelta(days=9))}  # fmt: skip
    assert client.post("/changes/approval/templates/", template).status_code == 302
    client.force_login(staff["chen"])
    made = StandardTemplate.objects.get()
    decide = {"decision": "approve", "reason": "read"}
    assert client.post(f"/changes/approval/templates/{made.pk}/decide/", decide).status_code == 302
    delegation = {"delegate": "wu", "starts_at": local(now()), "ends_at": local(now() + dt.timedelta(days=2)),
                  "reason": "leave"}  # fmt: skip
    assert client.post("/changes/approval/delegations/", delegation).status_code == 302
    assert (
        client.post("/changes/approval/delegations/", delegation | {"ends_at": "2020-01-01T00:00"}).status_code == 400
    )
    assert "Chen → Wu" in client.get("/changes/approval/").content.decode()
    assert client.post(f"/changes/approval/delegations/{Delegation.objects.get().pk}/revoke/").status_code == 302


def test_the_form_takes_nodes_and_chains_and_window_in_shanghai_time(tiny, staff, client):
    client.force_login(staff["lin"])
    node = tiny["gate"].nodes.order_by("name").first()
    values = {"title": "One node", "kind": "normal", "reason": "x", "nodes": f"{node.name}\n",
              "window_start": "2027-01-05T20:00", "window_end": "2027-01-05T22:00"}  # fmt: skip
    made = client.post("/changes/new/", values)
    assert made.status_code == 302
    page = client.get(made.url).content.decode()
    assert node.name in page
    assert "2027-01-05 20:00" in page
    assert client.get(f"{made.url}edit/").status_code == 200
    assert client.post("/changes/new/", values | {"nodes": "nobody"}).status_code == 400
    assert client.post("/changes/new/", values | {"nodes": ""}).status_code == 400


def test_the_decision_asks_for_the_second_factor_where_the_stage_does(tiny, staff, client):
    ticket = submitted(staff, tiny["gate"], reversibility="forward_only")
    client.force_login(staff["chen"])
    page = client.get(f"/changes/{ticket.pk}/").content.decode()
    assert "Enrol one now" in page
    code = with_second_factor(staff["chen"])
    assert 'name="code"' in client.get(f"/changes/{ticket.pk}/").content.decode()
    body = {"decision": "approve", "reason": "read", "seen": ticket.content_digest, "code": code}
    assert client.post(f"/changes/{ticket.pk}/decide/", body).status_code == 302
    assert "1 / 2" in client.get(f"/changes/{ticket.pk}/").content.decode()


def test_the_api_lists_and_writes_freezes_days_and_delegations(tiny, staff, client):
    client.force_login(staff["root"])
    body = {"title": "x", "reason": "y", "kind": "session", "from_time": "09:15", "until_time": "15:00",
            "everywhere": False, "services": ["gate"], "change_reason": "z"}  # fmt: skip
    made = client.post("/api/v1/freezes/", body, content_type="application/json")
    assert (made.status_code, made.json()["services"]) == (201, ["gate"])
    address = f"/api/v1/freezes/{made.json()['id']}"
    changed = client.post(
        f"{address}/change/", {"enabled": False, "change_reason": "z"}, content_type="application/json"
    )
    assert (changed.json()["enabled"], changed.json()["services"]) == (False, ["gate"])
    assert client.post(f"{address}/remove/", {"reason": "z"}, content_type="application/json").status_code == 204
    assert len(client.get("/api/v1/freezes/").json()["results"]) == 3
    day = {"day": "2027-02-08", "trading": False, "note": "announced"}
    for _twice in range(2):
        made = client.post("/api/v1/calendar-days/", day, content_type="application/json")
        assert made.status_code == 201
    assert client.post(f"/api/v1/calendar-days/{made.json()['id']}/remove/").status_code == 204
    client.force_login(staff["chen"])
    assert client.post("/api/v1/freezes/", body, content_type="application/json").status_code == 403
    row = {"delegate": "wu", "starts_at": now().isoformat(), "ends_at": (now() + dt.timedelta(days=1)).isoformat(),
           "reason": "leave"}  # fmt: skip
    made = client.post("/api/v1/delegations/", row, content_type="application/json")
    assert made.status_code == 201
    assert client.post(f"/api/v1/delegations/{made.json()['id']}/revoke/").json()["revoked_at"]
    assert client.get("/api/v1/break-glass/").json()["count"] == 0
