"""Metrics of nodes in Prometheus' text format, built by hand: a thousand of them are read every few seconds."""

from __future__ import annotations

from itertools import accumulate

from trading_sim.chain.arrays import NodeArrays
from trading_sim.nodes.node import Node, Process
from trading_sim.protocol.metrics import DURATION_BOUNDS_S

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUND_LABELS = [f"{bound:g}" for bound in DURATION_BOUNDS_S] + ["+Inf"]

_ALWAYS = """# TYPE trading_up gauge
trading_up %d
# TYPE trading_drained gauge
trading_drained %d
# TYPE trading_build_info gauge
trading_build_info{version="VERSION"} 1
"""
_RUNNING = (
    """# TYPE trading_requests_total counter
trading_requests_total{version="VERSION"} %d
# TYPE trading_request_errors_total counter
trading_request_errors_total{version="VERSION"} %d
# TYPE trading_request_duration_seconds histogram
"""
    + "".join(
        f'trading_request_duration_seconds_bucket{{version="VERSION",le="{bound}"}} %d\n' for bound in BOUND_LABELS
    )
    + """trading_request_duration_seconds_sum{version="VERSION"} %.6f
trading_request_duration_seconds_count{version="VERSION"} %d
# TYPE trading_in_flight gauge
trading_in_flight %d
# TYPE trading_cpu_ratio gauge
trading_cpu_ratio %.4f
# TYPE trading_memory_bytes gauge
trading_memory_bytes %d
# TYPE trading_process_start_time_seconds gauge
trading_process_start_time_seconds %.3f
"""
)
_templates: dict[str, tuple[str, str]] = {}


def _template(version: str) -> tuple[str, str]:
    if version not in _templates:
        _templates[version] = (_ALWAYS.replace("VERSION", version), _RUNNING.replace("VERSION", version))
    return _templates[version]


def node_metrics(node: Node, arrays: NodeArrays) -> bytes:
    """A node's metrics. While its process is not running there is nothing to count from: only trading_up (0) and what the
    agent knows by itself; a series that ends is not taken for a good one."""
    always, running = _template(node.version)
    serving = node.serves() and not node.drained
    text = always % (serving, node.drained)
    if node.process is not Process.UP or node.has("pause"):
        return text.encode()
    i = node.index
    buckets = list(accumulate(arrays.histogram[i].tolist()))
    busy = min(arrays.rho[i], 1.0) * arrays.workers[i] + arrays.backlog[i]
    values = (
        arrays.requests[i], arrays.errors[i], *buckets, arrays.duration_s[i], buckets[-1], round(busy),
        arrays.cpu[i], arrays.memory[i], node.started_at,
    )  # fmt: skip
    return (text + running % values).encode()
