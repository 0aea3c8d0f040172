"""The grid of a run: what the server gives of it, and forty thousand events of a thousand nodes in a real browser."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest

from seeops.automation import grid, selectors
from seeops.automation.events import Event
from seeops.automation.models import Run, RunState
from seeops.automation.recorder import Recorder
from seeops.bootstrap.paths import SHARED_VAR
from tests.estate import person
from tests.polling import eventually

AXE = SHARED_VAR / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
BEGAN = dt.datetime(2026, 3, 2, 1, 30, tzinfo=dt.UTC)
HOSTS, TASKS, ROUNDS = 1000, 20, 10
MOST_HEAP_GROWTH = 1.25


def event(number: int, host: str, task: str, status: str = "ok", *, changed: bool = False, message: str = "") -> Event:
    return Event(BEGAN + dt.timedelta(milliseconds=number), host, task, status, changed, message, {"number": number})


def running(names: list[str], **more: Any) -> tuple[Run, Recorder]:
    """A run that is under way, and its recorder, which is used from this thread."""
    targets = [{"name": name, "agent_url": "", "vars": {}} for name in names]
    run = Run.objects.create(
        number="RUN-00001", playbook="inspection", title="Inspect nodes", targets=targets, hosts_total=len(names),
        state=RunState.RUNNING, epoch=1, created_by=person("lin", "operator"), **more,
    )  # fmt: skip
    return run, Recorder(run)


def test_the_grid_and_its_changes_tell_the_last_of_each_cell(db, valkey_url):
    run, recorder = running(["b", "a", "c", "d"])
    recorder._store([
        event(1, "", "one", "info"), event(2, "a", "one"), event(3, "b", "one", "failed"), event(4, "a", "two", changed=True),
        event(5, "b", "one", "ok"),
    ])  # fmt: skip
    run.refresh_from_db()
    whole = grid.grid(run)
    assert whole == {
        "seq": 5, "live": True, "total": 4, "tasks": ["one", "two"],
        "rows": [["a", "oc"], ["b", "o."], ["c", ".."], ["d", ".."]],
    }  # fmt: skip
    assert grid.grid(run, start=1, count=2)["rows"] == [["b", "o."], ["c", ".."]]
    assert grid.changes(run, after=2)["cells"] == [["b", "one", "f"], ["a", "two", "c"], ["b", "one", "o"]]
    recorder._store([event(6, "c", "two", "unreachable"), event(7, "d", "two", "skipped")])
    run.refresh_from_db()
    assert grid.changes(run, after=5) == {
        "seq": 7, "live": True, "more": False, "cells": [["c", "two", "u"], ["d", "two", "s"]],
    }  # fmt: skip
    assert [one.seq for one in grid.cell(run, host="b", task="one")] == [3, 5]


@pytest.fixture
def open_run(
    transactional_db: None, valkey_url: str, settings: Any, browser: Any, live_server: Any, client: Any
) -> Iterator[Any]:
    settings.STATICFILES_DIRS = [SHARED_VAR / "static-build"]
    contexts, errors = [], []

    def visit(run: Run, *, width: int = 1440, dark: bool = False) -> Any:
        client.force_login(run.created_by)
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(60000)
        # The live stream needs the asynchronous server of the product; what it tells is told by hand here.
        page.route(re.compile("/stream/"), lambda route: route.abort())
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{live_server.url}/automation/runs/{run.pk}/")
        page.wait_for_selector(".grid-row i")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert errors == []


def told(page: Any, run: Run) -> None:
    """As the live stream would: something of the run has changed."""
    page.evaluate(f"document.body.dispatchEvent(new Event('live:run-{run.pk}'))")


def holds(page: Any, condition: str) -> None:
    """Wait until it does. Asked from outside, since the page's content policy allows no evaluation within."""
    eventually(lambda: page.evaluate(condition), condition, 60, interval_s=0.1)


def heap(page: Any, session: Any) -> int:
    session.send("HeapProfiler.collectGarbage")
    return session.send("Runtime.getHeapUsage")["usedSize"]


def test_forty_thousand_events_leave_the_browser_quick_and_its_heap_flat(open_run):
    names = [f"node-{number:04d}" for number in range(HOSTS)]
    run, recorder = running(names)
    tasks = [f"Task {number}" for number in range(TASKS)]
    recorder._store([event(n, name, task) for task in tasks for n, name in enumerate(names)])
    page = open_run(run)
    session = page.context.new_cdp_session(page)
    legend = page.locator("[data-grid-legend]")
    holds(page, "document.querySelector('[data-grid-legend]').textContent.includes('20000')")
    assert page.locator(".grid-row").count() < 60
    sizes = []
    for number in range(ROUNDS):
        chunk = [
            event(
                HOSTS + n, name, task, "failed" if (name, number) == ("node-0500", ROUNDS - 1) else "ok", changed=True
            )
            for task in tasks[number * 2 : number * 2 + 2]
            for n, name in enumerate(names)
        ]
        recorder._store(chunk)
        told(page, run)
        changed = (number + 1) * 2 * HOSTS - (2 if number == ROUNDS - 1 else 0)
        holds(page, f"document.querySelector('[data-grid-legend]').textContent.includes('{changed}')")
        page.evaluate(
            "box => { box.scrollTop = Math.random() * box.scrollHeight; }", page.query_selector("[data-grid-box]")
        )
        sizes.append(heap(page, session))
    run.refresh_from_db()
    assert run.events_count == 2 * HOSTS * TASKS
    assert selectors.log_verify(run).intact
    assert max(sizes[2:]) < MOST_HEAP_GROWTH * sizes[1], sizes
    assert page.locator(".grid-row").count() < 60
    # Failures first; filters; a cell opens what lies behind it.
    page.evaluate("document.querySelector('[data-grid-box]').scrollTop = 0")
    holds(
        page,
        "[...document.querySelectorAll('.grid-row')].find(row => row.ariaRowIndex == 1)?.textContent == 'node-0500'",
    )
    page.select_option("[data-grid-state]", "f")
    holds(page, "document.querySelector('[data-grid-box]').ariaRowCount == '1'")
    page.locator(".grid-row:not([hidden]) i.s-bad").first.click()
    page.wait_for_selector(".grid-cell")
    assert "node-0500" in page.locator(".grid-cell").inner_text()
    page.select_option("[data-grid-state]", "")
    page.fill("[data-grid-host]", "node-07")
    holds(page, "document.querySelector('[data-grid-box]').ariaRowCount == '100'")
    assert "20000" in legend.inner_text() or "19998" in legend.inner_text()


def test_wide_and_narrow_light_and_dark_without_findings(open_run):
    names = [f"access-mobile-sza-{number:03d}" for number in range(120)]
    run, recorder = running(names)
    tasks = [f"Step {number}" for number in range(6)]
    states = {0: "failed", 1: "unreachable", 2: "skipped"}
    events = [
        event(n, name, task, states.get((n + t) % 40, "ok"), changed=t == 3)
        for t, task in enumerate(tasks)
        for n, name in enumerate(names[:-5])
    ]
    recorder._store(events)
    Run.objects.filter(pk=run.pk).update(state=RunState.FAILED, hosts_silent=5)
    for width, dark in ((1440, False), (390, True)):
        page = open_run(run, width=width, dark=dark)
        holds(page, "document.querySelector('[data-grid-legend]').textContent.includes('no result 5')")
        page.locator(".grid-row:not([hidden]) i.s-bad").first.click()
        page.wait_for_selector(".grid-cell")
        stick_out = "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.grid-box')).map(e => e.className || e.tagName)"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.evaluate(stick_out)
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        assert [
            (rule["id"], rule["nodes"][0]["target"]) for rule in found if rule["impact"] in ("serious", "critical")
        ] == []
