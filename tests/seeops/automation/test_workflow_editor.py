"""The editor of workflows in a real browser: drag, connect, edit, undo, keyboard, text, save; wide and narrow, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from seeops.automation.models import Workflow, WorkflowVersion
from seeops.automation.workflows import commands, engine, versions
from seeops.bootstrap.paths import SHARED_VAR
from tests.estate import person
from tests.seeops.automation.test_workflow_checks import branch, flow, step, wait

AXE = SHARED_VAR / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
DEFINITION = flow(
    a=step("approval", "b", "failed", question="really?", role="approver"),
    b={**branch({"left": "${steps.a.status}", "operator": "==", "right": "pretended"}), "next": {"yes": "c", "no": "done", "failure": "failed"}},
    c=wait(),
)  # fmt: skip


@pytest.fixture
def workflow(transactional_db: None, valkey_url: str, settings: Any) -> Workflow:
    settings.STATICFILES_DIRS = [SHARED_VAR / "static-build"]
    made = versions.workflow_create(actor=person("wu", "operator"), title="Mine")
    versions.version_save(actor=made.created_by, workflow=made, definition=DEFINITION, base=1)
    return made


@pytest.fixture
def visit(browser: Any, live_server: Any, client: Any, workflow: Workflow, settings: Any) -> Iterator[Any]:
    client.force_login(workflow.created_by)
    contexts, errors = [], []

    def open_page(address: str, *, width: int = 1440, dark: bool = False, touch: bool = False) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", has_touch=touch
        )
        contexts.append(context)
        context.add_cookies(
            [
                {
                    "name": settings.SESSION_COOKIE_NAME,
                    "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
                    "url": live_server.url,
                }
            ]
        )
        page = context.new_page()
        page.set_default_timeout(20000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        # The live stream needs the asynchronous server of the product.
        page.on(
            "response",
            lambda got: (
                errors.append(f"{got.status} {got.url}") if got.status >= 400 and "/stream" not in got.url else None
            ),
        )
        page.goto(live_server.url + address)
        page.wait_for_selector(".flow-box")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def problems(page: Any) -> list[str]:
    """Serious findings of axe, and pixels that stick out."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    serious = [
        f"{rule['id']}: {rule['nodes'][0]['target']} {rule['nodes'][0]['failureSummary']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return serious + ([f"{wide} px too wide"] if wide > 0 else [])


def checked(page: Any, errors: int) -> None:
    page.wait_for_selector(f'[data-checked="{errors}"]')


def text_of(page: Any) -> str:
    return str(page.evaluate("document.querySelector('[name=yaml]').value"))


def test_a_workflow_is_drawn_checked_and_saved(visit, workflow):
    page = visit("/automation/workflows/mine/edit/")
    checked(page, 0)
    page.drag_and_drop(".flow-kind.kind-http", '[data-flow-part="canvas"]', target_position={"x": 300, "y": 220})
    checked(page, 2)
    page.wait_for_selector(".flow-findings li.error")
    page.get_by_label("Address").fill("http://127.0.0.1/x")
    page.keyboard.press("Tab")
    checked(page, 1)
    assert "No way leads" in page.inner_text('[data-flow-part="findings"]')
    # From the outcome of one step to another, by pointer.
    port, target = (
        page.locator('[data-of="c"][data-port="success"]').bounding_box(),
        page.locator('[data-name="http"]').bounding_box(),
    )
    page.mouse.move(port["x"] + 10, port["y"] + 8)
    page.mouse.down()
    page.mouse.move(target["x"] + 40, target["y"] + 20, steps=5)
    page.mouse.up()
    checked(page, 0)
    assert "success: http" in text_of(page)
    # Move it, take everything back, do it again.
    box = page.locator('[data-name="http"]').bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 120, steps=5)
    page.mouse.up()
    for _turn in range(4):
        page.click('[data-flow-part="undo"]')
    page.wait_for_function("() => !document.querySelector('[name=yaml]').value.includes('http')")
    for _turn in range(4):
        page.click('[data-flow-part="redo"]')
    page.wait_for_function("() => document.querySelector('[name=yaml]').value.includes('success: http')")
    checked(page, 0)
    page.click('[data-flow-part="save"]')
    page.wait_for_url("**/automation/workflows/mine/")
    saved = WorkflowVersion.objects.get(number=3).definition
    assert saved["steps"]["c"]["next"]["success"] == "http"
    assert saved["steps"]["http"]["parameters"]["url"] == "http://127.0.0.1/x"


def test_the_keyboard_alone_is_enough_and_the_text_is_the_same_workflow(visit, workflow):
    page = visit("/automation/workflows/mine/edit/")
    checked(page, 0)
    page.focus(".flow-kind.kind-wait")
    page.keyboard.press("Enter")
    page.focus('[data-of="c"][data-port="success"]')
    page.keyboard.press("Enter")
    page.focus('[data-name="wait"]')
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function("() => document.querySelector('[name=yaml]').value.includes('success: wait')")
    checked(page, 0)
    page.focus('[data-name="wait"]')
    page.keyboard.press("Delete")
    checked(page, 1)
    page.keyboard.press("Control+z")
    checked(page, 0)
    page.click(".flow-main details summary")
    page.fill("[name=yaml]", text_of(page).replace("title: Wait", "title: Breathe"))
    page.wait_for_selector('.flow-name:has-text("Breathe")')
    page.fill("[name=yaml]", "steps: [")
    checked(page, 1)
    assert page.is_disabled('[data-flow-part="save"]')


def test_a_fork_is_drawn_with_its_ways_and_a_step_is_copied_by_keys(visit, workflow):
    page = visit("/automation/workflows/mine/edit/")
    checked(page, 0)
    page.focus('[data-name="c"]')
    page.keyboard.press("Enter")
    page.focus('[data-name="c"]')
    page.keyboard.press("Control+c")
    page.keyboard.press("Control+v")
    page.wait_for_selector('[data-name="c_2"]')
    checked(page, 1)
    page.keyboard.press("Control+z")
    checked(page, 0)
    page.click(".flow-kind.kind-fork")
    page.wait_for_selector('[data-of="fork"][data-port="second"]')
    assert page.locator('[data-of="fork"] >> visible=true').count() == 4
    page.wait_for_selector(".flow-findings li.error")
    assert "No way leads from the first step" in page.inner_text('[data-flow-part="findings"]')


def test_a_finger_carries_a_kind_into_the_graph(visit, workflow):
    page = visit("/automation/workflows/mine/edit/", touch=True)
    checked(page, 0)
    kind, area = (
        page.locator(".flow-kind.kind-wait").bounding_box(),
        page.locator('[data-flow-part="canvas"]').bounding_box(),
    )
    x, y = kind["x"] + 10, kind["y"] + 10
    session = page.context.new_cdp_session(page)
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step_n in range(1, 6):
        place = {"x": x + (area["x"] + 200 - x) * step_n / 5, "y": y + (area["y"] + 250 - y) * step_n / 5}
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [place]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_selector('[data-name="wait"]')
    assert page.locator(".flow-ghost").count() == 0
    assert page.locator('[data-name="wait_2"]').count() == 0, "one step, not a second one by the click"


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)])
def test_editor_workflow_and_run_are_accessible_and_fit(visit, workflow, width, dark, tmp_path):
    version = WorkflowVersion.objects.get(number=2)
    run = commands.workflow_start(actor=workflow.created_by, version=version, inputs={}, reason="try", trial=True)
    engine.advance(run.pk)
    for name, address in (
        ("edit", "/automation/workflows/mine/edit/"),
        ("workflow", "/automation/workflows/mine/"),
        ("run", f"/automation/workflows/runs/{run.pk}/"),
    ):
        page = visit(address, width=width, dark=dark)
        if dark:
            page.evaluate("document.documentElement.dataset.theme = 'dark'")
        if name == "edit":
            checked(page, 0)
            page.click('[data-name="b"]')
        elif name == "run":
            page.wait_for_selector('.flow-box.s-absent[data-step="a"]')
        shots = SHARED_VAR / "shots"
        shots.mkdir(exist_ok=True)
        page.screenshot(path=shots / f"workflow-{name}-{width}-{'dark' if dark else 'light'}.png", full_page=True)
        assert problems(page) == [], (name, width, dark)
