"""Titles of the cluster's own description: centres, business lines, services, chains (read by core.sentences)."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

CENTRES = (_("Shenzhen"), _("Wuhan"), _("Shenzhen A (production)"), _("Shenzhen B (same city)"), _("Wuhan A (remote)"))

BUSINESS_LINES = (
    _("Centralised trading"),
    _("Margin financing and securities lending"),
    _("Stock options"),
    _("Wealth management"),
    _("Common services"),
)

SERVICES = (
    _("Mobile access gateway"),
    _("Web access gateway"),
    _("Institutional access gateway (FIX)"),
    _("Session service"),
    _("Authentication"),
    _("Order routing"),
    _("Cash equity order processing"),
    _("Margin order processing"),
    _("Option order processing"),
    _("Wealth order processing"),
    _("Pre-trade risk"),
    _("Margin risk"),
    _("Matching (replicated shards)"),
    _("Exchange reporting"),
    _("Accounts"),
    _("Positions"),
    _("Funds"),
    _("Bank and custody gateway"),
    _("Wealth product catalogue"),
    _("Clearing"),
    _("Settlement"),
    _("Reconciliation"),
    _("Surveillance"),
    _("Market data"),
    _("Quote push"),
    _("Queries"),
    _("Notification"),
    _("Service registry"),
    _("Configuration centre"),
    _("Cache"),
    _("Message queue"),
    _("Databases"),
)

CHAINS = (
    _("Cash equity order"),
    _("Institutional order (FIX)"),
    _("Margin financing order"),
    _("Option order"),
    _("Order cancel"),
    _("Sign-in"),
    _("Bank and securities transfer"),
    _("Account query"),
    _("Position query"),
    _("Wealth product purchase"),
    _("Market surveillance"),
    _("Clearing and settlement (batch)"),
    _("Registry and configuration sync"),
)

TIERS = (
    _("access"),
    _("session"),
    _("order"),
    _("risk"),
    _("matching"),
    _("account"),
    _("clearing"),
    _("surveillance"),
    _("quote"),
    _("query"),
    _("notification"),
    _("component"),
)
