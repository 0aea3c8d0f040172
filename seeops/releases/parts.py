"""The parts of a release as a page shows them: each with its batches, how far it has come, and what it needs of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from seeops.changes import guard
from seeops.changes.models import Reversibility
from seeops.inventory.models import LockHolder
from seeops.releases import states
from seeops.releases.models import BatchNode, HoldKind, Release, ReleasePart

# The loudest first: a part shows what is worst in it.
_LOUDEST = ("bad", "unknown", "attention", "progress")
WHAT_NEXT = {
    HoldKind.PERSON: gettext_lazy("Resume when it may go on, or abort: then touched nodes go back."),
    HoldKind.VERDICT: gettext_lazy("Promote if you know better, resume to measure once more, or abort."),
    HoldKind.UNMEASURED: gettext_lazy(
        "Resume to measure once more, or abort. Promoting what nobody has measured takes a break-glass of two people."
    ),
    HoldKind.GATE: gettext_lazy("Promote to pass over this one gate, resume to ask it again, or abort."),
    HoldKind.TIME: gettext_lazy("Resume when there is time for the next batch, or abort."),
    HoldKind.NODES: gettext_lazy("Resume to try these nodes again, leave them out with a reason, or abort."),
    HoldKind.FAILURE: gettext_lazy("It is not rolled back by itself. Repair and resume, or abort."),
    HoldKind.VERSIONS: gettext_lazy("Resume to give the sites the same time again, or abort."),
    HoldKind.LOCKS: gettext_lazy("Look at what changed its nodes meanwhile, then resume or abort."),
    HoldKind.STUMBLES: gettext_lazy("Look at the history for what breaks, then resume or abort."),
}


@dataclass(frozen=True)
class Shown:
    """One part: `mark` and `word` say how it stands, counts are nodes."""

    part: ReleasePart
    batches: Sequence[Any]
    mark: str
    word: str
    done: int
    total: int
    missing: int
    skipped: int

    @property
    def ratio(self) -> float:
        return self.done / self.total if self.total else 0.0

    @property
    def special(self) -> bool:
        """It is not simply rolled back by itself."""
        return self.part.reversibility != Reversibility.AUTO


def shown(release: Release, batches: Sequence[Any]) -> list[Shown]:
    """The parts in the order of execution. `batches` as selectors.batches gives them."""
    counts = _counts(release)
    # What a release that holds has begun does not go on: it must not look as if it did.
    for batch in batches:
        batch.stands_still = release.state == states.HOLDING and batch.mark == "progress"
    return [_one(part, [batch for batch in batches if batch.part_id == part.pk], counts.get(part.pk, {}))
            for part in release.parts.all()]  # fmt: skip


def _counts(release: Release) -> dict[int, dict[str, int]]:
    not_done = (states.NODE_FAILED, states.NODE_UNREACHABLE, states.NODE_UNKNOWN, states.NODE_ROLLBACK_FAILED)
    rows = BatchNode.objects.filter(release=release).order_by().values("batch__part").annotate(
        total=Count("pk"), done=Count("pk", filter=Q(state=states.NODE_DONE)),
        missing=Count("pk", filter=Q(state__in=not_done)), skipped=Count("pk", filter=Q(state=states.NODE_SKIPPED)),
    )  # fmt: skip
    return {row.pop("batch__part"): row for row in rows}


def _one(part: ReleasePart, batches: Sequence[Any], counts: dict[str, int]) -> Shown:
    mark, word = _standing(batches)
    return Shown(
        part, batches, mark, word, counts.get("done", 0), counts.get("total", 0), counts.get("missing", 0),
        counts.get("skipped", 0),
    )  # fmt: skip


def _standing(batches: Sequence[Any]) -> tuple[str, str]:
    """How a part stands: the loudest of its batches, or that it is done, begun or to come."""
    if any(batch.stands_still for batch in batches):
        return "attention", _("held")
    for mark in _LOUDEST:
        loud = next((batch for batch in batches if batch.mark == mark), None)
        if loud is not None:
            return mark, str(loud.get_state_display())
    passed = sum(batch.state == states.PASSED for batch in batches)
    if passed == len(batches):
        return "good", _("done")
    return ("progress", _("between batches")) if passed else ("absent", _("to come"))


def what_next(release: Release) -> str:
    """What a person may do about a release that holds; empty when it does not."""
    if release.state != states.HOLDING:
        return ""
    return str(WHAT_NEXT[HoldKind(release.hold_kind)]) if release.hold_kind else ""


def promotable(release: Release, batches: Sequence[Any]) -> bool:
    """Whether a person's word would let one step pass now; for what nobody has measured it takes an open break-glass."""
    if release.state != states.HOLDING:
        return False
    if release.hold_kind == states.UNMEASURED:
        return guard.glass_of(release.ticket) is not None
    return bool(release.held_gate) or any(batch.state == states.HELD for batch in batches)


def holder(release: Release) -> LockHolder | None:
    """The locks of the release, with how many they are."""
    return LockHolder.objects.filter(owner=release.number).annotate(count=Count("locks")).first()


def skippable(release: Release, limit: int = 500) -> list[BatchNode]:
    """Nodes that a person may leave out, the ones in trouble first."""
    nodes = release.nodes.filter(state__in=states.SKIPPABLE).select_related("node__centre", "batch")
    trouble = Q(state__in=(states.NODE_FAILED, states.NODE_UNREACHABLE, states.NODE_UNKNOWN, states.NODE_DEPLOYING))
    first = list(nodes.filter(trouble).order_by("batch__number", "node__name")[:limit])
    rest = nodes.exclude(trouble).order_by("batch__number", "node__name")
    return first + list(rest[: limit - len(first)])
