"""Where a chain of records breaks, for the catalogues (`chain` is pure; read by core.sentences)."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

BREAKS = (
    _("record %(seq)d is missing"),
    _("does not follow the record before it"),
    _("was altered after it was written"),
)
