"""The report of an export as PDF."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from typing import Any

from django.utils import translation
from django.utils.html import escape
from django.utils.translation import gettext as _
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from seeops.core.clock import shanghai
from seeops.maturity.models import Evidence
from seeops.maturity.rating import DomainResult, Rating, State

# A font that every PDF reader has for Chinese, so nothing has to be embedded.
FONT = "STSong-Light"


def render(rated: Rating, *, person: str, made_at: dt.datetime, language: str, evidence: Sequence[Evidence]) -> bytes:
    """The report's bytes in `language` (en or zh-hans)."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    styles = {
        "h1": ParagraphStyle("h1", fontName=FONT, fontSize=18, leading=24),
        "h2": ParagraphStyle("h2", fontName=FONT, fontSize=12, leading=18, spaceBefore=10),
        "p": ParagraphStyle("p", fontName=FONT, fontSize=9, leading=13),
        "cell": ParagraphStyle("cell", fontName=FONT, fontSize=8, leading=10),
    }
    with translation.override(language):
        story: list[Any] = _head(rated, person, made_at, language, styles)
        for domain in rated.domains:
            story += _domain(domain, language, styles)
        story += [
            Paragraph(_("Evidence"), styles["h2"]),
            Paragraph(
                _(
                    "%(n)d pieces of evidence are in evidence.jsonl; verify.py recomputes every digest and the audit chain."
                )
                % {"n": len(evidence)},
                styles["p"],
            ),
        ]
        buffer = io.BytesIO()
        document = SimpleDocTemplate(
            buffer, pagesize=A4, title=rated.framework.name.in_language(language), author="seeops",
            leftMargin=18 * mm, rightMargin=18 * mm, topMargin=16 * mm, bottomMargin=16 * mm,
        )  # fmt: skip
        document.build(story)
    return buffer.getvalue()


def _head(
    rated: Rating, person: str, made_at: dt.datetime, language: str, styles: dict[str, ParagraphStyle]
) -> list[Any]:
    level = rated.framework.levels[rated.level - 1].in_language(language) if rated.level else _("below level 1")
    lines = [
        _("Overall level: %(level)d (%(name)s), the lowest of its domains") % {"level": rated.level, "name": level},
        _("Criteria met %(met)d, not met %(not_met)d, not evaluated %(unknown)d")
        % {
            "met": rated.count(State.MET),
            "not_met": rated.count(State.NOT_MET),
            "unknown": rated.count(State.NOT_EVALUATED),
        },
        _("Made by %(person)s at %(at)s (Shanghai)")
        % {"person": person, "at": f"{shanghai(made_at):%Y-%m-%d %H:%M:%S}"},
    ]
    return [
        Paragraph(escape(rated.framework.name.in_language(language)), styles["h1"]),
        Spacer(1, 4 * mm),
        Paragraph(escape(rated.framework.disclaimer.in_language(language)), styles["p"]),
        Spacer(1, 3 * mm),
        *(Paragraph(escape(line), styles["p"]) for line in lines),
    ]


def _domain(domain: DomainResult, language: str, styles: dict[str, ParagraphStyle]) -> list[Any]:
    title = f"{domain.domain.name.in_language(language)} · {_('level')} {domain.level}"
    rows: list[list[Any]] = [[_("Item"), _("Level"), _("Criterion"), _("State"), _("Value"), _("Collected")]]
    for item in domain.items:
        for result in item.criteria:
            fact = result.fact
            rows.append(
                [
                    Paragraph(escape(item.item.name.in_language(language)), styles["cell"]),
                    str(result.criterion.level),
                    Paragraph(escape(result.criterion.text.in_language(language)), styles["cell"]),
                    Paragraph(escape(_state_word(result.state)), styles["cell"]),
                    "–" if fact is None or fact.value is None else f"{fact.value:.4g}",
                    "–" if fact is None else f"{shanghai(fact.collected_at):%m-%d %H:%M}",
                ]
            )
    table = Table(rows, colWidths=[30 * mm, 12 * mm, 72 * mm, 24 * mm, 18 * mm, 20 * mm], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), FONT, 8),
                ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#eceef2")),
                ("GRID", (0, 0), (-1, -1), 0.3, colors.HexColor("#c9ced6")),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ]
        )
    )
    return [Paragraph(escape(title), styles["h2"]), table]


def _state_word(state: State) -> str:
    return {State.MET: _("met"), State.NOT_MET: _("not met"), State.NOT_EVALUATED: _("not evaluated")}[state]
