"""What other apps and entry points may do with releases: make, start, steer, retry. Each is one transaction and one record."""

from __future__ import annotations

from seeops.releases.making import release_plan, release_retry
from seeops.releases.starting import release_start
from seeops.releases.steering import (
    release_abort,
    release_hold,
    release_promote,
    release_resume,
    release_rollback_again,
    release_skip_nodes,
)

__all__ = [
    "release_abort",
    "release_hold",
    "release_plan",
    "release_promote",
    "release_resume",
    "release_retry",
    "release_rollback_again",
    "release_skip_nodes",
    "release_start",
]
