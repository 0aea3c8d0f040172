"""How reports of Alertmanager become alerts and groups.

Alertmanager delivers at least once and in no promised order. An episode (fingerprint, startsAt) is therefore stored once and
its end is final for late reports; `reconcile` compares with what Alertmanager holds, so that a lost or late report is
corrected at its next run. Both run inside the caller's transaction, one at a time.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import F

from seeops.accounts.models import Person
from seeops.alerts.models import Alert, AlertEvent, AlertGroup, AlertStatus, EventKind, GroupState, Heartbeat
from seeops.alerts.payload import HEARTBEAT, SEVERITIES, Notice
from seeops.core.clock import now
from seeops.core.live import announce

# A group that resolved by itself and fires again this soon is the same trouble, not a new one.
REOPEN_WITHIN = dt.timedelta(minutes=5)
# When a person resolved a group although its alerts still fire, they get a new group after this time.
HAND_RESOLVED_HOLDS = dt.timedelta(minutes=5)
_LOCK = 0x5EE0_0002


@dataclass
class Counts:
    """What the reports were: new episodes, ends, repetitions, heartbeats; and what reconciling put right."""

    new: int = 0
    ended: int = 0
    repeated: int = 0
    heartbeats: int = 0
    revived: int = 0


def take_in(notices: Iterable[Notice]) -> Counts:
    """Store the reports."""
    _one_at_a_time()
    return _Intake(list(notices)).run()


def reconcile(held: Iterable[Notice], asked_at: dt.datetime) -> Counts:
    """`held` is everything that Alertmanager held at `asked_at`; reports that arrived since are left alone."""
    _one_at_a_time()
    held = [notice for notice in held if notice.name != HEARTBEAT]
    known = {(notice.fingerprint, notice.starts_at) for notice in held}
    revived = [
        alert
        for alert in Alert.objects.filter(
            fingerprint__in={notice.fingerprint for notice in held}, status=AlertStatus.RESOLVED, seen_at__lt=asked_at
        )
        if (alert.fingerprint, alert.starts_at) in known
    ]
    # Their end was a time-out of Alertmanager, which has since heard of the same episode again.
    Alert.objects.filter(pk__in=[alert.pk for alert in revived]).update(status=AlertStatus.FIRING, ends_at=None)
    # What a silence or another alert holds back is known, but nobody is to be bothered with it anew.
    intake = _Intake([notice for notice in held if not notice.suppressed])
    for alert in Alert.objects.filter(status=AlertStatus.FIRING, seen_at__lt=asked_at):
        if (alert.fingerprint, alert.starts_at) not in known:
            intake.end(alert, asked_at)
    intake.touched |= {alert.group_id for alert in revived}
    counts = intake.run()
    counts.revived = len(revived)
    return counts


def _one_at_a_time() -> None:
    """Reports are few and small: taking them one call after the other rules out every race between them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


class _Intake:
    """One call's reports, with the rows they touch read at once."""

    def __init__(self, notices: list[Notice]) -> None:
        self.notices = notices
        self.moment = now()
        self.counts = Counts()
        self.touched: set[int] = set()
        self.opened: set[int] = set()
        self.joined: Counter[int] = Counter()
        self.cleared: Counter[int] = Counter()
        self.alerts = {
            (alert.fingerprint, alert.starts_at): alert
            for alert in Alert.objects.filter(
                fingerprint__in={notice.fingerprint for notice in notices}
            ).select_related("group")
        }
        self.open_groups = {
            group.distinction: group
            for group in AlertGroup.objects.filter(open=True, distinction__in={n.distinction for n in notices})
        }

    def run(self) -> Counts:
        for notice in self.notices:
            if notice.name == HEARTBEAT:
                self._beat(notice)
            else:
                self._apply(notice)
        self._log_movements()
        self._settle()
        changed = {*self.joined, *self.cleared, *self.opened}
        if changed:
            announce("alerts", *(f"alert-{pk}" for pk in changed))
        return self.counts

    def _beat(self, notice: Notice) -> None:
        if not notice.firing:
            return
        self.counts.heartbeats += 1
        beat, created = Heartbeat.objects.get_or_create(source=HEARTBEAT, defaults={"last_at": self.moment})
        if not created:
            Heartbeat.objects.filter(pk=beat.pk).update(last_at=self.moment, count=F("count") + 1)

    def _apply(self, notice: Notice) -> None:
        alert = self.alerts.get((notice.fingerprint, notice.starts_at))
        if alert is None:
            self._begin(notice)
        elif alert.status == AlertStatus.FIRING and not notice.firing:
            self.end(alert, notice.ends_at or self.moment)
        else:
            self.counts.repeated += 1
            if alert.status == AlertStatus.FIRING:
                self._still_fires(alert, notice)
        self.touched.update(a.group_id for a in [self.alerts.get((notice.fingerprint, notice.starts_at))] if a)

    def _begin(self, notice: Notice) -> None:
        group = self._group_for(notice)
        self.alerts[notice.fingerprint, notice.starts_at] = Alert.objects.create(
            group=group,
            fingerprint=notice.fingerprint,
            starts_at=notice.starts_at,
            ends_at=notice.ends_at,
            status=AlertStatus.FIRING if notice.firing else AlertStatus.RESOLVED,
            labels=dict(notice.labels),
            annotations=dict(notice.annotations),
            generator_url=notice.generator_url,
            seen_at=self.moment,
        )
        if notice.firing:
            self.counts.new += 1
            self.joined[group.pk] += 1
        else:
            self.counts.ended += 1

    def end(self, alert: Alert, at: dt.datetime) -> None:
        """The alert has ended: final for every later report of this episode."""
        alert.status, alert.ends_at, alert.seen_at = AlertStatus.RESOLVED, max(at, alert.starts_at), self.moment
        alert.save(update_fields=["status", "ends_at", "seen_at"])
        self.counts.ended += 1
        self.cleared[alert.group_id] += 1
        self.touched.add(alert.group_id)

    def _still_fires(self, alert: Alert, notice: Notice) -> None:
        alert.seen_at, alert.annotations = self.moment, dict(notice.annotations)
        resolved_at = alert.group.resolved_at if alert.group.resolved_by_id else None
        if resolved_at is not None and self.moment - resolved_at > HAND_RESOLVED_HOLDS:
            alert.group = self._group_for(notice)
            self.joined[alert.group.pk] += 1
        alert.save(update_fields=["seen_at", "annotations", "group"])

    def _group_for(self, notice: Notice) -> AlertGroup:
        """The open group of the notice's distinction; a recent one opened again; else a new one.

        A report of an end whose beginning was never seen joins the last group, or stands as a closed one of its own.
        """
        group = self.open_groups.get(notice.distinction)
        if group is not None:
            return group
        last = AlertGroup.objects.filter(distinction=notice.distinction).order_by("-resolved_at").first()
        if not notice.firing:
            return last or self._new(notice, ended_at=notice.ends_at or self.moment)
        if last is not None and last.resolved_by_id is None and self.moment - last.resolved_at < REOPEN_WITHIN:
            return self._reopen(last)
        return self._new(notice)

    def _new(self, notice: Notice, ended_at: dt.datetime | None = None) -> AlertGroup:
        labels = notice.labels
        group = AlertGroup.objects.create(
            distinction=notice.distinction[:300],
            open=None if ended_at else True,
            state=GroupState.RESOLVED if ended_at else GroupState.FIRING,
            resolved_at=ended_at,
            name=notice.name[:100],
            severity=notice.severity,
            level=labels.get("level", "")[:20],
            service=labels.get("service", "")[:60],
            centre=labels.get("centre", "")[:20],
            chain=labels.get("chain", "")[:60],
            title=notice.title,
            started_at=notice.starts_at,
            last_at=self.moment,
        )
        self.opened.add(group.pk)
        if not ended_at:
            self.open_groups[notice.distinction] = group
        return group

    def _reopen(self, group: AlertGroup) -> AlertGroup:
        group.open, group.state, group.resolved_at = True, GroupState.FIRING, None
        group.acknowledged_at = group.acknowledged_by = group.silenced_until = None
        group.save()
        log(group, EventKind.REOPENED)
        self.open_groups[group.distinction] = group
        return group

    def _log_movements(self) -> None:
        groups = AlertGroup.objects.in_bulk({*self.opened, *self.joined, *self.cleared})
        for pk, group in groups.items():
            if pk in self.opened:
                log(group, EventKind.OPENED, alerts=max(1, self.joined[pk]))
            elif self.joined[pk]:
                log(group, EventKind.JOINED, alerts=self.joined[pk])
            if self.cleared[pk]:
                log(group, EventKind.CLEARED, alerts=self.cleared[pk])

    def _settle(self) -> None:
        """Bring the groups in line with their alerts: none fires → resolved; as severe as the worst that fires."""
        for group in AlertGroup.objects.filter(pk__in=self.touched).prefetch_related("alerts"):
            firing = [alert for alert in group.alerts.all() if alert.status == AlertStatus.FIRING]
            if group.open and not firing:
                group.open, group.state, group.resolved_at = None, GroupState.RESOLVED, self.moment
                log(group, EventKind.RESOLVED, alerts=len(group.alerts.all()))
            elif group.open is None and firing and group.resolved_by_id is None:
                self._fires_after_all(group, firing)
            severities = [alert.labels.get("severity", "") for alert in firing]
            group.severity = min(
                (s for s in severities if s in SEVERITIES), key=SEVERITIES.index, default=group.severity
            )
            group.last_at = self.moment
            group.save()

    def _fires_after_all(self, group: AlertGroup, firing: list[Alert]) -> None:
        """Alerts of a closed group were revived: they join the open group of the same trouble, or open this one again."""
        other = (
            self.open_groups.get(group.distinction)
            or AlertGroup.objects.filter(distinction=group.distinction, open=True).first()
        )
        if other is None:
            self._reopen(group)
        else:
            Alert.objects.filter(pk__in=[alert.pk for alert in firing]).update(group=other)
            log(other, EventKind.JOINED, alerts=len(firing))


def log(group: AlertGroup, kind: str, *, actor: Person | None = None, note: str = "", alerts: int = 0) -> None:
    """Add one line to the group's history."""
    AlertEvent.objects.create(group=group, kind=kind, actor=actor, note=note[:400], alerts=alerts)
