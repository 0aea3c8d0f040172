"""May a capacity test start now? Pure: facts in, reasons against it out; an empty list means yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

#: Parts of the trading day in which a test needs no confirmation: continuous trading away from open and close.
CALM = ("morning", "afternoon")


@dataclass(frozen=True)
class Facts:
    """What is known at this moment. `segment` empty: the cluster does not answer. `faults`: owners of what is injected now."""

    running: Sequence[str]
    occupied: Sequence[str]
    releases: Sequence[str]
    critical_alerts: Sequence[str]
    segment: str
    faults: Sequence[str]
    paused: bool


def refusals(facts: Facts, *, confirmed: bool) -> list[str]:
    """Every reason against the start, in the reader's language. `confirmed`: the person insists on this part of the day."""
    reasons = [_("%(test)s is running: one capacity test at a time.") % {"test": test} for test in facts.running]
    reasons += facts.occupied
    reasons += [
        _("%(release)s is changing nodes: wait until it has ended.") % {"release": release}
        for release in facts.releases
    ]
    reasons += [
        _("A critical alert is open: %(alert)s. Restore the steady state first.") % {"alert": alert}
        for alert in facts.critical_alerts
    ]
    if not facts.segment:
        reasons.append(_("The trading cluster does not answer, so what it carries now is unknown."))
        return reasons
    if facts.faults:
        reasons.append(
            _("Faults are injected by %(owners)s: the test would measure them.") % {"owners": ", ".join(facts.faults)}
        )
    if facts.paused:
        reasons.append(_("The order flow is paused: resume it first."))
    if facts.segment not in CALM and not confirmed:
        reasons.append(
            _("It is %(segment)s: outside the calm hours of trading a test needs your confirmation.")
            % {"segment": facts.segment}
        )
    return reasons
