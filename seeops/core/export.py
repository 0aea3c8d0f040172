"""Lists as CSV, streamed row by row: the whole table never lies in memory."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse

CHUNK = 500
# A cell that starts like this is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Line:
    """A file for csv.writer that hands each line on."""

    def write(self, text: str) -> str:
        return text


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return "" if value is None else value


def csv_response(
    request: HttpRequest, filename: str, header: Sequence[Any], rows: QuerySet[Any, Any]
) -> StreamingHttpResponse:
    """`rows` is a queryset of tuples (values_list) in the order of `header`. UTF-8 with a mark, so that spreadsheets read it."""
    writer = csv.writer(_Line())

    def line(row: Sequence[Any]) -> bytes:
        return writer.writerow([_cell(value) for value in row]).encode()

    first = "\ufeff".encode() + line([str(title) for title in header])

    def plain() -> Iterator[bytes]:
        yield first
        for row in rows.iterator(CHUNK):
            yield line(row)

    async def asynchronous() -> AsyncIterator[bytes]:
        yield first
        async for row in rows.aiterator(CHUNK):
            yield line(row)

    content = asynchronous() if isinstance(request, ASGIRequest) else plain()
    response = StreamingHttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response
