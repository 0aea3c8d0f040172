"""In which order the services of a release are changed: what is depended on first. Pure and deterministic.

A declared need counts through services that are not part of the release as well. The hops of a business chain count in that
chain only (an earlier hop needs every later one), so they are never joined to a longer path; where chain and declaration
contradict each other, the declaration holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from seeops.core.late import Late

nx = Late("networkx")


@dataclass(frozen=True)
class Order:
    """`services` with providers before their consumers; `cycles` those that need each other, so that no order serves all of
    them, as loops (the last needs the first); `notes` the same in words."""

    services: tuple[str, ...]
    cycles: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()


def dependency_order(
    services: Collection[str], needs: Iterable[tuple[str, str]], chains: Iterable[Sequence[str]] = ()
) -> Order:
    """Order `services`. `needs` are declared (caller, callee) pairs; `chains` the services of each chain in hop order.

    Services without a relation to each other come by name. Raises nothing: what no order serves is told in `notes`.
    """
    chosen = sorted(set(services))
    declared = _declared(chosen, needs)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(chosen)
    graph.add_edges_from(declared)
    graph.add_edges_from(pair for pair in _in_chains(chosen, chains) if pair[::-1] not in declared)
    loops = [sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1]
    cycles = tuple(_loop(graph, part) for part in sorted(loops))
    for part in loops:
        inside = {(a, b) for a, b in graph.subgraph(part).edges}
        graph.remove_edges_from(inside - declared)
    return Order(_sorted(graph), cycles, tuple(_note(cycle) for cycle in cycles))


def _declared(chosen: Sequence[str], needs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """(caller, callee) of the chosen services, also through others in between."""
    direct: dict[str, list[str]] = defaultdict(list)
    for caller, callee in needs:
        direct[caller].append(callee)
    wanted, found = set(chosen), set()
    for start in chosen:
        seen, waiting = {start}, [start]
        while waiting:
            for callee in direct[waiting.pop()]:
                if callee not in seen:
                    seen.add(callee)
                    waiting.append(callee)
        found |= {(start, other) for other in seen & wanted if other != start}
    return found


def _in_chains(chosen: Sequence[str], chains: Iterable[Sequence[str]]) -> set[tuple[str, str]]:
    """(earlier hop, later hop) of the chosen services, chain by chain."""
    wanted = set(chosen)
    found = set()
    for chain in chains:
        hops = [service for service in dict.fromkeys(chain) if service in wanted]
        found |= {(hops[i], later) for i in range(len(hops)) for later in hops[i + 1 :]}
    return found


def _loop(graph: nx.DiGraph[str], part: list[str]) -> tuple[str, ...]:
    """One loop through the first service of the part, the shortest; ties by name."""
    inside = graph.subgraph(part)
    ways = []
    for caller in sorted(inside.predecessors(part[0])):
        ways.append(tuple(nx.shortest_path(inside, part[0], caller)))
    return min(ways, key=lambda way: (len(way), way))


def _sorted(graph: nx.DiGraph[str]) -> tuple[str, ...]:
    """Callees before callers. What declared needs still hold in a loop is taken by name, as one knot."""
    knots = {name: min(part) for part in nx.strongly_connected_components(graph) for name in part}
    members: dict[str, list[str]] = defaultdict(list)
    for name in sorted(graph):
        members[knots[name]].append(name)
    sorter: TopologicalSorter[str] = TopologicalSorter({knot: set() for knot in members})
    for caller, callee in graph.edges:
        if knots[caller] != knots[callee]:
            sorter.add(knots[caller], knots[callee])
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += [name for knot in ready for name in members[knot]]
        sorter.done(*ready)
    return tuple(order)


def _note(cycle: tuple[str, ...]) -> str:
    steps = ", ".join(f"{a} needs {b}" for a, b in zip(cycle, (*cycle[1:], cycle[0]), strict=True))
    return f"No order serves all of these: {steps}. They are taken by what is declared, else by name."
