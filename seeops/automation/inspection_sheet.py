"""The report of an inspection as a spreadsheet and as PDF."""

from __future__ import annotations

import io
from typing import Any

import xlsxwriter
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

from seeops.automation import inspection_selectors as selectors
from seeops.automation.inspection_models import InspectionReport
from seeops.core.clock import shanghai
from seeops.core.sentences import read

# A font that every PDF reader has for Chinese, so nothing has to be embedded.
FONT = "STSong-Light"
MOST_SUBJECTS = 40


def _words() -> dict[str, str]:
    return {
        "bad": _("bad"), "unknown": _("unknown"), "attention": _("attention"), "good": _("in order"), "new": _("new"),
        "still": _("still"), "gone": _("gone"), "absent": "–", "progress": _("collecting"),
    }  # fmt: skip


def spreadsheet(report: InspectionReport) -> bytes:
    """An .xlsx with every finding, what is gone too, and on a second sheet what was checked."""
    buffer, words = io.BytesIO(), _words()
    # Values that begin with = or + are text here, never formulas.
    with xlsxwriter.Workbook(
        buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        bold = book.add_format({"bold": True})
        sheet = book.add_worksheet(_("Findings")[:31])
        sheet.write_row(0, 0, (_("Severity"), _("Standing"), _("Check"), _("What"), _("Finding")), bold)
        rows = [*selectors.findings(report), *selectors.findings(report, standing="gone")]
        for number, row in enumerate(rows, 1):
            sheet.write_row(
                number, 0, (words[row.severity], words[row.standing], read(row.check_name), row.subject, read(row.text))
            )
        sheet.autofit()
        sheet.freeze_panes(1, 0)
        checks = book.add_worksheet(_("Checks")[:31])
        checks.write_row(0, 0, (_("Check"), _("Result"), _("Looked at"), _("Findings")), bold)
        for number, check in enumerate(report.checks, 1):
            checks.write_row(
                number, 0, (read(check["title"]), words[check["state"]], check["looked"], check["findings"])
            )
        checks.autofit()
    return buffer.getvalue()


def paper(report: InspectionReport, *, language: str) -> bytes:
    """The report as PDF: result, what was checked, findings that say the same in one line."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    with translation.override(language):
        words, buffer = _words(), io.BytesIO()
        story: list[Any] = [Paragraph(escape(_("Inspection %(number)s") % {"number": report.number}), _style(18))]
        story += [Spacer(1, 3 * mm), *(Paragraph(escape(line), _style(9)) for line in _head(report, words))]
        story += [Paragraph(escape(_("What was checked")), _style(12, 10)), _checks(report, words)]
        story += [Paragraph(escape(_("Findings")), _style(12, 10)), _findings(report, words)]
        document = SimpleDocTemplate(
            buffer, pagesize=A4, title=report.number, author="seeops",
            leftMargin=16 * mm, rightMargin=16 * mm, topMargin=16 * mm, bottomMargin=16 * mm,
        )  # fmt: skip
        document.build(story)
    return buffer.getvalue()


def _style(size: int, before: int = 0) -> ParagraphStyle:
    return ParagraphStyle(f"s{size}", fontName=FONT, fontSize=size, leading=size * 1.4, spaceBefore=before)


def _head(report: InspectionReport, words: dict[str, str]) -> list[str]:
    at = f"{shanghai(report.finished_at):%Y-%m-%d %H:%M:%S}" if report.finished_at else "–"
    return [
        _("Result: %(verdict)s, made at %(at)s (Shanghai) in %(s).1f s") % {
            "verdict": words[report.mark], "at": at, "s": report.seconds or 0.0,
        },
        _("%(n)d of %(all)d nodes answered") % {"n": report.nodes_answered, "all": report.nodes_asked},
        _("%(bad)d bad, %(unknown)d unknown, %(attention)d to look at; %(new)d new, %(gone)d gone since %(before)s") % {
            "bad": report.bad, "unknown": report.unknown, "attention": report.attention, "new": report.new,
            "gone": report.gone, "before": report.previous or "–",
        },
    ]  # fmt: skip


def _checks(report: InspectionReport, words: dict[str, str]) -> Table:
    rows: list[list[Any]] = [[_("Check"), _("Result"), _("Looked at"), _("Findings")]]
    rows += [[_cell(read(c["title"])), words[c["state"]], c["looked"], c["findings"]] for c in report.checks]
    return _table(rows, (100, 28, 24, 24))


def _findings(report: InspectionReport, words: dict[str, str]) -> Table | Paragraph:
    groups = selectors.grouped(selectors.findings(report))
    if not groups:
        return Paragraph(escape(_("Nothing was found.")), _style(9))
    rows: list[list[Any]] = [[_("Severity"), _("Finding"), _("Where")]]
    for group in groups:
        names = ", ".join(row.subject for row in group.rows[:MOST_SUBJECTS])
        more = f" (+{len(group.rows) - MOST_SUBJECTS})" if len(group.rows) > MOST_SUBJECTS else ""
        rows.append([words[group.severity], _cell(read(group.text)), _cell(f"{len(group.rows)}: {names}{more}")])
    return _table(rows, (22, 70, 84))


def _cell(text: str) -> Paragraph:
    return Paragraph(escape(text), _style(8))


def _table(rows: list[list[Any]], widths: tuple[int, ...]) -> Table:
    table = Table(rows, colWidths=[width * mm for width in widths], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), FONT, 8),
                ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#eceef2")),
                ("GRID", (0, 0), (-1, -1), 0.3, colors.HexColor("#c9ced6")),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
    )
    return table
