"""The experiment files as the console shows them. They are read by a process of their own: chaos knows nothing of the console."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _

from seeops.core.errors import Unavailable
from seeops.environment import BASE_DIR

FOLDER = BASE_DIR / "chaos" / "experiments"
TIMEOUT_S = 30


@dataclass(frozen=True)
class Experiment:
    """One file: what it does step by step, and what it declares about itself."""

    code: str
    title: str
    description: str
    digest: str
    path: str
    declared: dict[str, Any]
    steps: list[dict[str, Any]]
    probes: list[dict[str, Any]]


@dataclass(frozen=True)
class Catalogue:
    experiments: dict[str, Experiment]
    problems: list[dict[str, str]]
    activities: list[dict[str, Any]]


_read: tuple[tuple[tuple[str, int, int], ...], Catalogue] | None = None


def catalogue() -> Catalogue:
    """All experiments by code; read again when a file changed. Raises Unavailable."""
    global _read
    stamp = tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(FOLDER.glob("*.json")))
    if _read is None or _read[0] != stamp:
        _read = (stamp, _ask())
    return _read[1]


def experiment(code: str) -> Experiment:
    """Raises Http404."""
    try:
        return catalogue().experiments[code]
    except KeyError as error:
        raise Http404(code) from error


def of_folder(folder: Path) -> Catalogue:
    """The experiments of another folder. Raises Unavailable."""
    return _ask(str(folder))


def _ask(*folder: str) -> Catalogue:
    command = [sys.executable, "-m", "chaos.catalogue", *folder]
    try:
        answer = subprocess.run(command, cwd=BASE_DIR, capture_output=True, timeout=TIMEOUT_S, check=True)
    except (subprocess.SubprocessError, OSError) as error:
        raise Unavailable(_("The experiment files could not be read: %(error)s.") % {"error": error}) from error
    found = json.loads(answer.stdout)
    experiments = [Experiment(**entry) for entry in found["experiments"]]
    return Catalogue({entry.code: entry for entry in experiments}, found["problems"], found["activities"])
