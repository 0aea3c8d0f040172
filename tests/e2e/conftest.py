"""A signed-in browser page that complains by itself: no request may leave the machine, no script may fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

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


@pytest.fixture
def visit(product: Product, browser: Any) -> Iterator[Visit]:
    """`visit(username, width=1440, dark=False)` gives a page signed in as that person; all are checked at the end."""
    opened: list[tuple[Any, Watched]] = []

    def sign_in(username: str, *, width: int = 1440, dark: bool = False) -> Any:
        context = browser.new_context(
            base_url=product.console,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            locale="en-GB",
            accept_downloads=True,
        )
        context.set_default_timeout(SIGN_IN_TIMEOUT_MS)
        page = context.new_page()
        opened.append((context, Watched(page, product.console)))
        person = product.person(username)
        page.goto("/sign-in/")
        page.get_by_label("User name").fill(person["username"])
        page.get_by_label("Password").fill(person["password"])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{product.console}/")
        return page

    yield sign_in
    for context, watched in opened:
        context.close()
        watched.check()
