"""Measurements of services and nodes, and the Plotly figures of a node's and a service's page."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from seeops.core.clock import now, shanghai
from seeops.monitoring import prometheus

WINDOW_S = 3600.0
WINDOWS = {"15m": 900.0, "1h": 3600.0, "4h": 14400.0, "24h": 86400.0}


@dataclass(frozen=True)
class Panel:
    """One small chart. `queries` maps the line's name to PromQL in which {select} stands for the label selector."""

    key: str
    title: Any
    unit: str
    queries: dict[str, str]
    factor: float = 1.0


def _quantile(q: float) -> str:
    return f"histogram_quantile({q}, sum by (le) (rate(trading_request_duration_seconds_bucket{{select}}[1m])))"


NODE_PANELS = (
    Panel("rate", _("Requests"), "/s", {"": "sum(rate(trading_requests_total{select}[1m]))"}),
    Panel("errors", _("Errors"), "/s", {"": "sum(rate(trading_request_errors_total{select}[1m]))"}),
    Panel(
        "duration",
        _("Duration"),
        "ms",
        {"p50": _quantile(0.5), "p99": _quantile(0.99)},
        1000.0,
    ),
    Panel("cpu", _("Processor"), "%", {"": "sum(trading_cpu_ratio{select})"}, 100.0),
    Panel("memory", _("Memory"), "MiB", {"": "sum(trading_memory_bytes{select})"}, 1 / 2**20),
    Panel("in_flight", _("In flight"), "", {"": "sum(trading_in_flight{select})"}),
)
SERVICE_PANELS = (
    Panel("rate", _("Requests by data centre"), "/s", {"centre": "service_centre:trading_requests:rate1m{select}"}),
    Panel(
        "errors",
        _("Error ratio by data centre"),
        "%",
        {"centre": "service_centre:trading_error_ratio:rate1m{select}"},
        100.0,
    ),
    Panel(
        "p99",
        _("p99 by data centre"),
        "ms",
        {"centre": "service_centre:trading_request_duration_seconds:p99_1m{select}"},
        1000.0,
    ),
    Panel(
        "version_p99",
        _("p99 by version"),
        "ms",
        {"version": "service_version:trading_request_duration_seconds:p99_1m{select}"},
        1000.0,
    ),
    Panel("serving", _("Nodes serving"), "", {"centre": "service_centre:trading_nodes_serving:sum{select}"}),
    Panel("cpu", _("Processor by data centre"), "%", {"centre": "service_centre:trading_cpu_ratio:avg{select}"}, 100.0),
)


def figure(panel: Panel, labels: dict[str, str], window_s: float) -> dict[str, Any]:
    """The Plotly figure of one panel: {"data": [...], "layout": {...}}. Raises Unavailable."""
    end = now()
    start = end - dt.timedelta(seconds=window_s)
    select = prometheus.matching(**labels)
    data = []
    for name, promql in panel.queries.items():
        for series in prometheus.query_range(promql.replace("{select}", select), start, end):
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": series.labels.get(name, name) or str(panel.title),
                    "x": [_shown(at) for at in series.times],
                    "y": [None if value is None else value * panel.factor for value in series.values],
                    "connectgaps": False,
                    "line": {"width": 1.6},
                    "hovertemplate": f"%{{y:,.4~g}} {panel.unit}",
                }
            )
    layout = {
        "showlegend": len(data) > 1,
        "yaxis": {"rangemode": "tozero", "ticksuffix": f" {panel.unit}" if panel.unit else "", "nticks": 5},
        "xaxis": {"range": [_shown(start.timestamp()), _shown(end.timestamp())], "nticks": 6},
        "margin": {"l": 62, "r": 10, "t": 6, "b": 28},
    }
    if not data:
        layout["annotations"] = [
            {
                "text": str(_("nothing measured")),
                "showarrow": False,
                "xref": "paper",
                "yref": "paper",
                "x": 0.5,
                "y": 0.5,
            }
        ]
    return {"data": data, "layout": layout}


def _shown(at: float) -> str:
    return shanghai(dt.datetime.fromtimestamp(at, dt.UTC)).strftime("%Y-%m-%d %H:%M:%S")


def by_service() -> dict[str, dict[str, float]]:
    """rate (per second), errors (ratio) and p99 (seconds) of every service that was measured. Raises Unavailable."""
    found: dict[str, dict[str, float]] = {}
    for name, promql in (
        ("rate", "service:trading_requests:rate1m"),
        ("errors", "service:trading_error_ratio:rate1m"),
        ("p99", "service:trading_request_duration_seconds:p99_1m"),
    ):
        for sample in prometheus.query(promql):
            found.setdefault(sample.labels.get("service", ""), {})[name] = sample.value
    return found


def of_service(service: str) -> dict[str, float | None]:
    """rate, errors, p50, p99, nodes unreachable: None where nothing was measured. Raises Unavailable."""
    select = prometheus.matching(service=service)
    queries = {
        "rate": f"service:trading_requests:rate1m{select}",
        "errors": f"service:trading_error_ratio:rate1m{select}",
        "p50": f"service:trading_request_duration_seconds:p50_1m{select}",
        "p99": f"service:trading_request_duration_seconds:p99_1m{select}",
        "cpu": f"avg(service_centre:trading_cpu_ratio:avg{select})",
    }
    return {name: prometheus.value(promql) for name, promql in queries.items()}
