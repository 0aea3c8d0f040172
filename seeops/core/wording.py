"""What kinds of problems are called on their page, for the catalogues (see core.errors; read by core.sentences)."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

PROBLEMS = (
    _("forbidden"),
    _("rule"),
    _("conflict"),
    _("invalid"),
    _("unavailable"),
    _("gone"),
    _("server_error"),
    _("error"),
    _("digest_mismatch"),
    _("malformed"),
    _("own_change"),
    _("prometheus_unavailable"),
    _("redundancy"),
    _("stale_epoch"),
    _("unreached"),
    _("unsafe"),
)
