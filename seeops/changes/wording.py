"""Sentences of the pure modules and of shipped data, for the catalogues (read by core.sentences)."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

RISK = (
    _("%(share)s of the flow is lost if all of it fails"),
    _("%(n)d critical business chains depend on it"),
    _("%(n)d places have nothing to spare afterwards"),
    _("the state of %(n)d nodes is not known"),
    _("%(n)d of %(all)d nodes of the services are changed"),
    _("the trading calendar is not in force: the phase of the session is not counted"),
    _("the window touches the phase %(phase)s"),
    _("no change of these services is on record"),
    _("%(failed)d of the last %(n)d changes failed or were rolled back"),
    _("it is taken back by itself"),
    _("it is taken back by hand"),
    _("it cannot be taken back, only repaired forward"),
    _("an emergency leaves less time to look"),
    _("there is time to look"),
)
PHASES = (
    _("closed"),
    _("pre_open"),
    _("opening_auction"),
    _("continuous"),
    _("lunch"),
    _("closing_auction"),
    _("settlement"),
    _("unknown"),
)
SHIPPED = (
    _("Approvers"),
    _("Approval"),
    _("Break-glass"),
    _("Trading hours"),
    _("No production change between the opening auction and the close."),
    _("Before long closures"),
    _("Nobody wants to find a fault during Spring Festival or the National Day holiday."),
    _("End of year"),
    _("Annual accounts are closed."),
)
