"""What customers experienced, counted: requests by chain and outcome, durations, retries; written as Prometheus text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from trading_sim.load.responses import Responses
from trading_sim.protocol.flow import FlowReply, Outcome
from trading_sim.protocol.metrics import BUCKETS, DURATION_BOUNDS_S, histogram_us

if TYPE_CHECKING:
    from trading_sim.load.client_book import Operation
    from trading_sim.load.lane import Fate

OUTCOME_NAMES = {outcome: outcome.name.lower() for outcome in Outcome}


class Measures:
    """Counters since the start of the process."""

    def __init__(self, chains: Iterable[str]) -> None:
        self.requests: Counter[tuple[str, str]] = Counter({(chain, "ok"): 0 for chain in chains})
        self.buckets = {chain: np.zeros(BUCKETS, dtype=np.int64) for chain in chains}
        self.seconds = dict.fromkeys(self.buckets, 0.0)
        self.responses = Responses(self.buckets)
        self.retries = 0
        self.failovers = 0
        self.longest_wait_s = 0.0

    def answered(
        self,
        reply: FlowReply,
        fates: dict[str, Fate],
        waited_s: float,
        first: bool,
        late_s: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """A request whose fate is known. Orders of a first attempt took what the centre says, later ones the whole wait.

        `late_s`: seconds by which each order had been due before it was sent; they count as response time.
        """
        self.longest_wait_s = max(self.longest_wait_s, waited_s)
        for chain, fate in fates.items():
            for outcome, count in zip(*np.unique(fate.outcomes, return_counts=True), strict=True):
                self.requests[chain, OUTCOME_NAMES[Outcome(int(outcome))]] += int(count)
            latency = reply.latency_us[chain] if first else np.full(len(fate.outcomes), waited_s * 1e6)
            self._durations(chain, histogram_us(latency), float(latency.sum()) / 1e6)
            waited = latency / 1e6 + (0.0 if late_s is None else late_s[chain])
            self.responses.note(chain, waited[fate.outcomes < Outcome.FAILED])

    def counted(self, reply: FlowReply) -> None:
        """Requests without orders."""
        for chain, count in reply.counts.items():
            if chain in self.buckets:
                self.requests[chain, "ok"] += count.ok
                self.requests[chain, "failed"] += count.failed
                self._durations(chain, count.buckets, count.latency_sum_us / 1e6)

    def lost_in_transit(self, counts: dict[str, int]) -> None:
        """Requests without orders that no centre answered: for their customers they failed."""
        for chain, count in counts.items():
            self.requests[chain, "failed"] += count

    def unavailable(self, chain: str, count: int) -> None:
        """Orders that customers would have sent while their lane was waiting for an answer."""
        self.requests[chain, "unavailable"] += count

    def refused(self, operation: Operation) -> None:
        """A request that the centre refused as a whole."""
        for chain, records in operation.orders.items():
            self.requests[chain, "failed"] += len(records)

    def _durations(self, chain: str, buckets: np.ndarray, seconds: float) -> None:
        self.buckets[chain] += buckets
        self.seconds[chain] += seconds

    @property
    def orders_answered(self) -> int:
        """Orders whose customers got an answer, an acceptance or a rejection by rule."""
        return int(sum(counts.sum() for counts in self.responses.counts.values()))

    def exposition(self) -> list[str]:
        """Lines of the Prometheus text format."""
        lines = [
            "# HELP trading_client_requests_total Requests of customers by business chain and outcome.",
            "# TYPE trading_client_requests_total counter",
        ]
        lines += [
            f'trading_client_requests_total{{chain="{chain}",outcome="{outcome}"}} {count}'
            for (chain, outcome), count in sorted(self.requests.items())
        ]
        lines += [
            "# HELP trading_client_duration_seconds Time from request to answer, as customers saw it.",
            "# TYPE trading_client_duration_seconds histogram",
        ]
        for chain, buckets in self.buckets.items():
            total = np.cumsum(buckets).tolist()
            for bound, count in zip((*map(str, DURATION_BOUNDS_S), "+Inf"), total, strict=True):
                lines.append(f'trading_client_duration_seconds_bucket{{chain="{chain}",le="{bound}"}} {count}')
            lines.append(f'trading_client_duration_seconds_sum{{chain="{chain}"}} {self.seconds[chain]:.6f}')
            lines.append(f'trading_client_duration_seconds_count{{chain="{chain}"}} {total[-1]}')
        lines += single("trading_client_retries_total", "counter", "Attempts after the first one.", self.retries)
        lines += single(
            "trading_client_failovers_total", "counter", "Changes of centre after an attempt failed.", self.failovers
        )
        lines += single(
            "trading_client_longest_wait_seconds",
            "gauge",
            "Longest time until an order's fate was known.",
            self.longest_wait_s,
        )
        return lines


def single(name: str, kind: str, text: str, value: float) -> list[str]:
    """Three lines of one sample without labels."""
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}", f"{name} {value:g}"]
