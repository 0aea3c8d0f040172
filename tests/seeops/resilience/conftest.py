"""Fixtures: the estate, a spool of the test's own, and a cluster that says which phase the session is in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.estate import estate, person, small_estate

__all__ = ["estate", "small_estate"]


@pytest.fixture
def on_call(db: None) -> Any:
    return person("mei", "on_call")


@pytest.fixture
def ready(estate: dict[str, Any], settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The console beside a cluster that is up: the session's phase is all that a start asks it for."""
    from seeops.cluster import door

    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(door, "session", lambda: {"segment": "morning", "phase": 3})
    return
