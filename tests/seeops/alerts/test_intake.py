"""From notifications to groups: repeated, late and lost ones, and what people do meanwhile."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seeops.accounts.models import Person
from seeops.alerts import payload, selectors, services
from seeops.alerts.models import Alert, AlertEvent, AlertGroup, Heartbeat
from seeops.audit.models import AuditRecord
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation

Notification = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.django_db


@pytest.fixture
def receive(alertmanager: Person) -> Callable[[dict[str, Any]], Any]:
    return lambda body: services.notices_receive(actor=alertmanager, notices=payload.webhook(body))


def group_states() -> list[tuple[str, str, bool | None]]:
    return list(AlertGroup.objects.order_by("pk").values_list("service", "state", "open"))


def test_alerts_of_one_distinction_are_one_group(receive: Callable, notification: Notification) -> None:
    receive(notification(node="n-1"))
    receive(notification(node="n-2"))
    receive(notification(node="n-3", service="session"))
    assert group_states() == [("auth", "firing", True), ("session", "firing", True)]
    assert selectors.open_groups().get(service="auth").firing == 2


def test_a_replay_changes_nothing(receive: Callable, notification: Notification) -> None:
    receive(notification())
    counts = receive(notification())
    assert (counts.new, counts.repeated) == (0, 1)
    assert (Alert.objects.count(), AlertGroup.objects.count(), AlertEvent.objects.count()) == (1, 1, 1)


def test_a_group_resolves_with_its_last_alert(receive: Callable, notification: Notification) -> None:
    receive(notification(node="n-1"))
    receive(notification(node="n-2"))
    receive(notification(node="n-1", ended=20))
    assert group_states() == [("auth", "firing", True)]
    receive(notification(node="n-2", ended=30))
    assert group_states() == [("auth", "resolved", None)]


def test_a_late_report_does_not_bring_an_ended_episode_back(receive: Callable, notification: Notification) -> None:
    receive(notification(ended=20))
    receive(notification())
    assert group_states() == [("auth", "resolved", None)]
    assert Alert.objects.get().status == "resolved"


def test_the_same_trouble_soon_after_opens_the_same_group(receive: Callable, notification: Notification) -> None:
    receive(notification())
    receive(notification(ended=20))
    receive(notification(start=40))
    assert group_states() == [("auth", "firing", True)]
    assert "reopened" in AlertEvent.objects.values_list("kind", flat=True)


def test_the_same_trouble_much_later_is_a_new_group(receive: Callable, notification: Notification) -> None:
    receive(notification())
    receive(notification(ended=20))
    AlertGroup.objects.update(resolved_at=timezone.now() - dt.timedelta(hours=1))
    receive(notification(start=40))
    assert group_states() == [("auth", "resolved", None), ("auth", "firing", True)]


def test_a_group_is_as_severe_as_the_worst_that_fires(receive: Callable, notification: Notification) -> None:
    receive(notification(node="n-1"))
    receive(notification(node="n-2", severity="critical"))
    assert AlertGroup.objects.get().severity == "critical"
    receive(notification(node="n-2", ended=30))
    assert AlertGroup.objects.get().severity == "warning"


def test_the_database_keeps_one_open_group_per_distinction(receive: Callable, notification: Notification) -> None:
    receive(notification())
    twin = AlertGroup.objects.get()
    twin.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save(force_insert=True)


def test_heartbeats_are_counted_and_are_no_group(receive: Callable, notification: Notification) -> None:
    assert selectors.watch().blind
    receive(notification(name="Watchdog"))
    receive(notification(name="Watchdog"))
    assert Heartbeat.objects.get().count == 2
    assert not selectors.watch().blind
    Heartbeat.objects.update(last_at=timezone.now() - dt.timedelta(minutes=3))
    assert selectors.watch().blind
    assert AlertGroup.objects.count() == 0


def held(body: dict[str, Any], *, suppressed: bool = False) -> list[payload.Notice]:
    alerts = [{**alert, "status": {"state": "suppressed" if suppressed else "active"}} for alert in body["alerts"]]
    return payload.api(alerts)


def test_reconciling_ends_what_alertmanager_no_longer_holds(
    receive: Callable, notification: Notification, alertmanager: Person
) -> None:
    receive(notification())
    services.alerts_reconcile(actor=alertmanager, held=[], asked_at=timezone.now())
    assert group_states() == [("auth", "resolved", None)]


def test_reconciling_leaves_what_was_reported_since_it_asked(
    receive: Callable, notification: Notification, alertmanager: Person
) -> None:
    asked_at = timezone.now()
    receive(notification())
    services.alerts_reconcile(actor=alertmanager, held=[], asked_at=asked_at)
    assert group_states() == [("auth", "firing", True)]


def test_reconciling_revives_an_episode_that_still_fires(
    receive: Callable, notification: Notification, alertmanager: Person
) -> None:
    receive(notification())
    receive(notification(ended=20))
    counts = services.alerts_reconcile(actor=alertmanager, held=held(notification()), asked_at=timezone.now())
    assert counts.revived == 1
    assert group_states() == [("auth", "firing", True)]
    assert Alert.objects.get().ends_at is None


def test_what_is_held_back_opens_no_group_but_stays_open(
    receive: Callable, notification: Notification, alertmanager: Person
) -> None:
    receive(notification(node="n-1"))
    both = held(notification(node="n-1"), suppressed=True) + held(
        notification(node="n-9", service="session"), suppressed=True
    )
    services.alerts_reconcile(actor=alertmanager, held=both, asked_at=timezone.now())
    assert group_states() == [("auth", "firing", True)]


def test_only_machines_report_alerts(on_call: Person, notification: Notification, auditor: Person) -> None:
    with pytest.raises(Forbidden):
        services.notices_receive(actor=auditor, notices=payload.webhook(notification()))


def test_acknowledging_is_recorded_and_ends_with_the_group(
    receive: Callable, notification: Notification, on_call: Person
) -> None:
    receive(notification(node="n-1"))
    group = services.group_acknowledge(actor=on_call, group=AlertGroup.objects.get(), note="mine")
    assert (group.state, group.acknowledged_by) == ("acknowledged", on_call)
    assert selectors.needing_somebody() == 0
    receive(notification(node="n-2"))
    assert AlertGroup.objects.get().state == "acknowledged"
    assert AuditRecord.objects.filter(action="alert.acknowledged", reason="mine").exists()
    with pytest.raises(RuleViolation):
        services.group_acknowledge(actor=on_call, group=group)


def test_resolving_by_hand_needs_a_note_and_opens_anew_when_it_goes_on(
    receive: Callable, notification: Notification, on_call: Person
) -> None:
    receive(notification())
    group = AlertGroup.objects.get()
    with pytest.raises(InvalidInput):
        services.group_resolve(actor=on_call, group=group, note=" ")
    services.group_resolve(actor=on_call, group=group, note="restarted it")
    receive(notification())
    assert group_states() == [("auth", "resolved", None)]
    AlertGroup.objects.update(resolved_at=timezone.now() - dt.timedelta(minutes=6))
    receive(notification())
    assert group_states() == [("auth", "resolved", None), ("auth", "firing", True)]
    with pytest.raises(RuleViolation):
        services.group_resolve(actor=on_call, group=group, note="again")


def test_a_silence_comes_back_by_itself(receive: Callable, notification: Notification, on_call: Person) -> None:
    receive(notification())
    services.group_silence(actor=on_call, group=AlertGroup.objects.get(), minutes=30, note="known, being changed")
    assert selectors.needing_somebody() == 0
    assert services.silences_wake() == 0
    AlertGroup.objects.update(silenced_until=timezone.now() - dt.timedelta(seconds=1))
    assert services.silences_wake() == 1
    assert group_states() == [("auth", "firing", True)]


def test_who_may_only_look_changes_nothing(receive: Callable, notification: Notification, auditor: Person) -> None:
    receive(notification())
    group = AlertGroup.objects.get()
    for act in (
        lambda: services.group_acknowledge(actor=auditor, group=group),
        lambda: services.group_resolve(actor=auditor, group=group, note="x"),
        lambda: services.group_silence(actor=auditor, group=group, minutes=5, note="x"),
    ):
        with pytest.raises(Forbidden):
            act()
    assert group_states() == [("auth", "firing", True)]


REPORTS = st.lists(st.tuples(st.integers(1, 2), st.integers(0, 2), st.booleans()), min_size=1, max_size=10)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports=REPORTS)
def test_in_whatever_order_reports_arrive_the_end_is_the_same(
    reports: list[tuple[int, int, bool]], receive: Callable, notification: Notification
) -> None:
    """A group is open exactly while one of its alerts fires, and an episode whose end was reported has ended."""
    Alert.objects.all().delete()
    AlertGroup.objects.all().delete()
    for node, episode, ended in reports:
        start = episode * 10
        receive(notification(node=f"n-{node}", start=start, ended=start + 5 if ended else None))
    ended_episodes = {(f"NodeDown-auth-n-{node}", episode * 10) for node, episode, ended in reports if ended}
    for alert in Alert.objects.all():
        has_ended = (alert.fingerprint, alert.starts_at.second) in ended_episodes
        assert (alert.status == "resolved") == has_ended
    fires = Alert.objects.filter(status="firing").exists()
    assert AlertGroup.objects.filter(open=True).count() == (1 if fires else 0)
