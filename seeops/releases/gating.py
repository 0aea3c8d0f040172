"""Which gates stand before the next step of a release."""

from __future__ import annotations

from seeops.releases import gates
from seeops.releases.models import Batch, Release


def before(release: Release, batch: Batch) -> gates.GateAnswer:
    """The answer of the gates before `batch`: that after the batch before it, then that before the batch's part."""
    previous = release.batches.select_related("part").filter(number=batch.number - 1).first()
    if previous is not None:
        answer = after_last(release, previous)
        if answer.state not in gates.OPEN:
            return answer
    if previous is None or previous.part_id != batch.part_id:
        return gates.before_part(release, batch.part)
    return gates.GateAnswer(gates.NONE)


def after_last(release: Release, batch: Batch) -> gates.GateAnswer:
    """The answer of the gate after `batch` if it is the first of its part; only there is one."""
    earlier = release.batches.filter(part=batch.part_id, number__lt=batch.number).exists()
    return gates.GateAnswer(gates.NONE) if earlier else gates.after_batch(release, batch)
