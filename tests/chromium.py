"""A headless Chromium that talks to nobody but the pages it is shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seeops.bootstrap import tools

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
)
UNSAFE = "DJANGO_ALLOW_ASYNC_UNSAFE"


@contextmanager
def running() -> Iterator[Any]:
    """The browser. While it runs, its driver keeps a loop in this thread: nothing else may run one here, and Django would take
    the tests for coroutines."""
    from playwright.sync_api import sync_playwright

    before = os.environ.get(UNSAFE)
    os.environ[UNSAFE] = "true"
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=str(tools.chromium_path()), env=tools.chromium_env(), args=list(QUIET)
            )
            yield chromium
            chromium.close()
    finally:
        if before is None:
            del os.environ[UNSAFE]
        else:
            os.environ[UNSAFE] = before
