"""Which nodes go into which batch: by centre, redundancy group and the part a node plays in its shard. Pure and deterministic.

A service is spread over the centres in proportion to their size, the standby centre first (or one centre is finished after the
other, SPREAD and CENTRES); before the last batch no centre gives more nodes to a batch than it can spare, and its last one only when nothing else is left.
No batch holds two replicas of one shard, since a shard keeps its majority only while one of them is away, and the replica that
leads comes after all others of its shard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from seeops.releases.expressions import (
    DEFAULT_EXPRESSION,
    MOST_BATCHES,
    PlanError,
    Step,
    parse,
    steps,
    suggest,
    suggest_for_shards,
)

__all__ = ["DEFAULT_EXPRESSION", "ORDERS", "Batch", "Member", "Plan", "PlanError", "plan", "suggest"]

SPREAD, CENTRES = "spread", "centres"
ORDERS = (SPREAD, CENTRES)
MOST_AT_ONCE = 24


@dataclass(frozen=True)
class Member:
    """A node to plan. `rank` orders centres: the lowest is changed first (standby before production). `shard` for a replica;
    `leads` when it leads its shard."""

    name: str
    centre: str
    rank: int = 0
    shard: int | None = None
    leads: bool = False


@dataclass(frozen=True)
class Batch:
    """One batch of a plan: the names in order, and how many of them may be out of service at the same time."""

    number: int
    term: str
    nodes: tuple[str, ...]
    concurrency: int


@dataclass(frozen=True)
class Plan:
    batches: tuple[Batch, ...]
    warnings: tuple[str, ...] = field(default=())


def plan(
    expression: str,
    members: Sequence[Member],
    spare: Mapping[str, int],
    *,
    order: str = SPREAD,
    short: bool = False,
    most_at_once: int = MOST_AT_ONCE,
) -> Plan:
    """Cut `members` into batches. `spare` says how many nodes each centre can do without; a centre that has none is refused
    unless `short` says that people accept one node less there. Raises PlanError."""
    _no_duplicates(members)
    if not members:
        raise PlanError("There is no node to release to.")
    warnings = _without_spare(members, spare, short)
    replicated = any(member.shard is not None for member in members)
    if replicated:
        chosen = _replicas(steps(parse(expression), len(members)), members)
    elif order == CENTRES:
        chosen = _centre_by_centre(expression, members, spare, warnings)
    else:
        chosen = _spread(steps(parse(expression), len(members)), members, spare, warnings)
    batches = tuple(
        Batch(number, step.term, tuple(member.name for member in nodes), _at_once(nodes, spare, most_at_once))
        for number, (step, nodes) in enumerate(chosen, start=1)
    )
    return Plan(batches, tuple(warnings))


def _no_duplicates(members: Sequence[Member]) -> None:
    counted = Counter(member.name for member in members)
    twice = sorted(name for name, times in counted.items() if times > 1)
    if twice:
        raise PlanError(f"Nodes are named twice: {', '.join(twice[:5])}.")


def _without_spare(members: Sequence[Member], spare: Mapping[str, int], short: bool) -> list[str]:
    """Warnings for centres that have no node to spare. Raises PlanError unless that is accepted."""
    bare = [centre for centre in _queues(members) if spare.get(centre, 0) < 1]
    if bare and not short:
        raise PlanError(
            f"{', '.join(bare)} has no node to spare: taking one away leaves less than is needed there. Bring a node back, plan "
            f"for the other centres, or accept one node less for the time of the release."
        )
    return [f"{centre} has no node to spare: its nodes are changed one at a time." for centre in bare]


def _at_once(nodes: Sequence[Member], spare: Mapping[str, int], most: int) -> int:
    if any(member.shard is not None for member in nodes):
        return 1  # shards move their lead one after the other
    return min(most, *(max(1, spare.get(centre, 0)) for centre in {member.centre for member in nodes}))


Cut = list[tuple[Step, list[Member]]]


def _spread(cut: Sequence[Step], members: Sequence[Member], spare: Mapping[str, int], warnings: list[str]) -> Cut:
    queues = _queues(members)
    taken = dict.fromkeys(queues, 0)
    found: Cut = []
    carried = 0
    for number, step in enumerate(cut, start=1):
        last = number == len(cut)
        wanted = step.count + carried
        chosen = _choose(wanted, queues, taken, spare, last=last) or _choose(1, queues, taken, spare, last=True)
        carried = wanted - len(chosen)
        if carried and not last:
            warnings.append(
                f"Batch {number} takes {len(chosen)} of {wanted} nodes, so that every centre keeps what it needs."
            )
        found.append((step, chosen))
    return found


def _centre_by_centre(expression: str, members: Sequence[Member], spare: Mapping[str, int], warnings: list[str]) -> Cut:
    """Each centre by itself, by the same expression: its terms count within the centre, and what would be empty is left out."""
    found: Cut = []
    for centre, queue in _queues(members).items():
        notes: list[str] = []
        try:
            cut = steps(parse(suggest(len(queue), expression)), len(queue))
            found += _spread(cut, queue, spare, notes)
        except PlanError as error:
            raise PlanError(f"{centre}: {error}") from error
        warnings += [f"{centre}: {note}" for note in notes]
    if len(found) > MOST_BATCHES:
        raise PlanError(f"{len(found)} batches are too many: at most {MOST_BATCHES}.")
    return found


def _replicas(cut: Sequence[Step], members: Sequence[Member]) -> Cut:
    """At most one replica of a shard in a batch, followers before the leader, the standby centre first. Shards with the most
    replicas left go first, so that the last batches find as many shards as they need."""
    waiting: dict[int | None, list[Member]] = {}
    for member in sorted(members, key=_standby_first):
        waiting.setdefault(member.shard, []).append(member)
    found: Cut = []
    for number, step in enumerate(cut, start=1):
        nearest = sorted((queue for queue in waiting.values() if queue), key=lambda q: (-len(q), _standby_first(q[0])))
        if len(nearest) < step.count:
            raise PlanError(_together(number, step, nearest, members))
        chosen = [queue.pop(0) for queue in nearest[: step.count]]
        found.append((step, sorted(chosen, key=_standby_first)))
    return found


def _standby_first(member: Member) -> tuple[bool, int, str, str]:
    return member.leads, member.rank, member.centre, member.name


def _together(number: int, step: Step, waiting: Sequence[list[Member]], members: Sequence[Member]) -> str:
    one, other = next(queue for queue in waiting if len(queue) > 1)[:2]
    replicas = list(Counter(member.shard for member in members).values())
    return (
        f"Batch {number} ({step.term}) would hold two replicas of shard {one.shard} ({one.name} and {other.name}): one of them "
        f"must serve while the other changes. Use smaller batches, such as “{suggest_for_shards(replicas)}”."
    )


def _queues(members: Sequence[Member]) -> dict[str, list[Member]]:
    """Members by centre, centres in the order in which they are changed."""
    queues: dict[str, list[Member]] = {}
    for member in sorted(members, key=lambda member: (member.rank, member.centre, member.name)):
        queues.setdefault(member.centre, []).append(member)
    return queues


def _choose(
    count: int, queues: Mapping[str, list[Member]], taken: dict[str, int], spare: Mapping[str, int], *, last: bool
) -> list[Member]:
    """The next `count` members, each time from the centre with the smallest share done; updates `taken`."""
    most = {centre: _most(len(queue), taken[centre], spare.get(centre, 0), alone=len(queues) == 1) if not last else len(queue)
            for centre, queue in queues.items()}  # fmt: skip
    chosen = []
    for _ in range(count):
        open_centres = [centre for centre in queues if taken[centre] < most[centre]]
        if not open_centres:
            break
        centre = min(open_centres, key=lambda name: taken[name] / len(queues[name]))
        chosen.append(queues[centre][taken[centre]])
        taken[centre] += 1
    return chosen


def _most(total: int, taken: int, spare: int, *, alone: bool) -> int:
    """How far a centre may be done after a batch that is not the last."""
    reserve = total if alone or total == 1 else total - 1
    return min(reserve, taken + max(1, spare))
