"""Gates: proofs that a part must bring before its first batch, and before its second.

A gate answers how it stands now; the engine asks again until it is open or says no. Without a gate in the plan the answer
is "none".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seeops.releases.models import Batch, Release, ReleasePart

NONE, PASSED, WAITS, FAILED, INCONCLUSIVE = "none", "passed", "waits", "failed", "inconclusive"
OPEN = (NONE, PASSED)


@dataclass(frozen=True)
class GateAnswer:
    """How a gate stands: `state` is one of the five above, `text` an English sentence for the page and the history."""

    state: str
    text: str = ""


def before_part(release: Release, part: ReleasePart) -> GateAnswer:
    """Asked before the first batch of a part begins; again on every look while it waits."""
    return GateAnswer(NONE)


def after_batch(release: Release, batch: Batch) -> GateAnswer:
    """Asked after the first batch of a part has passed and before anything further begins."""
    return GateAnswer(NONE)
