"""Waiting for what other processes do: polling with a deadline, in one place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

What = str | Callable[[], object]


def eventually(
    condition: Callable[[], Any],
    what: What,
    timeout_s: float = 30.0,
    *,
    interval_s: float = 0.05,
    not_yet: tuple[type[Exception], ...] = (),
) -> Any:
    """Poll until `condition` gives something true and return it; errors of the kinds `not_yet` count as not yet.

    Raises AssertionError naming `what` when it never does; a callable `what` is asked at that moment, so that the message
    can show how things stand.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if found := condition():
                return found
        except not_yet as error:
            last: object = error
        else:
            last = None
        if time.monotonic() > deadline:
            raise AssertionError(_sentence(what, timeout_s, last))
        time.sleep(interval_s)


async def eventually_async(
    condition: Callable[[], Awaitable[Any]],
    what: What,
    timeout_s: float = 30.0,
    *,
    interval_s: float = 0.02,
    not_yet: tuple[type[Exception], ...] = (),
) -> Any:
    """As `eventually`, for a condition that is awaited."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if found := await condition():
                return found
        except not_yet as error:
            last: object = error
        else:
            last = None
        if time.monotonic() > deadline:
            raise AssertionError(_sentence(what, timeout_s, last))
        await asyncio.sleep(interval_s)


async def let_others_run() -> None:
    """Give the other tasks of the loop, and what it was asked to call soon, one turn."""
    await asyncio.sleep(0)


def _sentence(what: What, timeout_s: float, last: object) -> str:
    told = what() if callable(what) else what
    return f"Not within {timeout_s:g} s: {told}" + (f" ({last!r})" if last is not None else "")
