"""The shadow gate: the journals of the day replayed into the candidate before any node takes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db import transaction

from seeops.core.clock import now
from seeops.releases.gates import deciding, freezing, keeping, options, ports
from seeops.releases.gates.models import Gate, GateKind, GateState
from seeops.releases.gates.ports import Busy, Impossible, Replay
from seeops.releases.models import Release, ReleasePart

NO_DATE = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def needed(part: ReleasePart) -> bool:
    """Whether the part's version may change what an order becomes."""
    return freezing.changes_shards(part.version)


@transaction.atomic
def step(release: Release, part: ReleasePart) -> Gate:
    """Do what is due, whatever was done before: runs under way are found by their numbers in the gate's row."""
    chosen = options.shadow_of(release.plan.get("gates", {}).get("shadow"))
    gate = keeping.current(release, part, GateKind.SHADOW, chosen.longest_s)
    if not gate.open:
        return gate
    found: list[Replay] = []
    try:
        port = ports.shadow()
        shards = port.shards()
        problem = _begin(port, gate, part, chosen, shards)
        found = [port.look(number) for number in gate.work.values()]
    except Busy as error:
        problem, shards = str(error), []
    except Impossible as error:
        keeping.end(gate, GateState.INCONCLUSIVE, str(error), _evidence(part, chosen, found))
        return gate
    decision = deciding.replays(found, shards, chosen.declared)
    if decision.state == deciding.WAITS or (problem and decision.state == deciding.INCONCLUSIVE):
        _wait(gate, problem or decision.text, part, chosen, found)
    else:
        stop(gate, "the gate is decided")  # a shard that differs decides before the others have ended
        keeping.end(gate, decision.state, decision.text, _evidence(part, chosen, found))
    return gate


def _begin(port: ports.ShadowRuns, gate: Gate, part: ReleasePart, chosen: options.Shadow, shards: Sequence[int]) -> str:
    """A run for every shard: one that was made lately, or a new one. Returns what is in the way of one, if anything is."""
    version, problem = part.version, ""
    since = max(now() - dt.timedelta(seconds=chosen.reuse_s), version.built_at or NO_DATE)
    for shard in shards:
        if str(shard) in gate.work:
            continue
        number = port.fresh(version=version.number, digest=version.digest, shard=shard, since=since)
        try:
            number = number or port.start(
                version=version.number, digest=version.digest, shard=shard,
                reason=f"gate of {gate.release.number}, {part.title}, attempt {gate.attempt}",
            )  # fmt: skip
        except Busy as error:
            problem = str(error)
            continue
        keeping.progress(gate, gate.text, state=GateState.RUNNING, work={str(shard): number})
    return problem


def _wait(gate: Gate, text: str, part: ReleasePart, chosen: options.Shadow, found: Sequence[Replay]) -> None:
    if not gate.overdue:
        keeping.progress(gate, text)
        return
    stop(gate, "the gate's time is over")
    late = f"not decided within {chosen.longest_s:g} s: {text}"
    keeping.end(gate, GateState.INCONCLUSIVE, late, _evidence(part, chosen, found))


def stop(gate: Gate, why: str) -> None:
    """End the shadow runs that this gate began and that still go on; runs of others are left alone."""
    port = ports.shadow()
    for number in gate.work.values():
        port.stop(number, f"{gate.release.number}: {why}")


def _evidence(part: ReleasePart, chosen: options.Shadow, found: Sequence[Replay]) -> dict[str, Any]:
    return {
        "package": {"service": part.service.name, "version": part.version.number, "digest": part.version.digest},
        "options": asdict(chosen),
        "replays": [asdict(replay) for replay in found],
    }
