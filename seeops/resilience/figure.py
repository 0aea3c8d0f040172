"""The chart of a run: what customers saw each second, and when the fault was in. Pure."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from seeops.resilience.models import VALID, ExperimentRun

SHANGHAI = ZoneInfo("Asia/Shanghai")
LEAST_SCALE = 20
BAD, QUIET = "#c0392b", "#4f7fc4"


def clients_view(samples: Sequence[dict[str, Any]], events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A Plotly figure {data, layout}: success in per cent with gaps where nothing was measured, failed requests as bars."""
    times = [_time(sample["at"]) for sample in samples]
    return {
        "data": [
            {
                "type": "scatter", "mode": "lines", "name": _("served well, %"), "x": times, "connectgaps": False,
                "y": [None if s["success"] is None else round(s["success"] * 100, 3) for s in samples],
                "line": {"width": 2, "color": QUIET},
            },
            {
                "type": "bar", "name": _("failed requests a second"), "x": times, "yaxis": "y2", "opacity": 0.6,
                "y": [None if s["gap"] else s["bad"] for s in samples], "marker": {"color": BAD},
            },
        ],
        "layout": {
            "yaxis": {"ticksuffix": " %", "range": [0, 103]},
            # A few failed requests must not look like many.
            "yaxis2": {
                "overlaying": "y", "side": "right", "showgrid": False,
                "range": [0, 1.1 * max(LEAST_SCALE, *(sample["bad"] for sample in samples))],
            },
            "shapes": _window(events, samples[-1]["at"]),
        },
    }  # fmt: skip


def waits(samples: Sequence[dict[str, Any]], events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A Plotly figure of the longest wait for an answer to an order, and of the p99 of every chain of orders, in ms."""
    times = [_time(sample["at"]) for sample in samples]
    chains = sorted({chain for sample in samples for chain in sample["p99_ms"] if "order" in chain})
    lines = [
        {
            "type": "scatter", "mode": "lines", "name": chain, "x": times, "connectgaps": False, "line": {"width": 1},
            "y": [sample["p99_ms"].get(chain) for sample in samples],
        }
        for chain in chains
    ]  # fmt: skip
    longest = {
        "type": "scatter", "mode": "lines", "name": _("longest wait without an answer"), "x": times,
        "y": [None if sample["gap"] else round(sample["waiting_s"] * 1000) for sample in samples],
        "line": {"width": 2, "color": BAD}, "connectgaps": False,
    }  # fmt: skip
    return {
        "data": [longest, *lines],
        "layout": {
            "yaxis": {"ticksuffix": " ms", "rangemode": "tozero"}, "shapes": _window(events, samples[-1]["at"]),
        },
    }  # fmt: skip


def trend(runs: Sequence[ExperimentRun]) -> dict[str, Any] | None:
    """A Plotly figure of the recovery times of runs with a valid verdict, oldest first; None when there are none."""
    measured = [run for run in reversed(runs) if run.outcome in VALID and run.recovered_s is not None]
    if not measured:
        return None
    return {
        "data": [
            {
                "type": "scatter", "mode": "lines+markers", "x": [run.number for run in measured],
                "y": [round(run.recovered_s or 0.0, 1) for run in measured], "name": _("recovered after"),
                "line": {"width": 2, "color": QUIET},
            },
            {
                "type": "scatter", "mode": "lines", "x": [run.number for run in measured], "name": _("allowed"),
                "y": [run.declared["recovery_s"] for run in measured], "line": {"dash": "dot", "color": BAD},
            },
        ],
        "layout": {"yaxis": {"ticksuffix": " s", "rangemode": "tozero"}, "xaxis": {"type": "category"}},
    }  # fmt: skip


def embedded(figure: dict[str, Any] | None) -> str:
    """A figure as text that may stand inside a script element; empty for none."""
    return "" if figure is None else json.dumps(figure).replace("<", "\\u003c")


def _window(events: Sequence[dict[str, Any]], last_at: float) -> list[dict[str, Any]]:
    """The time from the first fault to its removal as a shaded band."""
    start = next((event["at"] for event in events if event["kind"] == "action-started"), None)
    if start is None:
        return []
    end = next((event["at"] for event in events if event["kind"] in ("cleared", "clear-failed")), last_at)
    return [
        {
            "type": "rect", "xref": "x", "yref": "paper", "x0": _time(start), "x1": _time(end), "y0": 0, "y1": 1,
            "fillcolor": "#d9a441", "opacity": 0.18, "line": {"width": 0},
        }
    ]  # fmt: skip


def _time(unix_s: float) -> str:
    return dt.datetime.fromtimestamp(unix_s, SHANGHAI).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
