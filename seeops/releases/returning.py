"""What goes back next in a roll-back: the last part first, and of it as many nodes as its centres can spare now."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from seeops.inventory import selectors as inventory
from seeops.inventory.models import NodeState
from seeops.releases import states, waves
from seeops.releases.models import BatchNode, Release, ReleasePart
from seeops.releases.waves import Touched, Wave

# What is not known counts as serving, as it did when the plan was made: a centre that does not answer for a moment must not have
# all its nodes taken out at once.
PRESENT = (NodeState.UP, NodeState.UNKNOWN)
# Shares of a plan have four digits each.
ROUNDED = 0.0005


def next_wave(release: Release, touched: Sequence[BatchNode]) -> tuple[list[BatchNode], int]:
    """The nodes of the next run in order, and how many may be out at the same time. Each of `touched` comes with its batch, part and
    node; parts are taken back in the opposite order, since a later one may lean on an earlier."""
    last = max(item.batch.part.position for item in touched)
    mine = {item.node.name: item for item in touched if item.batch.part.position == last}
    part = next(iter(mine.values())).batch.part
    states_now = _states_now(release, part)
    wave: Wave = waves.next_wave(
        [_as_touched(item, states_now) for item in mine.values()],
        _room(part, states_now),
        _most_by_flow(release, {item.batch.number for item in mine.values()}),
    )
    return [mine[name] for name in wave.names], wave.at_once


def _as_touched(item: BatchNode, states_now: dict[str, tuple[str, str]]) -> Touched:
    node = item.node
    # A node that has left the inventory carries nothing any more.
    _centre, state = states_now.get(node.name, ("", NodeState.DOWN))
    return Touched(node.name, item.batch.number, item.position, node.centre.code, state not in PRESENT, node.shard)


def _states_now(release: Release, part: ReleasePart) -> dict[str, tuple[str, str]]:
    """Centre and state of every active node of the part's service. What this release has brought back serves: that was verified at
    the node, and the last observation may be older."""
    rows = inventory.active_nodes().filter(service=part.service_id).order_by()
    found = {name: (centre, state) for name, centre, state in rows.values_list("name", "centre__code", "state_now")}
    back = release.nodes.filter(batch__part=part, state=states.NODE_ROLLED_BACK).values_list("node__name", flat=True)
    return found | {name: (found[name][0], NodeState.UP) for name in back if name in found}


def _room(part: ReleasePart, states_now: dict[str, tuple[str, str]]) -> dict[str, int]:
    """How many nodes each centre can do without now."""
    needed = inventory.needed()
    present = Counter(centre for centre, state in states_now.values() if state in PRESENT)
    return {centre: count - needed.get((part.service.name, centre), 0) for centre, count in present.items()}


def _most_by_flow(release: Release, numbers: set[int]) -> int | None:
    """How many nodes of these batches may be out so that they carry no more of a chain's flow than the plan allows; None when all of
    them may."""
    batches = [batch for part in release.plan["parts"] for batch in part["batches"] if batch["number"] in numbers]
    allowed, blasts = release.plan.get("most_flow_share", 1.0), [batch for batch in batches if batch.get("blast")]
    if sum(batch["blast"]["served"] for batch in blasts) <= allowed + ROUNDED:
        return None
    shares = [batch["blast"]["at_once"] / min(batch["concurrency"], len(batch["nodes"])) for batch in blasts]
    largest = max(shares, default=0.0)
    return math.floor(allowed / largest) if largest > 0 else None
