"""Where the console learns of its surroundings: environment variables, and behind them what the last set-up wrote.

A command typed by hand (`manage.py …`) then meets the same database and broker as the supervised processes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent


class EnvironmentMissing(RuntimeError):
    """A setting without a default was given neither by the environment nor by the last set-up."""


def var_dir() -> Path:
    """The one folder that holds generated state."""
    return Path(os.environ.get("SEEOPS_VAR", BASE_DIR / "var"))


def _written_by_setup() -> dict[str, str]:
    path = var_dir() / "run" / "env.json"
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {}


_WRITTEN = _written_by_setup()


def env(name: str, default: str | None = None) -> str:
    """The value of `name` from the environment, else from the last set-up, else `default`.

    Raises EnvironmentMissing when none of the three has it.
    """
    value = os.environ.get(name) or _WRITTEN.get(name) or default
    if value is None:
        raise EnvironmentMissing(f"{name} is not set: run `make run` once, or set {name} in the environment.")
    return value
