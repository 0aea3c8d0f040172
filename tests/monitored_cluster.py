"""What a healthy cluster of the whole inventory looks like to Prometheus, for tests of pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import timezone

from seeops.topology import selectors as topology
from tests.prometheus_stub import Answer, matrix, vector


def healthy(
    *, failing_hop: tuple[str, str] | None = None, age_s: float = 5.0, centres_up: int = 3
) -> Callable[[str, dict[str, str]], Answer]:
    """Answers for every query of the overview. `failing_hop` is a (chain, hop) whose requests and chain fail."""
    chains = [(chain.code, [(hop.name, hop.service.name) for hop in chain.hops.all()]) for chain in topology.chains()]

    def answer(path: str, params: dict[str, str]) -> Answer:
        query, now = params["query"], timezone.now().timestamp()
        if "query_range" in path:
            end = float(params["end"])
            labels = {"__name__": "business:trading_orders:rate1m"}
            return 200, matrix([(labels, [(end - 30 * i, 100 + i) for i in range(20, -1, -1)])])
        if "timestamp(" in query:
            return 200, vector([({}, now - age_s)], now)
        if "chain_hop" in query:
            return 200, vector(_hops(chains, failing_hop), now)
        return 200, vector(_chains(chains, failing_hop) + _business(centres_up), now)

    return answer


def _hops(chains: list[Any], failing: tuple[str, str] | None) -> list[tuple[dict[str, str], float]]:
    rows = []
    for chain, hops in chains:
        for hop, service in hops:
            labels = {"chain": chain, "hop": hop, "service": service}
            errors = 0.2 if failing == (chain, hop) else 0.0
            for name, value in (
                ("requests:rate1m", 10.0), ("error_ratio:rate1m", errors), ("duration_seconds:p99_1m", 0.004),
                ("duration_seconds:mean_1m", 0.001), ("duration_seconds:p99_baseline", 0.004),
            ):  # fmt: skip
                rows.append(({"__name__": f"chain_hop:trading_hop_{name}", **labels}, value))
    return rows


def _chains(chains: list[Any], failing: tuple[str, str] | None) -> list[tuple[dict[str, str], float]]:
    rows = []
    for chain, _hops_of in chains:
        errors = 0.2 if failing and failing[0] == chain else 0.0
        for name, value in (
            ("client_requests:rate1m", 10.0), ("client_error_ratio:rate1m", errors),
            ("chain_duration_seconds:p99_1m", 0.01), ("chain_duration_seconds:p99_baseline", 0.01),
        ):  # fmt: skip
            rows.append(({"__name__": f"chain:trading_{name}", "chain": chain}, value))
    return rows


def _business(centres_up: int) -> list[tuple[dict[str, str], float]]:
    rows: list[tuple[dict[str, str], float]] = [
        ({"__name__": "business:trading_orders:rate1m"}, 150.0),
        ({"__name__": "business:trading_order_success_ratio:rate1m"}, 0.9995),
        ({"__name__": "business:trading_order_duration_seconds:p99_1m"}, 0.012),
        ({"__name__": "business:trading_trades:rate1m"}, 60.0),
        ({"__name__": "business:trading_turnover_fen:rate1m"}, 5_000_000.0),
        ({"__name__": "business:trading_requests:rate1m"}, 1500.0),
        ({"__name__": "job:up:sum", "job": "centre"}, float(centres_up)),
        ({"__name__": "job:up:count", "job": "centre"}, 3.0),
    ]
    for centre, nodes in (("SZ-A", 596.0), ("SZ-B", 454.0), ("WH-A", 154.0)):
        rows.append(({"__name__": "centre:trading_nodes:count", "centre": centre}, nodes))
        rows.append(({"__name__": "centre:trading_nodes_serving:sum", "centre": centre}, nodes))
    return rows
