"""Who has the cluster to himself at this moment. Apps that put faults or load on it register; each asks about the others.

Experiments and capacity tests must not run at the same time, and neither app may import the other.
"""

from __future__ import annotations

from collections.abc import Callable

_reasons: dict[str, Callable[[], list[str]]] = {}


def register(kind: str, reasons: Callable[[], list[str]]) -> None:
    """`reasons()` gives sentences that say why nobody else may touch the cluster now; empty when it is free."""
    _reasons[kind] = reasons


def by_others(kind: str) -> list[str]:
    """Every reason of the kinds other than one's own."""
    return [reason for other, reasons in _reasons.items() if other != kind for reason in reasons()]
