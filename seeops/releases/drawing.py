"""The figures of a verdict for Plotly: two distributions with the margin, and each metric's effect with its limits. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from seeops.releases.samples import BOUNDS_S

_POINTS_MS = [
    math.sqrt(low * high) * 1000
    for low, high in zip((BOUNDS_S[0] / 2, *BOUNDS_S), (*BOUNDS_S, BOUNDS_S[-1] * 2), strict=True)
]


def distributions(
    changed: Sequence[Mapping[str, Any]], peers: Sequence[Mapping[str, Any]], margin: float, names: Mapping[str, str]
) -> dict[str, Any]:
    """Share of requests per duration, of changed nodes and peers, and the peers' curve moved by the margin."""
    ours, theirs = _shares(changed), _shares(peers)
    shown = _shown(ours, theirs)
    traces = []
    if theirs:
        traces.append(_line(names["peers"], _POINTS_MS, theirs, shown, color="#7d8794", fill="tozeroy"))
        moved = [point * (1 + margin) for point in _POINTS_MS]
        traces.append(_line(names["margin"], moved, theirs, shown, color="#b3761e", dash="dot"))
    if ours:
        traces.append(_line(names["changed"], _POINTS_MS, ours, shown, color="#2f6fd6", width=3))
    return {
        "data": traces,
        "layout": {
            "xaxis": {
                "type": "log",
                "tickvals": [bound * 1000 for bound in BOUNDS_S],
                "ticktext": [f"{bound * 1000:g} ms" for bound in BOUNDS_S],
            },
            "yaxis": {"title": {"text": names["share"]}, "tickformat": ".0%", "rangemode": "tozero"},
            "legend": {"orientation": "h", "y": 1.16, "x": 0},
            "hovermode": "x unified",
        },
    }


def _shares(samples: Sequence[Mapping[str, Any]]) -> list[float]:
    """Share of all requests per bucket; [] without requests."""
    sums = [0.0] * (len(BOUNDS_S) + 1)
    for sample in samples:
        for index, count in enumerate(sample.get("buckets") or ()):
            sums[index] += count
    total = sum(sums)
    return [value / total for value in sums] if total else []


def _shown(ours: list[float], theirs: list[float]) -> range:
    """The buckets that hold requests, with one empty neighbour on both sides."""
    used = [index for shares in (ours, theirs) for index, share in enumerate(shares) if share > 0.0005]
    if not used:
        return range(0)
    return range(max(0, min(used) - 1), min(len(BOUNDS_S) + 1, max(used) + 2))


def _line(
    name: str, xs: Sequence[float], ys: list[float], shown: range, *, color: str, width: int = 2, dash: str = "solid",
    fill: str = "none",
) -> dict[str, Any]:  # fmt: skip
    return {
        "type": "scatter", "mode": "lines+markers", "name": name, "x": [round(xs[i], 4) for i in shown],
        "y": [round(ys[i], 5) for i in shown], "fill": fill, "line": {"color": color, "width": width, "dash": dash, "shape": "spline"},
        "marker": {"size": 5},
    }  # fmt: skip
