"""How many nodes may be taken away: k-of-n per service and centre, and a majority per replicated shard. Pure.

A node that is not certainly serving counts as absent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """A node as the arithmetic sees it. `shard` is None unless the node hosts a replica."""

    name: str
    service: str
    centre: str
    serving: bool
    shard: int | None = None


@dataclass(frozen=True)
class Shortfall:
    """A group that would be left with fewer serving nodes than it needs. `shard` is None for a service in a centre."""

    service: str
    centre: str
    shard: int | None
    serving: int
    leaving: int
    needed: int

    @property
    def left(self) -> int:
        return self.serving - self.leaving


def majority(replicas: int) -> int:
    return replicas // 2 + 1


def shortfalls(
    members: Iterable[Member], needed: dict[tuple[str, str], int], leaving: Collection[str]
) -> list[Shortfall]:
    """The groups that taking the nodes `leaving` away would leave short, worst first.

    `members` must hold every node of each group concerned; `needed` maps (service, centre). A group that is short already
    and loses nothing serving is not blamed on this step.
    """
    leaving = frozenset(leaving)
    groups: dict[tuple[str, str, int | None], list[Member]] = defaultdict(list)
    for member in members:
        if member.shard is None:
            groups[member.service, member.centre, None].append(member)
        else:
            groups[member.service, "", member.shard].append(member)
    found = []
    for (service, centre, shard), group in groups.items():
        serving = sum(member.serving for member in group)
        going = sum(member.serving and member.name in leaving for member in group)
        minimum = needed.get((service, centre), 0) if shard is None else majority(len(group))
        if going and serving - going < minimum:
            found.append(Shortfall(service, centre, shard, serving, going, minimum))
    return sorted(found, key=lambda short: (short.left - short.needed, short.service, short.centre))


def spare(members: Iterable[Member], needed: int) -> int:
    """How many more nodes of one service in one centre may leave; of replicas: how many whole shards keep a majority.

    For replicas pass all members of the service, in every centre: the answer is then 1 when each shard can lose one more
    replica and 0 otherwise, since replicas of several shards may share a centre.
    """
    members = list(members)
    if any(member.shard is not None for member in members):
        shards: dict[int | None, list[Member]] = defaultdict(list)
        for member in members:
            shards[member.shard].append(member)
        return min(
            min(1, max(0, sum(member.serving for member in group) - majority(len(group)))) for group in shards.values()
        )
    return max(0, sum(member.serving for member in members) - needed)
