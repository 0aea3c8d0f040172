"""Browser pages that complain by themselves, and two releases that go on while the other walks are made.

A page fails its test when a request leaves the machine or a script fails. The releases take minutes, most of which they wait:
they are started before the first walk and looked at after the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests import chromium
from tests.e2e import walks
from tests.product import Product

SIGN_IN_TIMEOUT_MS = 30_000
Visit = Callable[..., Any]
# What htmx says when a newer request of the same form has replaced one that was under way.
REPLACED = ("htmx:afterRequest", "htmx:sendAbort")
# What the browser and htmx say of a server that does not answer.
UNANSWERED = (
    "Failed to load resource",
    "Response Status Error Code 503",
    "Response Status Error Code 500",
    "htmx:sendError",
)


class Watched:
    """What a page asked for and what its scripts said."""

    def __init__(self, page: Any, origin: str) -> None:
        self.outside: list[str] = []
        self.errors: list[str] = []
        self.outages = False
        self._host = urlsplit(origin).netloc
        page.on("request", self._asked)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._said)

    def _said(self, message: Any) -> None:
        expected = (*REPLACED, *UNANSWERED) if self.outages else REPLACED
        if message.type == "error" and not message.text.startswith(expected):
            self.errors.append(message.text)

    def _asked(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.netloc != self._host:
            self.outside.append(request.url)

    def check(self) -> None:
        assert self.outside == [], "a page asked another server"
        assert self.errors == [], "a page's scripts failed"


def sign_in(
    product: Product, browser: Any, username: str, *, width: int = 1440, dark: bool = False
) -> tuple[Any, Watched]:
    """A page signed in as that person, and what watches it."""
    context = browser.new_context(
        base_url=product.console,
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        locale="en-GB",
        accept_downloads=True,
    )
    context.set_default_timeout(SIGN_IN_TIMEOUT_MS)
    page = context.new_page()
    watched = Watched(page, product.console)
    person = product.person(username)
    page.goto("/sign-in/")
    page.get_by_label("User name").fill(person["username"])
    page.get_by_label("Password").fill(person["password"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{product.console}/")
    return page, watched


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One headless Chromium for all walks."""
    with chromium.running() as found:
        yield found


@pytest.fixture
def visit(product: Product, browser: Any) -> Iterator[Visit]:
    """`visit(username, width=1440, dark=False)` gives a page signed in as that person; all are checked at the end. With
    `outages` the browser may complain that the server did not answer."""
    opened: list[tuple[Any, Watched]] = []

    def one_more(username: str, *, width: int = 1440, dark: bool = False, outages: bool = False) -> Any:
        page, watched = sign_in(product, browser, username, width=width, dark=dark)
        watched.outages = outages
        opened.append((page, watched))
        return page

    yield one_more
    for page, watched in opened:
        page.context.close()
        watched.check()


# The last batch is compared with nodes that passed before, so it must not be nearly all of them. Each batch takes a minute.
GOOD = [walks.Part("market-data", "1.1.0", "30%, 100%"), walks.Part("quote-push", "1.1.0", "1, 30%, 100%")]
BAD = [walks.Part("access-mobile", "1.2.0", "1, 5%, 30%, 100%")]


@dataclass(frozen=True)
class Begun:
    """Addresses of what is under way: good versions of two services in one release, a bad version of another."""

    ticket: str
    good: str
    bad: str


@pytest.fixture(scope="session")
def begun(product: Product, browser: Any) -> Begun:
    """An operator asks, plans and starts two releases in the browser; approvers approve them."""
    for part in [*GOOD, *BAD]:
        walks.observed(product, part.service)
    opened = [sign_in(product, browser, username) for username in ("lin", "chen", "zhao")]
    operator, *others = [page for page, _ in opened]
    approvers = [walks.Approver(page) for page in others]
    ticket, good = walks.begin_release(operator, approvers, GOOD)
    _, bad = walks.begin_release(operator, approvers, BAD)
    for page, watched in opened:
        page.context.close()
        watched.check()
    return Begun(ticket, good, bad)


@pytest.fixture(autouse=True)
def _releases_go_on(begun: Begun) -> None:
    """Every walk is made while the two releases are under way, as on a working day."""
