"""Who replays journals and who injects faults for the gates. The apps that can stand above releases, so they hand themselves in.

Nobody there means that a gate cannot be decided: a console that was put together without them must not be one whose gates are open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Replay:
    """A shadow run of one shard. `same` None: it cannot be judged. `kinds`: every kind of difference, None when the report does not tell
    them all; `proven`: the entries were held by a majority."""

    number: str
    shard: int
    url: str
    ended: bool
    same: bool | None = None
    proven: bool = False
    why: str = ""
    text: str = ""
    entries: int = 0
    commands: int = 0
    kinds: tuple[str, ...] | None = ()
    report_sha256: str = ""
    journal_sha256: str = ""


@dataclass(frozen=True)
class Trial:
    """A run of a chaos gate's fault. Counts and times are None when they were not measured."""

    number: str
    url: str
    ended: bool
    outcome: str = ""
    why: str = ""
    undo_ok: bool | None = None
    restored: bool | None = None
    recovered_s: float | None = None
    unmeasured_s: int | None = None
    lost: int | None = None
    duplicates: int | None = None
    worst_success: float | None = None
    journal_sha256: str = ""


class Busy(Exception):
    """Not now; the text says what is in the way. Worth asking again."""


class Impossible(Exception):
    """Not at all; the text says why."""


class ShadowRuns(Protocol):
    """Replays journals of shards. Raises Busy, Impossible."""

    def shards(self) -> list[int]:
        """Every shard whose journal can be read."""

    def fresh(self, *, version: str, digest: str, shard: int, since: Any) -> str:
        """Number of the newest judged run of exactly this package that began after `since`; empty when there is none."""

    def start(self, *, version: str, digest: str, shard: int, reason: str) -> str:
        """Begin one; its number."""

    def look(self, number: str) -> Replay:
        """How it stands."""

    def stop(self, number: str, reason: str) -> None:
        """End one that runs. Can be repeated."""


class Faults(Protocol):
    """Injects a bounded fault into named nodes. Raises Busy, Impossible."""

    def start(
        self, *, release: str, service: str, nodes: Sequence[tuple[str, str]], options: Mapping[str, Any], reason: str
    ) -> str:
        """Begin one on the nodes (name, centre) if nothing speaks against it; its number."""

    def look(self, number: str) -> Trial:
        """How it stands."""

    def stop(self, number: str, reason: str) -> None:
        """End one that runs and clear its faults. Can be repeated."""


_shadow: list[ShadowRuns] = []
_faults: list[Faults] = []


def shadow_by(port: ShadowRuns) -> None:
    """Take over who replays journals. Called once, when the apps are ready."""
    _shadow[:] = [port]


def faults_by(port: Faults) -> None:
    """Take over who injects faults. Called once, when the apps are ready."""
    _faults[:] = [port]


def shadow() -> ShadowRuns:
    if not _shadow:
        raise Impossible("nobody here replays journals")
    return _shadow[0]


def faults() -> Faults:
    if not _faults:
        raise Impossible("nobody here injects faults")
    return _faults[0]
