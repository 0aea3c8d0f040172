"""Layered layout: longest path for the layers, barycentre sweeps for the order in them (Sugiyama's method). Pure.

The browser only draws: laying out a thousand nodes takes a script tens of seconds there and some milliseconds here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

SWEEPS = 24


def layered(
    names: Sequence[str], edges: Sequence[tuple[str, str]], roots: Collection[str] | None = None
) -> dict[str, tuple[float, float]]:
    """Positions {name: (x, y)} with one unit between layers (x, from callers to callees) and at least one unit between
    neighbours in a layer (y, centred on 0). Edges between unknown names and loops are ignored; cycles are broken at the
    edge that closes them. `roots` are what begins on the left; other things without a caller stand just before what they
    call (all of them begin on the left when None). Equal input gives equal output."""
    index = {name: i for i, name in enumerate(names)}
    pairs = sorted({(index[a], index[b]) for a, b in edges if a in index and b in index and a != b})
    forward = _acyclic(len(names), pairs)
    layer = _longest_path(len(names), forward)
    if roots is not None:
        _pull(layer, forward, {index[name] for name in roots if name in index})
    order = _sweep(layer, forward)
    return {name: (float(layer[i]), float(order[i])) for name, i in index.items()}


def _acyclic(count: int, pairs: list[tuple[int, int]]) -> np.ndarray:
    """The edges without those that close a cycle, as an array of shape (m, 2). Depth first, iterative."""
    targets: list[list[int]] = [[] for _ in range(count)]
    for a, b in pairs:
        targets[a].append(b)
    state, kept = [0] * count, []
    incoming = [0] * count
    for _, b in pairs:
        incoming[b] += 1
    for root in sorted(range(count), key=lambda i: (incoming[i] > 0, i)):
        if state[root]:
            continue
        state[root], stack = 1, [(root, iter(targets[root]))]
        while stack:
            at, rest = stack[-1]
            step = next(rest, None)
            if step is None:
                state[at] = 2
                stack.pop()
            elif state[step] != 1:
                kept.append((at, step))
                if state[step] == 0:
                    state[step] = 1
                    stack.append((step, iter(targets[step])))
    return np.array(sorted(kept), dtype=np.int64).reshape(-1, 2)


def _longest_path(count: int, edges: np.ndarray) -> np.ndarray:
    layer = np.zeros(count, dtype=np.int64)
    for _ in range(count):
        lifted = layer.copy()
        np.maximum.at(lifted, edges[:, 1], layer[edges[:, 0]] + 1)
        if np.array_equal(lifted, layer):
            break
        layer = lifted
    return layer


def _pull(layer: np.ndarray, edges: np.ndarray, roots: set[int]) -> None:
    """Move what nobody calls next to what it calls."""
    called = set(edges[:, 1].tolist())
    for node in set(edges[:, 0].tolist()) - called - roots:
        layer[node] = layer[edges[edges[:, 0] == node, 1]].min() - 1


def _sweep(layer: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Positions inside the layers: pulled to the mean of the neighbours, then spread to whole units."""
    position = np.zeros(len(layer))
    members = [np.flatnonzero(layer == depth) for depth in range(int(layer.max(initial=0)) + 1)]
    for nodes in members:
        position[nodes] = np.arange(len(nodes)) - (len(nodes) - 1) / 2
    sources, targets = (edges[:, 0], edges[:, 1]) if len(edges) else (np.array([], int), np.array([], int))
    for sweep in range(SWEEPS):
        total = np.bincount(sources, position[targets], len(layer)) + np.bincount(
            targets, position[sources], len(layer)
        )
        degree = np.bincount(sources, minlength=len(layer)) + np.bincount(targets, minlength=len(layer))
        wanted = np.where(degree > 0, total / np.maximum(degree, 1), position)
        for nodes in members if sweep % 2 == 0 else reversed(members):
            position[nodes] = _spread(wanted[nodes])
    return position


def _spread(wanted: np.ndarray) -> np.ndarray:
    """The order of `wanted` kept, neighbours at least one unit apart, the middle where the middle wanted to be."""
    order = np.argsort(wanted, kind="stable")
    placed = wanted[order].copy()
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + 1)
    placed += wanted.mean() - placed.mean() if len(placed) else 0.0
    result = np.empty_like(placed)
    result[order] = placed
    return result
