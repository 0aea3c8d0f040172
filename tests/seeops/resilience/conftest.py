"""Fixtures: the estate, a spool of the test's own, and a cluster that says which phase the session is in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.estate import estate, import_estate, observed_up, person

__all__ = ["estate"]
# Large enough that a fifth of a service is one node of several.
SCALE = 0.25


@pytest.fixture
def on_call(db: None) -> Any:
    return person("mei", "on_call")


@pytest.fixture
def ready(db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The console beside a cluster that is up: the session's phase is all that a start asks it for."""
    from seeops.cluster import door

    import_estate(SCALE)
    observed_up()
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(door, "session", lambda: {"segment": "morning", "phase": 3})
