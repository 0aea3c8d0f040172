"""Rounds in which nodes may be taken out for a moment, so that no group ever has fewer serving than it needs. Pure.

A group is a service in a data centre (k of n) or the replicas of a shard (a majority; one replica a round, the leader last). A node
that does not serve anyway takes nothing from its group and goes in the first round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from seeops.inventory.redundancy import Member, Shortfall, majority

Group = tuple[str, str, int | None]


def group_of(member: Member) -> Group:
    """A replica belongs to its shard wherever it stands, any other node to its service in its centre."""
    if member.shard is None:
        return member.service, member.centre, None
    return member.service, "", member.shard


def plan(
    members: Iterable[Member],
    needed: Mapping[tuple[str, str], int],
    names: Collection[str],
    *,
    last: Collection[str] = (),
    centre_order: Sequence[str] = (),
) -> tuple[list[list[str]], list[Shortfall]]:
    """(rounds of names, groups that have nothing to spare). With such groups there are no rounds.

    `members` holds every node of each group concerned; `last` names go behind the others of their group; centres come in the order
    of `centre_order`, so that a standby centre can go before the production one.
    """
    groups: dict[Group, list[Member]] = defaultdict(list)
    for member in members:
        groups[group_of(member)].append(member)
    wanted, order = set(names), {code: position for position, code in enumerate(centre_order)}
    rounds: dict[int, list[str]] = defaultdict(list)
    stuck: list[Shortfall] = []
    for group, inside in sorted(groups.items(), key=lambda row: (row[0][0], row[0][1], row[0][2] or 0)):
        going = [member for member in inside if member.name in wanted]
        spare = _spare(group, inside, needed)
        if spare < 1 and any(member.serving for member in going):
            stuck.append(_shortfall(group, inside, needed))
            continue
        going.sort(key=lambda m: (m.serving, m.name in last, order.get(m.centre, 0), m.name))
        for number, name in _dealt(going, spare):
            rounds[number].append(name)
    return ([] if stuck else [rounds[number] for number in sorted(rounds)]), stuck


def _dealt(going: Iterable[Member], spare: int) -> Iterable[tuple[int, str]]:
    serving = 0
    for member in going:
        if not member.serving:
            yield 0, member.name
        else:
            yield serving // spare, member.name
            serving += 1


def _needs(group: Group, inside: Sequence[Member], needed: Mapping[tuple[str, str], int]) -> int:
    service, centre, shard = group
    return needed.get((service, centre), 0) if shard is None else majority(len(inside))


def _spare(group: Group, inside: Sequence[Member], needed: Mapping[tuple[str, str], int]) -> int:
    """How many may be away at the same moment: of a shard one, however many replicas it has."""
    free = sum(member.serving for member in inside) - _needs(group, inside, needed)
    return free if group[2] is None else min(1, free)


def _shortfall(group: Group, inside: Sequence[Member], needed: Mapping[tuple[str, str], int]) -> Shortfall:
    service, centre, shard = group
    serving = sum(member.serving for member in inside)
    return Shortfall(service, centre, shard, serving, 1, _needs(group, inside, needed))
