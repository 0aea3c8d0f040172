"""The grid of a run: what each of its tasks did on each of its nodes, a letter per cell, for a thousand nodes at a time."""

from __future__ import annotations

from typing import Any

from django.db import connection

from seeops.automation.events import FINAL
from seeops.automation.models import EventStatus, Run, RunEvent

MOST_HOSTS = 1000
MOST_CHANGES = 5000
MOST_OF_CELL = 200
NOTHING = "."
LETTER = {EventStatus.OK: "o", EventStatus.SKIPPED: "s", EventStatus.FAILED: "f", EventStatus.UNREACHABLE: "u"}
CHANGED = "c"
_LAST = """
SELECT DISTINCT ON (host, task) host, task, status, changed FROM automation_runevent
WHERE run_id = %s AND seq <= %s AND status = ANY(%s) AND host = ANY(%s) ORDER BY host, task, seq DESC
"""
_TASKS = """
SELECT task FROM automation_runevent WHERE run_id = %s AND seq <= %s AND task <> '' AND host <> '' AND status = ANY(%s)
GROUP BY task ORDER BY min(seq)
"""


def letter(status: str, changed: bool) -> str:
    return CHANGED if status == EventStatus.OK and changed else LETTER[EventStatus(status)]


def hosts(run: Run) -> list[str]:
    """Names of the run's nodes in order, read without the rest of its targets."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t->>'name' FROM automation_run, jsonb_array_elements(targets) AS t WHERE id = %s ORDER BY 1",
            [run.pk],
        )
        return list(dict.fromkeys(name for (name,) in cursor.fetchall()))


def grid(run: Run, *, start: int = 0, count: int = MOST_HOSTS) -> dict[str, Any]:
    """`{"seq", "live", "total", "tasks": [name], "rows": [[host, letters]]}` for the hosts from number `start` on.

    `seq` is the last event that is looked at; what came later is asked for by `changes`. A letter stands for the last thing
    the task reported of the host, NOTHING for none.
    """
    seq, names = run.events_count, hosts(run)
    shown = names[start : start + min(count, MOST_HOSTS)]
    with connection.cursor() as cursor:
        cursor.execute(_TASKS, [run.pk, seq, list(FINAL)])
        tasks = [task for (task,) in cursor.fetchall()]
        place = {task: number for number, task in enumerate(tasks)}
        cells = {name: [NOTHING] * len(tasks) for name in shown}
        cursor.execute(_LAST, [run.pk, seq, list(FINAL), shown])
        for host, task, status, changed in cursor.fetchall():
            if task in place:
                cells[host][place[task]] = letter(status, changed)
    rows = [[name, "".join(letters)] for name, letters in cells.items()]
    return {"seq": seq, "live": run.live, "total": len(names), "tasks": tasks, "rows": rows}


def changes(run: Run, *, after: int) -> dict[str, Any]:
    """`{"seq", "live", "more", "cells": [[host, task, letter]]}`: what was reported since event `after`, oldest first."""
    found = list(
        run.events.filter(seq__gt=after, seq__lte=after + MOST_CHANGES)
        .order_by("seq")
        .values_list("seq", "host", "task", "status", "changed")
    )
    cells = [
        [host, task, letter(status, changed)] for _seq, host, task, status, changed in found if host and status in FINAL
    ]
    seq = found[-1][0] if found else after
    return {"seq": seq, "live": run.live, "more": seq < run.events_count, "cells": cells}


def cell(run: Run, *, host: str, task: str) -> list[RunEvent]:
    """Everything that one task reported of one node, oldest first."""
    return list(run.events.filter(host=host, task=task).order_by("seq")[:MOST_OF_CELL])
