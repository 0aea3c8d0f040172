"""Steps that several walks share: what an operator and an approver do in the browser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import psutil
import pyotp
import requests

from tests.polling import eventually
from tests.product import Product

SOAK_S = 30
ENDED = {"done", "rolled_back", "aborted", "failed"}


def observed(product: Product, service: str, timeout_s: float = 60) -> list[dict[str, Any]]:
    """The nodes of a service, once all of them have been observed up."""

    def look() -> list[dict[str, Any]] | None:
        nodes = nodes_of(product, service)
        return nodes if nodes and all(node["state"] == "up" for node in nodes) else None

    away = (requests.RequestException,)
    found: list[dict[str, Any]] = eventually(
        look, f"all nodes of {service} are up", timeout_s, interval_s=1.0, not_yet=away
    )
    return found


@dataclass(frozen=True)
class Part:
    """What an operator types for one service of a release."""

    service: str
    version: str
    expression: str


def request_change(page: Any, *, title: str, services: list[str]) -> str:
    """Fill in a ticket in the browser; returns its address."""
    page.goto("/changes/new/")
    page.get_by_label("What will change").fill(title)
    page.get_by_label("Reason").fill("asked for by the trading desk")
    choose(page, "Services", services)
    page.get_by_role("button", name="Create").click()
    page.wait_for_url(re.compile(r"/changes/\d+/"))
    return str(page.url)


def choose(page: Any, label: str, names: list[str]) -> None:
    """Search for each of the names in a list of which many may be chosen, and choose it."""
    field = page.get_by_role("combobox", name=label)
    for name in names:
        field.fill(name)
        page.get_by_role("option", name=name, exact=True).click()
    page.keyboard.press("Escape")


def plan_release(page: Any, ticket_url: str, *, parts: list[Part], soak_s: int) -> str:
    """Plan a release for the ticket with a live preview and its dry run; returns the release's address."""
    page.goto(ticket_url)
    page.get_by_role("link", name="Plan a release").click()
    page.locator("#plan-soak").fill(str(soak_s))
    wanted = {part.service: part for part in parts}
    for number in range(1, len(parts) + 1):
        suffix = "" if number == 1 else f"-{number}"
        part = wanted[page.locator(f"#plan-service{suffix}").input_value()]
        page.locator(f"#plan-version{suffix}").select_option(part.version)
        page.locator(f"#plan-expression{suffix}").fill(part.expression)
    for part in parts:
        page.get_by_role(
            "heading", name=re.compile(rf"nodes: .*{re.escape(f'{part.service} {part.version}')}")
        ).wait_for()
    page.get_by_text("If it started now").wait_for()
    page.wait_for_function("() => !document.querySelector('.htmx-request')")
    page.get_by_role("button", name="Save plan").click()
    page.get_by_text("an approval must cover this plan").wait_for()
    page.get_by_role("link", name=re.compile(r"^REL-")).first.click()
    page.wait_for_url(re.compile(r"/releases/\d+/"))
    return str(page.url)


def submit(page: Any, ticket_url: str) -> None:
    page.goto(ticket_url)
    page.get_by_role("button", name="Submit for approval").click()
    page.get_by_text("waiting for approval").first.wait_for()


class Approver:
    """A person with the right to approve, signed in, and the second factor that this person enrols when one is asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self._codes: list[str] = []

    def approve(self, ticket_url: str) -> None:
        """Decide, if the ticket waits for this person's word."""
        self.page.goto(ticket_url)
        if not self.page.get_by_role("button", name="Decide…").count():
            return
        if self.page.locator("dialog#decide a[href*=second]").count():
            self._enrol()
            self.page.goto(ticket_url)
        self.page.get_by_role("button", name="Decide…").click()
        dialog = self.page.locator("dialog#decide")
        dialog.locator("#decide-reason").fill("impact read, plan read")
        if dialog.locator("input[name=code]").count():
            dialog.locator("input[name=code]").fill(self._codes.pop())
        dialog.get_by_role("button", name="Approve", exact=True).click()
        self.page.get_by_role("button", name="Decide…").wait_for(state="detached")

    def _enrol(self) -> None:
        """Enrol a second factor; its recovery codes count once each, so that nobody waits for the app's next one."""
        self.page.goto("/people/me/")
        self.page.get_by_role("button", name="Enrol a second factor").click()
        secret = self.page.locator("p.note code").inner_text()
        self.page.locator("#first-code").fill(pyotp.TOTP(secret).now())
        self.page.get_by_role("button", name="Confirm").click()
        self.page.get_by_text("Recovery codes").wait_for()
        self._codes = self.page.locator("ul.mono li").all_inner_texts()


def start(page: Any, release_url: str) -> None:
    page.goto(release_url)
    page.get_by_role("button", name="Start…").click()
    page.locator("#start").get_by_role("button", name="Start", exact=True).click()
    page.get_by_text("started by").wait_for()


def begin_release(operator: Any, approvers: list[Approver], parts: list[Part]) -> tuple[str, str]:
    """The operator asks and plans, others approve, the operator starts: addresses of ticket and release."""
    title = ", ".join(f"{part.service} to {part.version}" for part in parts)
    ticket = request_change(operator, title=title, services=[part.service for part in parts])
    release = plan_release(operator, ticket, parts=parts, soak_s=SOAK_S)
    submit(operator, ticket)
    operator.goto(ticket)
    assert operator.get_by_role("button", name="Decide…").count() == 0, "the requester must not decide"
    for approver in approvers:
        approver.approve(ticket)
    start(operator, release)
    return ticket, release


def pk_of(url: str) -> int:
    found = re.search(r"/(\d+)/", url)
    assert found is not None
    return int(found.group(1))


def ended(product: Product, release_url: str, timeout_s: float) -> dict[str, Any]:
    """Wait for the release to end and return it as the API shows it."""
    api, pk = product.api("lin"), pk_of(release_url)

    def look() -> dict[str, Any] | None:
        release: dict[str, Any] = api.get(f"releases/{pk}/")
        return release if release["state"] in ENDED else None

    found: dict[str, Any] = eventually(
        look,
        lambda: f"release {pk} ended: {api.get(f'releases/{pk}/')}",
        timeout_s,
        interval_s=1.0,
        not_yet=(requests.RequestException,),
    )
    return found


def runners(product: Product) -> list[psutil.Process]:
    """Processes of this product's runners."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "seeops.automation.runner" in (process.info["cmdline"] or []):
            try:
                own = process.environ().get("SEEOPS_VAR") == str(product.instance.var)
            except psutil.Error:
                continue
            if own:
                found.append(process)
    return found


def nodes_of(product: Product, service: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = product.api("lin").get("nodes/", service=service, limit=1000)["results"]
    return rows


def executed_more_than_once(nodes: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Asks every node's agent itself: {node: {key: times executed}} where one key was executed more than once."""
    found: dict[str, dict[str, int]] = {}
    for node in nodes:
        actions = requests.get(f"{node['agent_url']}/actions", timeout=10).json()["actions"]
        often = {key: entry["times_executed"] for key, entry in actions.items() if entry["times_executed"] > 1}
        if often:
            found[node["name"]] = often
    return found
