"""Which gate stands before the next step of a release, and whether a person's word already lets it past."""

from __future__ import annotations

from dataclasses import dataclass

from seeops.releases import gates
from seeops.releases.models import Batch, GatePoint, GateWaiver, Release


@dataclass(frozen=True)
class Standing:
    """A gate and how it stands. `key` names it for a promotion, such as "before 3"; empty when there is none."""

    answer: gates.GateAnswer
    key: str = ""

    @property
    def open(self) -> bool:
        return self.answer.state in gates.OPEN


NO_GATE = Standing(gates.GateAnswer(gates.NONE))


def before(release: Release, batch: Batch) -> Standing:
    """The gates before `batch`: that after the batch before it, then that before the batch's part."""
    previous = release.batches.select_related("part__service", "part__version").filter(number=batch.number - 1).first()
    if previous is not None:
        standing = after(release, previous)
        if not standing.open:
            return standing
    if previous is not None and previous.part_id == batch.part_id:
        return NO_GATE
    if _waived(batch, GatePoint.BEFORE):
        return NO_GATE
    return Standing(gates.before_part(release, batch.part), f"{GatePoint.BEFORE} {batch.number}")


def after(release: Release, batch: Batch) -> Standing:
    """The gate after `batch` if it is the first of its part: only there is one."""
    earlier = release.batches.filter(part=batch.part_id, number__lt=batch.number).exists()
    if earlier or _waived(batch, GatePoint.AFTER):
        return NO_GATE
    return Standing(gates.after_batch(release, batch), f"{GatePoint.AFTER} {batch.number}")


def parse(key: str) -> tuple[str, int]:
    """Point and batch number of a gate's key."""
    point, number = key.split()
    return GatePoint(point).value, int(number)


def _waived(batch: Batch, point: str) -> bool:
    return GateWaiver.objects.filter(batch=batch, point=point).exists()
