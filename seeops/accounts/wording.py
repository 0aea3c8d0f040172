"""Codes of roles as pages show them, for the catalogues (read by core.sentences)."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

ROLES = (
    _("operator"),
    _("approver"),
    _("on_call"),
    _("auditor"),
    _("administrator"),
    _("machine"),
)
