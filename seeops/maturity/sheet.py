"""The spreadsheet of an export."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence

import xlsxwriter

from seeops.maturity.models import Evidence
from seeops.maturity.rating import Rating

HEADS = (
    "Domain",
    "Item",
    "Criterion",
    "Level",
    "Text",
    "State",
    "Why",
    "Measure",
    "Value",
    "Bound",
    "Sample",
    "Collected (UTC)",
)


def render(rated: Rating, *, language: str, evidence: Sequence[Evidence]) -> bytes:
    """An .xlsx with the criteria and, on a second sheet, the evidence they rest on."""
    buffer = io.BytesIO()
    # Values that begin with = or + are text here, never formulas.
    with xlsxwriter.Workbook(
        buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        bold = book.add_format({"bold": True})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        criteria = book.add_worksheet("Criteria")
        criteria.write_row(0, 0, HEADS, bold)
        for number, cells in enumerate(_rows(rated, language), 1):
            for column, cell in enumerate(cells):
                if isinstance(cell, dt.datetime):
                    criteria.write_datetime(number, column, _naive_utc(cell), moment)
                else:
                    criteria.write(number, column, cell)
        criteria.autofit()
        criteria.freeze_panes(1, 0)
        sources = book.add_worksheet("Evidence")
        sources.write_row(0, 0, ("Measure", "Value", "Sample", "Collected (UTC)", "Source", "SHA-256"), bold)
        for number, row in enumerate(evidence, 1):
            sources.write_row(number, 0, (row.measure, row.value, row.sample))
            sources.write_datetime(number, 3, _naive_utc(row.collected_at), moment)
            sources.write_row(number, 4, (str(row.source), row.digest))
        sources.autofit()
    return buffer.getvalue()


def _naive_utc(at: dt.datetime) -> dt.datetime:
    """Spreadsheets know no zones."""
    return at.astimezone(dt.UTC).replace(tzinfo=None)


def _rows(rated: Rating, language: str):  # type: ignore[no-untyped-def]
    for domain in rated.domains:
        for item in domain.items:
            for result in item.criteria:
                criterion, fact = result.criterion, result.fact
                bound = f"≥ {criterion.at_least}" if criterion.at_least is not None else ""
                bound = f"≤ {criterion.at_most}" if criterion.at_most is not None else bound
                yield (
                    domain.domain.name.in_language(language),
                    item.item.name.in_language(language),
                    criterion.code,
                    criterion.level,
                    criterion.text.in_language(language),
                    result.state.value,
                    result.why,
                    criterion.measure or "attested",
                    fact.value if fact else None,
                    bound,
                    fact.sample if fact else None,
                    fact.collected_at if fact else None,
                )
