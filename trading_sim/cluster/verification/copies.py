"""Copies of replicas' folders, since a running replica writes and removes files."""

from __future__ import annotations

import shutil
from pathlib import Path

from trading_sim.cluster.verification.findings import Unverifiable

COPY_ATTEMPTS = 5


def copy_folder(source: Path, target: Path) -> Path:
    """Copy one replica's folder; returns `target`. Raises Unverifiable when it changes faster than it can be copied."""
    for attempt in range(COPY_ATTEMPTS):
        try:
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.tmp"))
            break
        except shutil.Error as error:  # a segment was removed meanwhile: a snapshot covers it by now
            shutil.rmtree(target, ignore_errors=True)
            if attempt == COPY_ATTEMPTS - 1:
                raise Unverifiable(f"{source.name} changes faster than it can be copied: {error}") from error
    return target
