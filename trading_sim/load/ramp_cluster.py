"""A running cluster under a ramp: levels with a short lease, response times from the load process, figures of every node.

Nothing is set that would have to be set back: the level ends by itself some seconds after this process stops asking for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trading_sim.client.cluster import ClusterClient
from trading_sim.client.errors import ClusterError
from trading_sim.load.ramp_steps import Bounds, ChainSeen, RampError, Step, Used
from trading_sim.load.ramp_usage import Usage
from trading_sim.load.responses import counts_from, quantile_s
from trading_sim.protocol.metrics import DURATION_BOUNDS_S

LEASE_S = 10.0
RENEW_S = 2.0
POLL_S = 0.5
WATCHED_POLLS = 6
SILENT_POLLS = 6
CONTINUOUS = 3
GOOD = ("ok", "rejected_risk", "rejected_matching")


@dataclass(frozen=True)
class Timing:
    """Seconds: the step settles before it is measured; the flow may rest between steps; how long an open market is waited for."""

    settle_s: float = 10.0
    hold_s: float = 15.0
    rest_s: float = 3.0
    open_wait_s: float = 900.0


class PhaseEnded(Exception):
    """Continuous trading ended within a step: it says nothing and is measured again."""


class ClusterTarget:
    """Raises all chains (or `chains`) together, in the proportions of their declared peaks."""

    def __init__(
        self,
        client: ClusterClient,
        timing: Timing,
        bounds: Bounds,
        owner: str,
        chains: list[str],
        tell: Callable[..., None],
        stop: Callable[[], str],
    ) -> None:
        self.name = "cluster"
        self._client, self._timing, self._bounds, self._owner, self._tell, self._stop = (
            client,
            timing,
            bounds,
            owner,
            tell,
            stop,
        )
        topology = client.topology
        unknown = set(chains) - set(topology.chains)
        if unknown:
            raise RampError(
                f"the cluster has no chain {', '.join(sorted(unknown))}: it has {', '.join(topology.chains)}"
            )
        self._chains = chains
        covered = [chain for chain in topology.chains.values() if not chains or chain.name in chains]
        self._orders = [chain.name for chain in covered if chain.kind == "orders"]
        if not self._orders:
            raise RampError("a ramp needs at least one chain of orders: capacity is counted in orders")
        self._counted = [chain.name for chain in covered if chain.kind != "orders"]
        self.declared_peak = sum(topology.chains[name].peak_rate_per_s for name in self._orders)
        self._usage = Usage(client)
        self._lease: str | None = None

    # -- what the report says ------------------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Chains, nodes, the declared peak and the highest rate that customers ever reached by themselves."""
        try:
            measured = self._client.load_status().get("peak")
        except ClusterError as error:
            raise RampError(f"the load process does not answer: {error}") from error
        return {
            "kind": "cluster",
            "nodes": len(self._client.topology.nodes),
            "scale": self._client.topology.scale,
            "shards": len(self._client.topology.shards),
            "chains": {"orders": self._orders, "requests": self._counted},
            "paths": {
                name: [hop.service for hop in self._client.topology.chains[name].hops]
                for name in (*self._orders, *self._counted)
            },
            "declared_peak_per_s": self.declared_peak,
            "measured_peak": measured,
        }

    # -- a step --------------------------------------------------------------------------------------------------------

    def measure(self, rate: float) -> Step:
        """Hold `rate` and measure; a step that the end of continuous trading cuts is measured again later."""
        while True:
            self._await_open()
            try:
                return self._step(rate)
            except PhaseEnded:
                self._tell("waiting", why="continuous trading ended within the step")
            finally:
                self.restore()

    def restore(self) -> None:
        """Drop the level. A load process that does not answer drops it by itself within LEASE_S."""
        if self._lease is None:
            return
        lease, self._lease = self._lease, None
        try:
            self._client.clear_load_fault(lease)
        except ClusterError as error:
            self._tell("restore-late", why=f"the level ends by itself within {LEASE_S:.0f} s: {error}")

    def _await_open(self) -> None:
        """Wait for continuous trading that lasts for a whole step."""
        needed = self._timing.settle_s + self._timing.hold_s + 1.0
        end = time.monotonic() + self._timing.open_wait_s
        told = False
        while True:
            seen = self._seen()
            if seen["paused"]:
                raise RampError("the order flow is paused: resume it before its capacity is tested")
            held = seen["level"]
            own = held is not None and held["owner"] == self._owner  # one that could not be dropped ends by itself
            if not seen["usual"] and not own:
                raise RampError("a surge or another capacity test changes the flow: wait until it has ended")
            if not own and seen["phase"] == CONTINUOUS and seen["phase_ends_in_s"] >= needed:
                self._pause(self._timing.rest_s)
                return
            if time.monotonic() > end:
                raise RampError(f"no {needed:.0f} s of continuous trading came within {self._timing.open_wait_s:.0f} s")
            if not told:
                self._tell("waiting", why="waiting for continuous trading that lasts for a whole step")
                told = True
            self._pause(POLL_S)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            if why := self._stop():
                raise RampError(why)
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, POLL_S))

    def _seen(self) -> dict[str, Any]:
        try:
            return self._client.load_responses()
        except ClusterError as error:
            raise RampError(f"the load process does not answer: {error}") from error

    def _hold(self, rate: float) -> None:
        body = {
            "kind": "level",
            "params": {"level": rate / self.declared_peak, "chains": self._chains},
            "lease_s": LEASE_S,
            "owner": self._owner,
        }
        try:
            self._lease = self._client.load_fault(body)["lease"]
        except ClusterError as error:
            raise RampError(f"the load process does not take the level: {error}") from error

    def _step(self, rate: float) -> Step:
        settled = self._watch(rate, self._timing.settle_s)
        first, stopped = settled
        if stopped:
            return self._result(rate, first, self._seen(), (), stopped)
        self._usage.begin()
        begun = self._seen()
        _, stopped = self._watch(rate, self._timing.hold_s)
        used = self._usage.end()
        return self._result(rate, begun, self._seen(), used, stopped)

    def _watch(self, rate: float, seconds: float) -> tuple[dict[str, Any], str]:
        """Hold the rate for `seconds` and look twice a second: (what was seen first, why it had to be stopped)."""
        end, renewed, silent = time.monotonic() + seconds, -RENEW_S, 0
        looks: list[dict[str, Any]] = []
        while time.monotonic() < end:
            if time.monotonic() - renewed >= RENEW_S:
                self._hold(rate)
                renewed = time.monotonic()
            if why := self._stop():
                raise RampError(why)
            try:
                looks.append(self._client.load_responses())
                silent = 0
            except ClusterError as error:
                silent += 1
                if silent >= SILENT_POLLS:
                    raise RampError(f"the load process stopped answering under load: {error}") from error
            if len(looks) > 1:
                if looks[-1]["phase"] != CONTINUOUS:
                    raise PhaseEnded
                if why := self._too_much(rate, looks):
                    return looks[0], why
            time.sleep(max(0.0, min(POLL_S, end - time.monotonic())))
        return (looks[0] if looks else self._seen()), ""

    def _too_much(self, rate: float, looks: list[dict[str, Any]]) -> str:
        """Why the step must be ended at once; empty to go on. Tells what the last seconds were like."""
        before, after = looks[max(0, len(looks) - 1 - WATCHED_POLLS)], looks[-1]
        seen = self._between(before, after)
        self._tell(
            "look",
            rate=round(rate, 2),
            answered_per_s=round(seen.answered_per_s, 1),
            p99_ms=None if seen.p99_ms is None or seen.p99_ms == float("inf") else round(seen.p99_ms, 2),
            failed=round(seen.failed, 5),
        )
        if after["lost"] > looks[0]["lost"] or after["duplicates"] > looks[0]["duplicates"]:
            return "orders were lost or executed twice: stopped at once"
        if len(looks) > WATCHED_POLLS and seen.failed > self._bounds.stop_errors:
            return f"{seen.failed:.1%} of the requests failed within {seen.seconds:.0f} s: stopped at once"
        return ""

    # -- figures -------------------------------------------------------------------------------------------------------

    def _between(self, before: dict[str, Any], after: dict[str, Any]) -> Step:
        return self._result(0.0, before, after, (), "")

    def _result(
        self, rate: float, before: dict[str, Any], after: dict[str, Any], used: tuple[Used, ...], stopped: str
    ) -> Step:
        seconds = max(after["at"] - before["at"], 1e-3)
        chains, all_counts = {}, 0
        for name in self._orders:
            counts = counts_from(after["responses"][name]) - counts_from(before["responses"][name])
            all_counts = all_counts + counts
            chains[name] = self._chain(name, before, after, seconds, _ms(quantile_s(counts, 0.99)))
        for name in self._counted:
            change = np.array(after["duration_buckets"][name]) - np.array(before["duration_buckets"][name])
            chains[name] = self._chain(name, before, after, seconds, _bucket_ms(change, 0.99))
        orders = _outcomes(self._orders, before, after)
        others = _outcomes(self._counted, before, after)
        lost = after["lost"] - before["lost"] + after["duplicates"] - before["duplicates"]
        return Step(
            rate=rate,
            seconds=round(seconds, 3),
            offered_per_s=sum(orders.values()) / seconds,
            answered_per_s=sum(orders.get(name, 0) for name in GOOD) / seconds,
            failed=max(_failed(orders), _failed(others)),
            p50_ms=_ms(quantile_s(all_counts, 0.5)),
            p99_ms=_ms(quantile_s(all_counts, 0.99)),
            p999_ms=_ms(quantile_s(all_counts, 0.999)),
            chains=chains,
            used=used,
            stopped=stopped,
            findings=f"{lost} orders were lost or executed twice" if lost else "",
            load_average=self._usage.load_average(),
        )

    @staticmethod
    def _chain(
        name: str, before: dict[str, Any], after: dict[str, Any], seconds: float, p99_ms: float | None
    ) -> ChainSeen:
        outcomes = _outcomes([name], before, after)
        answered = sum(outcomes.get(good, 0) for good in GOOD) / seconds
        return ChainSeen(round(answered, 2), round(_failed(outcomes), 6), p99_ms)


def _outcomes(chains: list[str], before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for chain in chains:
        old = before["requests"].get(chain, {})
        for outcome, count in after["requests"].get(chain, {}).items():
            totals[outcome] = totals.get(outcome, 0) + count - old.get(outcome, 0)
    return totals


def _failed(outcomes: Mapping[str, int]) -> float:
    total = sum(outcomes.values())
    return 1 - sum(outcomes.get(name, 0) for name in GOOD) / total if total else 0.0


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 3)


def _bucket_ms(counts: np.ndarray, part: float) -> float | None:
    """Upper bound of the coarse bucket that holds the quantile, in milliseconds: what centres report for counted requests."""
    total = int(counts.sum())
    if total == 0:
        return None
    place = int(np.searchsorted(np.cumsum(counts), part * total))
    return DURATION_BOUNDS_S[place] * 1e3 if place < len(DURATION_BOUNDS_S) else float("inf")
