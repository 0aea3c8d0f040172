"""Numbers by which people call things: CHG-00012, REL-00007, RUN-00153."""

from __future__ import annotations

from typing import Any

from django.db import connection, models


def next_number(model: type[models.Model], prefix: str) -> dict[str, Any]:
    """The primary key of a row about to be made and the number that people call it by: {"pk", "number"}.

    Both come from the table's own sequence, so a number is never given twice, also when a transaction rolls back.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [model._meta.db_table])
        (pk,) = cursor.fetchone()
    return {"pk": int(pk), "number": f"{prefix}-{int(pk):05d}"}
