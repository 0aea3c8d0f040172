"""Reads of monitoring that other apps build on."""

from __future__ import annotations

from seeops.monitoring.now import Now, current, session_now
from seeops.monitoring.session import Session


def overview() -> Now:
    """The state of the business now: one shared snapshot, at most some seconds old, honest about what is missing."""
    return current()


def session() -> Session:
    """The trading session, from the cache."""
    return session_now()
