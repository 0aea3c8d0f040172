"""What an inspection asks about alerts: whether they would reach anybody, and whether something critical burns already."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from seeops.alerts import selectors
from seeops.alerts.models import Severity
from seeops.automation import inspection_estate
from seeops.automation.inspection_rules import Found
from seeops.core.errors import Unavailable


def reach() -> list[Found]:
    """The heartbeat of the alert path. Raises Unavailable when it is not heard: nobody can say what burns then."""
    if selectors.watch().blind:
        raise Unavailable("no heartbeat of the alert path for two minutes: no alert would arrive")
    critical = selectors.open_groups().filter(severity=Severity.CRITICAL)
    return [
        Found("bad", "alerts", f"{group}"[:80], _("a critical alert is open"), "estate", str(group.pk)) for group in critical[:50]
    ]  # fmt: skip


def register() -> None:
    inspection_estate.register("alerts", _("Alerts arrive, and none that is critical is open"), reach)
