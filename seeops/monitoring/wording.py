"""Why a time range cannot be used, for the catalogues (`timerange` is pure; read by core.sentences)."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

RANGES = (
    _("the range must begin before it ends"),
    _("the range is longer than the 15 days that are kept"),
    _("range must be one of %(choices)s, not %(value)s"),
    _("%(name)s must be a time such as 2026-05-11T09:30, not %(value)s"),
    _("%(name)s is not a time of this century: %(value)s"),
)
