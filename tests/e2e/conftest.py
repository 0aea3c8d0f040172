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

from tests.e2e import walks
from tests.product import Product

SIGN_IN_TIMEOUT_MS = 30_000
Visit = Callable[..., Any]
# What htmx says when a newer request of the same form has replaced one that was under way.
REPLACED = ("htmx:afterRequest", "htmx:sendAbort")


class Watched:
    """What a page asked for and what its scripts said."""

    def __init__(self, page: Any, origin: str) -> None:
        self.outside: list[str] = []
        self.errors: list[str] = []
        self._host = urlsplit(origin).netloc
        page.on("request", self._asked)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._said)

    def _said(self, message: Any) -> None:
        if message.type == "error" and not message.text.startswith(REPLACED):
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


@pytest.fixture
def visit(product: Product, browser: Any) -> Iterator[Visit]:
    """`visit(username, width=1440, dark=False)` gives a page signed in as that person; all are checked at the end."""
    opened: list[tuple[Any, Watched]] = []

    def one_more(username: str, *, width: int = 1440, dark: bool = False) -> Any:
        opened.append(sign_in(product, browser, username, width=width, dark=dark))
        return opened[-1][0]

    yield one_more
    for page, watched in opened:
        page.context.close()
        watched.check()


@dataclass(frozen=True)
class Begun:
    """Addresses of the releases under way: a good version to `big`, a bad one to `other`."""

    big: str
    other: str
    good: str
    bad: str


@pytest.fixture(scope="session")
def begun(product: Product, browser: Any) -> Begun:
    """An operator asks, plans and starts two releases in the browser; an approver approves them."""
    big, other = "quote-push", "access-mobile"
    assert len(walks.observed(product, big)) >= 200
    walks.observed(product, other)
    opened = [sign_in(product, browser, username) for username in ("lin", "chen")]
    (operator, _), (approver, _) = opened
    good = walks.begin_release(operator, approver, service=big, version="1.1.0")
    bad = walks.begin_release(operator, approver, service=other, version="1.2.0")
    for page, watched in opened:
        page.context.close()
        watched.check()
    return Begun(big, other, good, bad)


@pytest.fixture(autouse=True)
def _releases_go_on(begun: Begun) -> None:
    """Every walk is made while the two releases are under way, as on a working day."""
