"""Charts of capacity: the steps of a test with their knee, and the knee over time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import Any

from django.utils.translation import gettext as _

GOOD, BAD, QUIET = "#4f7fc4", "#c0392b", "#8a8f98"


def throughput(
    steps: Sequence[dict[str, Any]], *, bound_ms: float, knee: float | None, peak: float | None, asked: float
) -> dict[str, Any]:
    """A Plotly figure {data, layout}: p99 over the offered rate, steps that kept their bounds apart from those that left them.

    A step without any answer has no p99 and is drawn at the top, as what it is.
    """
    top = max([step["p99_ms"] for step in steps if step["p99_ms"] is not None] + [2 * bound_ms])
    shapes = [_line("y", bound_ms, BAD, "dot")]
    notes = [_note(_("bound %(ms)g ms") % {"ms": bound_ms}, x=0, y=bound_ms, xref="paper", color=BAD)]
    if peak:
        shapes += [_line("x", peak, QUIET, "dot"), _line("x", peak * asked, QUIET, "dash")]
        notes += [_note(_("peak"), x=peak, y=1, yref="paper", color=QUIET)]
        notes += [_note(_("%(times)g × peak") % {"times": asked}, x=peak * asked, y=1, yref="paper", color=QUIET)]
    if knee:
        shapes.append(_line("x", knee, GOOD, "solid"))
        notes.append(_note(_("knee %(rate).0f") % {"rate": knee}, x=knee, y=0.9, yref="paper", color=GOOD))
    return {
        "data": [
            _points([step for step in steps if not step["reasons"]], top, _("kept the bounds"), GOOD, "circle"),
            _points([step for step in steps if step["reasons"]], top, _("left the bounds"), BAD, "square-open"),
        ],
        "layout": {
            "xaxis": {"title": {"text": _("orders a second, offered")}, "rangemode": "tozero", "type": "linear"},
            "yaxis": {"title": {"text": "p99, ms"}, "type": "log"},
            "shapes": shapes,
            "annotations": notes,
        },
    }


def _points(steps: Sequence[dict[str, Any]], top: float, name: str, color: str, symbol: str) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "markers", "name": name, "x": [round(step["rate"], 1) for step in steps],
        "y": [top if step["p99_ms"] is None else step["p99_ms"] for step in steps],
        "text": ["; ".join(step["reasons"]) for step in steps], "marker": {"color": color, "size": 10, "symbol": symbol},
    }  # fmt: skip


def _line(axis: str, at: float, color: str, dash: str) -> dict[str, Any]:
    other = "y" if axis == "x" else "x"
    return {
        "type": "line", f"{axis}ref": axis, f"{other}ref": "paper", f"{axis}0": at, f"{axis}1": at, f"{other}0": 0,
        f"{other}1": 1, "line": {"color": color, "width": 1.5, "dash": dash},
    }  # fmt: skip


def _note(text: str, *, x: float, y: float, color: str, xref: str = "x", yref: str = "y") -> dict[str, Any]:
    if yref == "y":  # annotations of a logarithmic axis are placed by the exponent
        y = log10(y)
    return {
        "text": text, "x": x, "y": y, "xref": xref, "yref": yref, "showarrow": False, "xanchor": "left",
        "yanchor": "top" if yref == "paper" else "bottom",
        "font": {"size": 11, "color": color},
    }  # fmt: skip


def history(tests: Sequence[Any]) -> dict[str, Any] | None:
    """A Plotly figure of the knees of measured tests, oldest first, with the peaks; None when there are none."""
    measured = [test for test in reversed(tests) if test.knee_per_s is not None and test.peak_per_s]
    if not measured:
        return None
    numbers = [test.number for test in measured]
    return {
        "data": [
            {"type": "scatter", "mode": "lines+markers", "name": _("capacity"), "x": numbers,
             "y": [test.knee_per_s for test in measured], "line": {"width": 2, "color": GOOD}},
            {"type": "scatter", "mode": "lines", "name": _("asked"), "x": numbers,
             "y": [test.peak_per_s * test.asked for test in measured], "line": {"dash": "dash", "color": BAD}},
            {"type": "scatter", "mode": "lines", "name": _("historic peak"), "x": numbers,
             "y": [test.peak_per_s for test in measured], "line": {"dash": "dot", "color": QUIET}},
        ],
        "layout": {"yaxis": {"rangemode": "tozero", "title": {"text": _("orders a second")}}, "xaxis": {"type": "category"}},
    }  # fmt: skip
