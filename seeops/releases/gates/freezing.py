"""The gates of a plan, frozen when it is made: they are part of its digest and of what is approved."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from seeops.inventory.models import Version
from seeops.releases.gates import options

RULES_FILE = "rules.json"


def frozen(wish: Mapping[str, Any] | None, versions: Sequence[Version]) -> dict[str, Any]:
    """What the plan says of its gates. Raises InvalidInput that names what is wrong."""
    return options.checked(wish, shards=any(changes_shards(version) for version in versions))


def changes_shards(version: Version) -> bool:
    """Whether a version may change what an order becomes: its service carries shards, or its package brings rules for them."""
    return bool(version.service.replicated) or _brings_rules(version)


def _brings_rules(version: Version) -> bool:
    """A package that cannot be read brings nothing: no node takes one whose digest is not the catalogue's."""
    path = Path(settings.PACKAGES_DIR) / version.file
    try:
        return _holds_rules(path, path.stat().st_mtime_ns)
    except (OSError, tarfile.TarError):
        return False


@lru_cache(maxsize=256)
def _holds_rules(path: Path, written: int) -> bool:
    """Read once for each time it was written: a page asks every second. Raises OSError, TarError."""
    with tarfile.open(path) as package:
        return any(Path(name).name == RULES_FILE for name in package.getnames())
