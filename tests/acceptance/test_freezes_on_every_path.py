"""Acceptance 5: a freeze stops every path to production, at every batch boundary, whatever clocks and time zones say; break-glass leaves
evidence."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.utils import timezone

from seeops.audit.models import AuditRecord
from seeops.audit.selectors import verify_chain
from seeops.automation import clockwork, runner, scheduling
from seeops.automation import services as automation
from seeops.automation import tasks as automation_tasks
from seeops.automation.models import (
    ConfigurationChange,
    ConfigurationRow,
    Run,
    RunState,
    Schedule,
    ScheduleMoment,
    Workflow,
)
from seeops.automation.workflows import commands, versions
from seeops.automation.workflows import engine as workflow_engine
from seeops.changes import freezes, glass, guard
from seeops.changes import services as changes
from seeops.changes.calendar import SHANGHAI, YEARLY, Recurrence, TradingCalendar, expand
from seeops.changes.models import ChangeTicket, FreezeInterval
from seeops.core.clock import now
from seeops.core.errors import RuleViolation
from seeops.inventory import services as inventory
from seeops.inventory import tasks as inventory_tasks
from seeops.inventory.models import ActionState, Node, NodeAction, Redundancy, Service, Verb, Version
from seeops.releases import dispatch, engine, services, states
from seeops.releases import tasks as release_tasks
from seeops.releases.models import Batch, Release
from seeops.releases.planning import PartWish
from tests.estate import small_estate
from tests.seeops.changes.control import colleague, with_second_factor

__all__ = ["small_estate"]
pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)
SERVICE = "quote-push"


@pytest.fixture
def people(small_estate: Any) -> dict[str, Any]:
    return {
        "lin": colleague("lin", "operator"), "wu": colleague("wu", "operator"), "chen": colleague("chen", "approver"),
        "he": colleague("he", "auditor"), "root": colleague("root", "administrator"),
    }  # fmt: skip


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of batches whose run would have been queued."""
    found: list[int] = []
    monkeypatch.setattr(dispatch, "queue_deploy", lambda release, batch, nodes: found.append(batch.number))
    return found


@pytest.fixture
def node(people: dict[str, Any]) -> Node:
    return Node.objects.filter(service__name=SERVICE, centre__code="SZ-A").order_by("name").first()


@pytest.fixture
def other(people: dict[str, Any]) -> Node:
    """A node of another service that can be spared."""
    spare = Redundancy.objects.filter(of__gt=F("needed")).exclude(service__name=SERVICE).order_by("pk").first()
    return Node.objects.filter(service=spare.service, centre=spare.centre).order_by("name").first()


@pytest.fixture
def release(people: dict[str, Any], tmp_path: Any) -> Release:
    """Approved and ready to begin."""
    service = Service.objects.get(name=SERVICE)
    package = tmp_path / "package"
    package.write_bytes(b"package")
    digest = hashlib.sha256(b"package").hexdigest()
    Version.objects.update_or_create(service=service, number="1.1.0", defaults={"digest": digest, "file": str(package)})
    ticket = changes.ticket_create(actor=people["lin"], title=SERVICE, kind="normal", services=[service], reason="r")
    made = services.release_plan(
        actor=people["lin"], ticket=ticket, parts=[PartWish(service, "1.1.0", "1, 2, 100%")], soak_s=60
    )
    ticket = changes.ticket_submit(actor=people["lin"], ticket=ticket)
    changes.ticket_approve(actor=people["chen"], ticket=ticket, reason="read", seen=ticket.content_digest)
    made.refresh_from_db()
    return made


def freeze(people: dict[str, Any], start: dt.timedelta = -HOUR, end: dt.timedelta = HOUR, **scope: Any) -> Any:
    moment = now()
    values = {"title": "Audit week", "reason": "auditors look", "kind": "once", "starts_at": moment + start,
              "ends_at": moment + end, "everywhere": not scope}  # fmt: skip
    return freezes.rule_save(actor=people["root"], rule=None, values=values, scope=scope, reason="asked for")


def workflow(people: dict[str, Any], node: Node) -> Any:
    """An approved workflow whose only step restarts the node."""
    made = versions.workflow_create(actor=people["wu"], title="Restart one")
    step = {"kind": "playbook", "parameters": {"playbook": "restart", "nodes": [node.name]},
            "next": {"success": "done", "failure": "failed"}}  # fmt: skip
    version = versions.version_save(
        actor=people["wu"],
        workflow=made,
        definition={"title": "Restart one", "start": "a", "steps": {"a": step}},
        base=1,
    )
    versions.version_submit(actor=people["wu"], version=version)
    versions.version_decide(actor=people["chen"], version=version, approve=True, digest=version.digest, reason="")
    return version


def test_the_console_and_the_api_refuse(people, node, release, client):
    freeze(people)
    client.force_login(people["lin"])
    pages: list[tuple[str, dict[str, Any]]] = [
        (f"/releases/{release.pk}/start/", {}),
        ("/estate/nodes/act/", {"verb": "drain", "pick": node.name, "reason": "x"}),
        ("/automation/playbooks/restart/", {"node": node.name, "reason": "x", "count": "1"}),
    ]
    for address, body in pages:
        answer = client.post(address, body)
        assert answer.status_code in (400, 409), address
        assert "Audit week" in answer.content.decode(), address
    calls: list[tuple[str, dict[str, Any]]] = [
        (f"/api/v1/releases/{release.pk}/start/", {}),
        *[(f"/api/v1/nodes/{node.name}/{verb}/", {"reason": "x"}) for verb in ("drain", "restart")],
        (f"/api/v1/nodes/{node.name}/configure/", {"reason": "x", "content": "{}"}),
        ("/api/v1/runs/", {"playbook": "restart", "nodes": [node.name], "reason": "x"}),
        ("/api/v1/runs/", {"playbook": "drain", "nodes": [node.name], "reason": "x"}),
    ]
    for address, body in calls:
        answer = client.post(address, body, content_type="application/json")
        assert answer.status_code == 409, (address, answer.content)
        assert "Audit week" in answer.json()["detail"], address
    assert not NodeAction.objects.exists()
    assert not Run.objects.exists()


def test_bringing_back_and_looking_stay_possible(people, node, monkeypatch):
    freeze(people)
    from seeops.inventory import actions

    monkeypatch.setattr(actions.door, "call", lambda name, what, **more: {"state": "up"})
    assert inventory.node_undrain(actor=people["lin"], node=node, reason="back").state == ActionState.DONE
    assert inventory.node_diagnose(actor=people["lin"], node=node, reason="look").state == ActionState.DONE
    for playbook in ("undrain", "inspection"):
        assert not automation.run_start(
            actor=people["lin"], playbook=playbook, nodes=[node.name], inputs={}, reason="x"
        ).changes_nodes


def test_a_worker_refuses_what_was_asked_for_before_the_freeze_began(people, node, other, release, queued):
    """Celery: the action, the run and the batch were queued in time; the freeze came before the worker."""
    (asked,) = inventory.nodes_act(actor=people["lin"], nodes=[node], verb=Verb.RESTART, reason="x")
    run = automation.run_start(actor=people["lin"], playbook="restart", nodes=[other.name], inputs={}, reason="x")
    release = services.release_start(actor=people["lin"], release=release)
    freeze(people)
    inventory_tasks.node_actions_run(str(asked.batch))
    inventory_tasks.node_actions_reconcile()
    asked.refresh_from_db()
    assert (asked.state, asked.result["code"]) == (ActionState.FAILED, "frozen")
    automation_tasks.run_spawn_task(run.pk)
    automation_tasks.runs_reconcile_task()
    run.refresh_from_db()
    assert (run.state, run.pid) == (RunState.CANCELLED, None)
    assert "Audit week" in run.problem
    release_tasks.releases_reconcile()
    engine.advance(release.pk)
    release.refresh_from_db()
    assert (release.state, queued) == (states.HOLDING, [])
    assert "Audit week" in release.state_reason


def test_a_schedule_and_a_workflow_refuse(people, node):
    version = workflow(people, node)
    scheduling.schedule_make(
        actor=people["lin"],
        version=version,
        expression="* * * * *",
        trading_days_only=False,
        missed="once",
        inputs={},
        reason="x",
    )
    freeze(people)
    Schedule.objects.update(next_at=now() - dt.timedelta(seconds=1))
    assert clockwork.start_due(scheduling.WORKFLOWS) == 1
    by_clock = ScheduleMoment.objects.get().run
    by_hand = commands.workflow_start(actor=people["lin"], version=version, inputs={}, reason="x")
    for run in (by_clock, by_hand):
        workflow_engine.advance(run.pk)
        run.refresh_from_db()
        assert run.state == "failed"
        assert "Audit week" in run.state_reason
    assert not Run.objects.exists()
    assert Workflow.objects.exists()


def test_the_command_line_and_plain_sql_are_refused_by_the_database(people, node, other, release):
    run = automation.run_start(actor=people["lin"], playbook="restart", nodes=[other.name], inputs={}, reason="x")
    release = services.release_start(actor=people["lin"], release=release)
    freeze(people, services=[node.service, other.service])
    with pytest.raises(DatabaseError, match="production is frozen"), transaction.atomic():
        runner.main(["runner", str(run.pk)])
    lines: list[Callable[[], Any]] = [
        lambda: Run.objects.filter(pk=run.pk).update(state="running"),
        lambda: Batch.objects.filter(release=release, number=1).update(state=states.DEPLOYING),
        lambda: NodeAction.objects.create(
            batch="00000000-0000-0000-0000-000000000001",
            node=node,
            key="k",
            epoch=1,
            verb="restart",
            reason="x",
            actor=people["lin"],
        ),
        lambda: ChangeTicket.objects.filter(pk=other_ticket(people)).update(state="executing"),
    ]
    for line in lines:
        with pytest.raises(DatabaseError, match="production is frozen"), transaction.atomic():
            line()


def test_configurations_are_refused_by_the_database_and_put_back_all_the_same(people, node, other):
    """The freeze begins between the look of the worker and its write."""
    change = ConfigurationChange.objects.create(number="CFG-1", title="x", reason="r", created_by=people["lin"])
    waits, moves, elsewhere = (
        ConfigurationRow.objects.create(change=change, node=of, state=state)
        for of, state in ((node, "pending"), (other, "applying"), (_of_another_service(node, other), "pending"))
    )
    freeze(people, services=[node.service, other.service])

    def to(row: ConfigurationRow, state: str) -> int:
        with transaction.atomic():
            return ConfigurationRow.objects.filter(pk=row.pk).update(state=state)

    with pytest.raises(DatabaseError, match=f"configuration of {node.name} is not changed: production is frozen"):
        to(waits, "applying")
    with pytest.raises(DatabaseError, match="production is frozen"), transaction.atomic():
        ConfigurationRow.objects.create(change=change, node=_peer(node), state="applying")
    assert to(elsewhere, "applying"), "another service is not frozen"
    assert [to(moves, state) for state in ("applying", "done", "rolling_back", "rolled_back")] == [1, 1, 1, 1]


def _of_another_service(*nodes: Node) -> Node:
    return Node.objects.exclude(service__in=[node.service_id for node in nodes]).order_by("name").first()


def _peer(node: Node) -> Node:
    return Node.objects.filter(service=node.service_id).exclude(pk=node.pk).order_by("name").first()


def other_ticket(people: dict[str, Any]) -> int:
    service = Service.objects.get(name=SERVICE)
    ticket = changes.ticket_create(actor=people["lin"], title="x", kind="normal", services=[service], reason="r")
    ticket = changes.ticket_submit(actor=people["lin"], ticket=ticket)
    return changes.ticket_approve(actor=people["chen"], ticket=ticket, reason="read", seen=ticket.content_digest).pk


def test_a_freeze_that_begins_in_the_middle_of_a_batch_holds_at_its_end(people, release, queued):
    """The batch under way is not cut off half way; the next one is not begun, and the way back stays open."""
    release = services.release_start(actor=people["lin"], release=release)
    engine.advance(release.pk)
    assert queued == [1]
    assert release.batches.get(number=1).state == states.DEPLOYING
    freeze(people)
    begun = now() - dt.timedelta(minutes=5)
    for state in (states.SOAKING, states.JUDGING, states.PASSED):
        release.batches.filter(number=1).update(
            state=state, started_at=begun, deployed_at=begun + dt.timedelta(seconds=4), finished_at=now()
        )
    engine.advance(release.pk)
    release.refresh_from_db()
    assert (release.state, queued, release.batches.get(number=2).state) == (states.HOLDING, [1], states.PENDING)
    services.release_abort(actor=people["lin"], release=release, reason="the freeze came")
    release.refresh_from_db()
    assert release.state == states.ROLLING_BACK


@pytest.mark.parametrize("skew", [-3 * HOUR, 3 * HOUR], ids=["behind", "ahead"])
def test_a_console_whose_clock_is_wrong_gives_the_answer_of_the_database(people, release, node, monkeypatch, skew):
    freeze(people)
    real = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: real() + skew)
    assert abs((now() - real()).total_seconds() - skew.total_seconds()) < 60, "the console believes it"
    with pytest.raises(RuleViolation, match="Audit week"):
        services.release_start(actor=people["lin"], release=release)
    with pytest.raises(RuleViolation, match="Audit week"):
        inventory.nodes_act(actor=people["lin"], nodes=[node], verb=Verb.DRAIN, reason="x")
    freezes.FreezeRule.objects.filter(title="Audit week").update(enabled=False)
    assert guard.closed_for([node.service]) == "", "and lets through what the database lets through"


@pytest.fixture
def machine_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the time zone of this machine and of the database's session."""

    def put(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('TimeZone', %s, true)", [name])

    yield put
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Pacific/Auckland", "UTC"])
def test_a_machine_that_changes_to_summer_time_keeps_the_hours_of_the_exchange(people, machine_zone, zone):
    """The last Sunday of March and the second of March lie between these days; the session in Shanghai does not move by an hour."""
    machine_zone(zone)
    freezes.policy_set(
        actor=people["root"], calendar_in_force=True, approval_valid_h=72, break_glass_h=2, reason="production"
    )
    freezes.expand_all(dt.datetime(2024, 3, 1, tzinfo=SHANGHAI))
    service = Service.objects.get(name=SERVICE)
    for day in ("2024-03-08", "2024-03-11", "2024-03-29", "2024-04-01", "2024-10-25", "2024-11-04"):
        opens = dt.datetime.fromisoformat(f"{day} 09:15").replace(tzinfo=SHANGHAI)
        closes = dt.datetime.fromisoformat(f"{day} 15:00").replace(tzinfo=SHANGHAI)
        second = dt.timedelta(seconds=1)
        held = [
            bool(guard.closed_for([service], moment)) for moment in (opens - second, opens, closes - second, closes)
        ]
        assert held == [False, True, True, False], (zone, day)


def test_holidays_and_corrections_of_the_calendar_decide_the_day(people, monkeypatch):
    start = dt.datetime(2024, 9, 20, tzinfo=SHANGHAI)
    monkeypatch.setattr(freezes, "now", lambda: start)
    freezes.policy_set(
        actor=people["root"], calendar_in_force=True, approval_valid_h=72, break_glass_h=2, reason="production"
    )
    service = Service.objects.get(name=SERVICE)

    def closed(text: str) -> bool:
        return bool(guard.closed_for([service], dt.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)))

    assert closed("2024-09-26 10:00"), "an ordinary trading day"
    assert not closed("2024-10-02 10:00"), "National Day: nobody trades"
    assert closed("2024-09-30 22:00"), "the last sessions before a long closure are frozen day and night"
    assert not closed("2024-09-21 10:00"), "a Saturday"
    freezes.day_set(actor=people["root"], day=dt.date(2024, 9, 21), trading=True, note="test of all systems")
    assert closed("2024-09-21 10:00")
    # A day that is not announced is treated as the stricter of the two.
    unannounced = TradingCalendar(frozenset(), dt.date(2024, 1, 1), dt.date(2024, 1, 31))
    rule = Recurrence("session", from_time=dt.time(9, 15), until_time=dt.time(15))
    assert expand(rule, unannounced, dt.date(2024, 2, 5), dt.date(2024, 2, 5))
    leap = Recurrence(YEARLY, first=(2, 29), last=(3, 1))
    assert expand(leap, unannounced, dt.date(2023, 2, 1), dt.date(2023, 3, 31))[0].start.astimezone(SHANGHAI).day == 28


def test_break_glass_opens_every_path_for_its_services_alone_and_leaves_evidence(people, node, monkeypatch):
    from seeops.inventory import actions

    monkeypatch.setattr(actions.door, "call", lambda name, what, **more: {"state": "up"})
    freeze(people)
    ticket = changes.ticket_create(
        actor=people["lin"],
        title="restart",
        kind="emergency",
        services=[node.service],
        reason="orders are lost",
        incident="INC-7",
    )
    row = glass.glass_open(
        actor=people["wu"],
        ticket=ticket,
        reason="orders are lost",
        incident="INC-7",
        code=with_second_factor(people["wu"]),
    )
    with pytest.raises(RuleViolation, match="Audit week"):
        inventory.node_restart(actor=people["lin"], node=node, reason="x")
    glass.glass_confirm(
        actor=people["chen"],
        glass=row,
        reason="I agree",
        seen=ticket.content_digest,
        code=with_second_factor(people["chen"]),
    )
    assert inventory.node_restart(actor=people["lin"], node=node, reason="hangs").state == ActionState.DONE
    assert automation.run_start(
        actor=people["lin"], playbook="restart", nodes=[node.name], inputs={}, reason="x"
    ).changes_nodes
    elsewhere = Node.objects.filter(service__name="auth").first()
    with pytest.raises(RuleViolation, match="Audit week"):
        inventory.node_restart(actor=people["lin"], node=elsewhere, reason="x")
    row.refresh_from_db()
    assert row.used_at
    trail = AuditRecord.objects.filter(action__startswith="break_glass.").order_by("seq")
    assert list(trail.values_list("action", flat=True)) == [
        "break_glass.open",
        "break_glass.confirm",
        "break_glass.use",
    ]
    assert [record.after.get("second_factor") for record in trail[:2]] == ["code", "code"]
    assert trail.last().after["freezes"] == ["Audit week"]
    glass.glass_close(actor=people["wu"], glass=row, reason="over")
    with pytest.raises(RuleViolation, match="Audit week"):
        inventory.node_restart(actor=people["lin"], node=node, reason="again")
    assert verify_chain().intact


def test_asking_costs_one_look_at_an_index_while_nothing_is_frozen(people, node):
    """The last line must not slow a release of a thousand nodes: with a year of intervals around, none of them now."""
    rule = freeze(people, start=400 * HOUR, end=401 * HOUR)
    moment = now()
    FreezeInterval.objects.bulk_create(
        FreezeInterval(rule=rule, starts_at=moment + n * HOUR, ends_at=moment + n * HOUR + HOUR / 2)
        for n in range(2, 8000, 2)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE changes_freezeinterval")
        cursor.execute(
            "EXPLAIN SELECT 1 FROM changes_freezeinterval WHERE ends_at > %s AND starts_at <= %s", [moment, moment]
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index" in plan, plan
    assert guard.closed_for([node.service]) == ""
