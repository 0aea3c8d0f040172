"""Reads about the gates of a release, for its page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seeops.releases.gates import freezing, ports
from seeops.releases.gates.models import Gate, GateKind
from seeops.releases.models import Release


@dataclass(frozen=True)
class Shown:
    """A gate of a part: its attempts, newest first, and what they rely on. `gate` None: it is to come."""

    part: str
    kind: str
    title: str
    gate: Gate | None
    earlier: list[Gate]
    work: list[dict[str, Any]]


def shown(release: Release) -> list[Shown]:
    """Every gate that the plan asks for, in the order in which they stand in the way."""
    gates = list(Gate.objects.filter(release=release).order_by("-attempt"))
    rows = []
    for part in release.parts.all():
        wanted = [GateKind.SHADOW] if freezing.changes_shards(part.version) else []
        wanted += [GateKind.CHAOS] if release.plan.get("gates", {}).get("chaos") else []
        for kind in wanted:
            own = [gate for gate in gates if gate.part_id == part.pk and gate.kind == kind]
            newest = own[0] if own else None
            rows.append(Shown(part.title, kind, str(kind.label), newest, own[1:], _work(newest)))
    return rows


def _work(gate: Gate | None) -> list[dict[str, Any]]:
    """What a gate relies on, each with its page: [{"number", "url", "text"}]."""
    if gate is None:
        return []
    try:
        if gate.kind == GateKind.SHADOW:
            runs = [ports.shadow().look(number) for _, number in sorted(gate.work.items())]
            return [
                {"number": run.number, "url": run.url, "text": run.text or run.why, "ended": run.ended} for run in runs
            ]
        if number := gate.work.get("run"):
            run = ports.faults().look(number)
            return [{"number": run.number, "url": run.url, "text": run.why, "ended": run.ended}]
    except (ports.Impossible, ports.Busy):
        return [{"number": str(number), "url": "", "text": "", "ended": True} for number in gate.work.values()]
    return []
