"""The clients' view, once a second: what an experiment is judged by.

The load process counts what its customers saw; a sample is the change of those counters since the one before. Missing
samples are kept as gaps: what was not measured is not good. Orders and other requests are looked at apart, because there are
thirty times as many of the latter: a market without any order would still look 97 % well.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from trading_sim.protocol.metrics import DURATION_BOUNDS_S

BAD = ("failed", "unknown", "unavailable")
KEPT = 900
# With fewer requests of a kind in a second, one bad one says nothing about the second.
FEWEST = 5
# Orders are answered in milliseconds; from this wait on customers without an answer count as not served.
STALLED_S = 2.0


@dataclass(frozen=True)
class Counters:
    """What the customers had seen at one moment (all counts since the load began)."""

    requests: dict[str, dict[str, int]]  # chain → outcome → count
    lost: int
    duplicates: int
    buckets: dict[str, list[int]]  # chain → answers by duration (bounds of trading_sim.protocol.metrics)
    waiting_s: float = 0.0  # how long the orders that wait longest have been waiting
    order_chains: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Sample:
    """One second. `at` is Unix seconds, `t` seconds on the monotonic clock; success is None when nothing was asked."""

    at: float
    t: float
    asked: int
    bad: int
    by_chain: dict[str, tuple[int, int]]  # chain → asked, bad
    lost: int
    duplicates: int
    p99_ms: dict[str, float]
    gap: str = ""
    orders: tuple[int, int] = (0, 0)  # asked, bad
    waiting_s: float = 0.0

    @property
    def success(self) -> float | None:
        """Share of requests that ended well, of the kind (orders, other requests) that fared worse; 0 while orders stall."""
        if self.gap:
            return None
        if self.waiting_s >= STALLED_S:
            return 0.0
        return worst_share([self.orders, self.others])

    @property
    def others(self) -> tuple[int, int]:
        """Requests that are not orders: asked, bad."""
        return self.asked - self.orders[0], self.bad - self.orders[1]


def worst_share(pairs: Iterable[tuple[int, int]], fewest: int = FEWEST) -> float | None:
    """The lowest share of good ones among pairs of (asked, bad); None when of nothing there were enough to tell."""
    return min((1 - bad / asked for asked, bad in pairs if asked >= fewest), default=None)


class Sampler(threading.Thread):
    """Reads the counters once a second until stopped, keeps the last samples and writes each as a JSON line."""

    def __init__(self, read: Callable[[], Counters], out: Path, period_s: float = 1.0) -> None:
        super().__init__(name="sampler", daemon=True)
        self._read, self._period_s = read, period_s
        self._file: IO[str] = out.open("a", encoding="utf-8")
        self._samples: deque[Sample] = deque(maxlen=KEPT)
        self._last: Counters | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._period_s, time.monotonic())
            self.take()
        self._file.close()

    def stop(self) -> None:
        self._stopping.set()
        self.join(10)

    def take(self) -> Sample | None:
        """One reading; None for the very first, which only sets the starting point."""
        at, t = time.time(), time.monotonic()
        try:
            counters = self._read()
        except Exception as error:  # noqa: BLE001 — whatever went wrong, this second was not measured
            sample = Sample(at, t, 0, 0, {}, 0, 0, {}, gap=f"{type(error).__name__}: {error}"[:200])
        else:
            before, self._last = self._last, counters
            if before is None:
                return None
            sample = difference(before, counters, at, t)
        with self._lock:
            self._samples.append(sample)
        self._file.write(json.dumps({**asdict(sample), "success": sample.success}) + "\n")
        self._file.flush()
        return sample

    def since(self, seconds: float) -> list[Sample]:
        """Samples of the last `seconds`."""
        oldest = time.monotonic() - seconds
        with self._lock:
            return [sample for sample in self._samples if sample.t >= oldest]


def difference(before: Counters, after: Counters, at: float, t: float) -> Sample:
    """What happened between two readings. Counters that went back mean that the load began anew: it counts from zero."""
    by_chain: dict[str, tuple[int, int]] = {}
    for chain, outcomes in after.requests.items():
        old = before.requests.get(chain, {})
        began_anew = any(count < old.get(outcome, 0) for outcome, count in outcomes.items())
        change = {o: count - (0 if began_anew else old.get(o, 0)) for o, count in outcomes.items()}
        by_chain[chain] = (sum(change.values()), sum(change.get(o, 0) for o in BAD))
    return Sample(
        at=at,
        t=t,
        asked=sum(asked for asked, _ in by_chain.values()),
        bad=sum(bad for _, bad in by_chain.values()),
        by_chain=by_chain,
        lost=after.lost,
        duplicates=after.duplicates,
        p99_ms=_p99_ms(before, after),
        orders=total(pair for chain, pair in by_chain.items() if chain in after.order_chains),
        waiting_s=after.waiting_s,
    )


def total(pairs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """The sum of pairs of (asked, bad)."""
    asked = bad = 0
    for pair in pairs:
        asked, bad = asked + pair[0], bad + pair[1]
    return asked, bad


def _p99_ms(before: Counters, after: Counters) -> dict[str, float]:
    """p99 of the answers between two readings, interpolated within its bucket; a chain without answers is left out."""
    found = {}
    for chain, counts in after.buckets.items():
        change = [new - old for new, old in zip(counts, before.buckets.get(chain, [0] * len(counts)), strict=True)]
        if sum(change) > 0 and min(change) >= 0:
            found[chain] = _quantile_s(change, 0.99) * 1000
    return found


def _quantile_s(counts: list[int], share: float) -> float:
    wanted, below = share * sum(counts), 0
    for index, count in enumerate(counts):
        if below + count >= wanted and count:
            if index == len(DURATION_BOUNDS_S):
                return DURATION_BOUNDS_S[-1]
            low = DURATION_BOUNDS_S[index - 1] if index else 0.0
            return low + (DURATION_BOUNDS_S[index] - low) * (wanted - below) / count
        below += count
    return DURATION_BOUNDS_S[-1]


_current: Sampler | None = None


def begin(sampler: Sampler) -> None:
    """Make `sampler` the one that probes read."""
    global _current
    _current = sampler
    sampler.start()


def current() -> Sampler | None:
    return _current
