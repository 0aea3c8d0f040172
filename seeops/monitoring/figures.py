"""Series as a Plotly figure: plain JSON, drawn by the bundled plotly.js. Colours come from the page, so that light and dark
show the same figure. Pure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# unit → (factor, hover format, axis title, tick format)
UNITS: dict[str, tuple[float, str, str, str]] = {
    "per_second": (1, ",.3~g", "/s", ""),
    "ratio": (1, ".3~%", "", ".3~%"),
    "seconds": (1000, ",.3~g", "ms", ""),
    "bytes": (1 / 2**20, ",.0f", "MiB", ""),
    "count": (1, ",.0f", "", ""),
    "cny_per_second": (1, ",.3~s", "CNY/s", ""),
}


@dataclass(frozen=True)
class Line:
    """One line of a panel: Unix seconds and values in the panel's base unit (None is a gap)."""

    name: str
    times: Sequence[float]
    values: Sequence[float | None]
    href: str = ""
    dashed: bool = False


def figure(
    lines: Sequence[Line], *, unit: str, shape: str, start: dt.datetime, end: dt.datetime, zone: dt.tzinfo
) -> dict[str, Any]:
    """{"data", "layout", "meta"}: `meta` has `as_of` (Unix seconds of the newest point, or None) and `empty`."""
    factor, hover, suffix, ticks = UNITS[unit]
    data = [_trace(line, factor, hover, suffix, shape, zone) for line in lines]
    yaxis: dict[str, Any] = {"rangemode": "tozero", "ticksuffix": f" {suffix}" if suffix else ""}
    if ticks:
        yaxis["tickformat"] = ticks
    if unit == "ratio":
        yaxis["range"] = _ratio_range(lines)
    layout = {
        "hovermode": "x unified",
        "xaxis": {
            "type": "date",
            "tickformat": "%H:%M" if end - start < dt.timedelta(days=1) else "%m-%d %H:%M",
            "nticks": 6,
            "range": [_local(start.timestamp(), zone), _local(end.timestamp(), zone)],
        },
        "yaxis": yaxis,
        "showlegend": len(data) > 1,
    }
    newest = max((_newest(line) for line in lines), default=0.0)
    return {"data": data, "layout": layout, "meta": {"as_of": newest or None, "empty": newest == 0.0}}


def _ratio_range(lines: Sequence[Line]) -> list[float]:
    """The axis of ratios: from zero and at least one per cent high, so that noise looks like noise; ratios near one are
    shown from just below the lowest, since there the small difference matters."""
    known = [value for line in lines for value in line.values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    if low > 0.9:
        return [min(low - (1 - low) * 0.2, 0.99), 1.0005]
    return [0.0, max(0.01, high * 1.1)]


def largest(lines: Sequence[Line], most: int) -> tuple[list[Line], int]:
    """The `most` lines with the largest last values, in their old order, and how many were left out."""
    if len(lines) <= most:
        return list(lines), 0
    kept = set(sorted(range(len(lines)), key=lambda i: -_weight(lines[i]))[:most])
    return [line for i, line in enumerate(lines) if i in kept], len(lines) - most


def _weight(line: Line) -> float:
    return max((value for value in line.values if value is not None), default=float("-inf"))


def _newest(line: Line) -> float:
    return next(
        (time for time, value in zip(reversed(line.times), reversed(line.values), strict=True) if value is not None),
        0.0,
    )


def _trace(line: Line, factor: float, hover: str, suffix: str, shape: str, zone: dt.tzinfo) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines",
        "name": line.name,
        "x": [_local(time, zone) for time in line.times],
        "y": [None if value is None else float(f"{value * factor:.5g}") for value in line.values],
        "line": {
            "width": 1.6,
            "shape": "hv" if shape == "steps" else "linear",
            "dash": "dot" if line.dashed else "solid",
        },
        "connectgaps": False,
        "hovertemplate": f"%{{y:{hover}}}{' ' + suffix if suffix else ''}",
    }
    if line.href:
        trace["meta"] = {"href": line.href}
    return trace


def _local(seconds: float, zone: dt.tzinfo) -> str:
    """Plotly shows times as they are written: write them as people at the exchange read them."""
    return dt.datetime.fromtimestamp(seconds, zone).strftime("%Y-%m-%d %H:%M:%S")
