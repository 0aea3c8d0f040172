"""Metrics of a centre: its hops, chains, orders and the session, in Prometheus' text format."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from trading_sim.chain.counters import OUTCOMES, Counters
from trading_sim.protocol.flow import Outcome
from trading_sim.protocol.metrics import DURATION_BOUNDS_S

BOUND_LABELS = [f"{bound:g}" for bound in DURATION_BOUNDS_S] + ["+Inf"]


def _histogram(name: str, labels: str, buckets: np.ndarray, seconds: float) -> list[str]:
    counts = list(accumulate(buckets.tolist()))
    lines = [
        f'{name}_bucket{{{labels},le="{bound}"}} {count}' for bound, count in zip(BOUND_LABELS, counts, strict=True)
    ]
    return [*lines, f"{name}_sum{{{labels}}} {seconds:.6f}", f"{name}_count{{{labels}}} {counts[-1]}"]


def _hops(counters: Counters) -> list[str]:
    labels = [f'chain="{chain}",hop="{hop}",service="{service}"' for chain, hop, service in counters.hops]
    lines = ["# TYPE trading_hop_requests_total counter"]
    lines += [
        f"trading_hop_requests_total{{{label}}} {n}"
        for label, n in zip(labels, counters.hop_requests.tolist(), strict=True)
    ]
    lines.append("# TYPE trading_hop_errors_total counter")
    lines += [
        f"trading_hop_errors_total{{{label}}} {n}"
        for label, n in zip(labels, counters.hop_errors.tolist(), strict=True)
    ]
    lines.append("# TYPE trading_hop_duration_seconds histogram")
    for row, label in enumerate(labels):
        lines += _histogram(
            "trading_hop_duration_seconds", label, counters.hop_histogram[row], counters.hop_seconds[row]
        )
    return lines


def _chains(counters: Counters) -> list[str]:
    lines = ["# TYPE trading_chain_requests_total counter"]
    for row, chain in enumerate(counters.chains):
        for outcome, count in zip(Outcome, counters.chain_outcomes[row].tolist(), strict=True):
            lines.append(f'trading_chain_requests_total{{chain="{chain}",outcome="{OUTCOMES[outcome]}"}} {count}')
    lines.append("# TYPE trading_chain_duration_seconds histogram")
    for row, chain in enumerate(counters.chains):
        lines += _histogram(
            "trading_chain_duration_seconds",
            f'chain="{chain}"',
            counters.chain_histogram[row],
            counters.chain_seconds[row],
        )
    return lines


def centre_metrics(counters: Counters, started_at: float) -> bytes:
    """All metrics of a centre. The session's phase is left out while no load process has told it."""
    lines = _hops(counters) + _chains(counters)
    lines.append("# TYPE trading_orders_total counter")
    for outcome, count in zip(Outcome, counters.orders.tolist(), strict=True):
        lines.append(f'trading_orders_total{{outcome="{OUTCOMES[outcome]}"}} {count}')
    lines += ["# TYPE trading_trades_total counter", f"trading_trades_total {counters.trades}"]
    lines += ["# TYPE trading_turnover_fen_total counter", f"trading_turnover_fen_total {counters.turnover_fen}"]
    phase = counters.session.get("phase_number", counters.session.get("phase"))
    if isinstance(phase, int):
        lines += ["# TYPE trading_session_phase gauge", f"trading_session_phase {phase}"]
    lines += ["# TYPE process_start_time_seconds gauge", f"process_start_time_seconds {started_at:.3f}"]
    return ("\n".join(lines) + "\n").encode()
