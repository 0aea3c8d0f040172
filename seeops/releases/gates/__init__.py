"""Gates: proofs that a part must bring before its first batch, and before its second.

A gate answers how it stands now; the engine asks again until it is open or says no. Without a gate in the plan the answer
is "none". Who is asked, and what runs because of it, is in the rows of `gates.models.Gate`: any worker can go on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seeops.releases.gates.models import Gate
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
    from seeops.releases.gates import shadow

    return _answer(shadow.step(release, part)) if shadow.needed(part) else GateAnswer(NONE)


def after_batch(release: Release, batch: Batch) -> GateAnswer:
    """Asked after the first batch of a part has passed and before anything further begins."""
    from seeops.releases.gates import chaos

    gate = chaos.step(release, batch)
    return GateAnswer(NONE) if gate is None else _answer(gate)


def _answer(gate: Gate) -> GateAnswer:
    if gate.open:
        return GateAnswer(WAITS, f"gate of {gate.part.title}: {gate.text or 'begins'}")
    state = {"passed": PASSED, "failed": FAILED}.get(gate.state, INCONCLUSIVE)
    return GateAnswer(state, f"gate of {gate.part.title}: {gate.text}")
