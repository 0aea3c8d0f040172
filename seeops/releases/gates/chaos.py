"""The chaos gate: a bounded fault on nodes of the first batch after it has passed, and only then the rest."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import transaction

from seeops.changes import services as changes
from seeops.core.clock import now
from seeops.releases import states
from seeops.releases.gates import deciding, keeping, options, ports
from seeops.releases.gates.models import Gate, GateKind, GateState
from seeops.releases.gates.ports import Busy, Impossible, Trial
from seeops.releases.models import Batch, Release

#: A run measures before and after its fault; this much besides the fault and the recovery.
AROUND_S = 60.0
#: A run that takes this much longer than that hangs.
OVERDUE_S = 240.0


def needs_s(chosen: options.Chaos) -> float:
    """Seconds from the start of a run to its result."""
    return AROUND_S + chosen.duration_s + chosen.recovery_s


@transaction.atomic
def step(release: Release, batch: Batch) -> Gate | None:
    """Do what is due. None: the plan asks for no such gate."""
    wish = release.plan.get("gates", {}).get("chaos")
    if not wish:
        return None
    chosen = options.chaos_of(wish)
    longest_s = chosen.wait_s + needs_s(chosen) + OVERDUE_S
    gate = keeping.current(release, batch.part, GateKind.CHAOS, longest_s)
    if gate.open:
        try:
            _advance(gate, batch, chosen)
        except Impossible as error:
            keeping.end(gate, GateState.INCONCLUSIVE, str(error), _evidence(batch, chosen, None))
    return gate


def _advance(gate: Gate, batch: Batch, chosen: options.Chaos) -> None:
    port = ports.faults()
    if gate.state == GateState.WAITING:
        _begin(port, gate, batch, chosen)
        return
    found = port.look(gate.work["run"])
    decision = deciding.trial(found, chosen)
    if decision.state == deciding.WAITS and gate.overdue:
        port.stop(found.number, f"{gate.release.number}: the gate's time is over")
        late = f"{found.number} did not end in time and was stopped"
        keeping.end(gate, GateState.INCONCLUSIVE, late, _evidence(batch, chosen, found))
    elif decision.state == deciding.WAITS:
        keeping.progress(gate, decision.text)
    else:
        keeping.end(gate, decision.state, decision.text, _evidence(batch, chosen, found))


def _begin(port: ports.Faults, gate: Gate, batch: Batch, chosen: options.Chaos) -> None:
    """Start when nothing speaks against it: no freeze, time left in the window, no other experiment, enough healthy nodes."""
    release = gate.release
    problem = changes.ticket_batch_problem(release.ticket, needs_s(chosen))
    nodes = canaries(batch)[: chosen.nodes]
    if len(nodes) < chosen.nodes:
        raise Impossible(f"{chosen.nodes} nodes of the first batch are to be hit, and {len(nodes)} run the new version")
    if not problem:
        try:
            number = port.start(
                release=release.number, service=gate.part.service.name, nodes=nodes, options=asdict(chosen),
                reason=f"gate of {release.number}, {gate.part.title}, attempt {gate.attempt}",
            )  # fmt: skip
        except Busy as error:
            problem = str(error)
        else:
            text = f"{number}: {chosen.fault} on {', '.join(name for name, _ in nodes)}"
            keeping.progress(gate, text, state=GateState.RUNNING, work={"run": number, "nodes": [n for n, _ in nodes]})
            return
    waited_s = (now() - gate.began).total_seconds()
    if waited_s > chosen.wait_s:
        late = f"no right moment within {chosen.wait_s:g} s: {problem}"
        keeping.end(gate, GateState.INCONCLUSIVE, late, _evidence(batch, chosen, None))
    else:
        keeping.progress(gate, f"waits for the right moment: {problem}")


def canaries(batch: Batch) -> list[tuple[str, str]]:
    """(name, centre) of the batch's nodes that run the new version, in the plan's order."""
    done = batch.nodes.filter(state=states.NODE_DONE).order_by("position")
    return list(done.values_list("node__name", "node__centre__code"))


def stop(gate: Gate, why: str) -> None:
    """End the run and have its faults cleared."""
    if number := gate.work.get("run"):
        ports.faults().stop(number, f"{gate.release.number}: {why}")


def _evidence(batch: Batch, chosen: options.Chaos, found: Trial | None) -> dict[str, Any]:
    return {
        "batch": batch.number,
        "nodes": [name for name, _ in canaries(batch)],
        "options": asdict(chosen),
        "trial": asdict(found) if found else None,
    }
