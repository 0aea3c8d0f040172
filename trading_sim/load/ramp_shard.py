"""One real shard under a ramp: three replica processes started for it, real orders, every request sent when it is due.

Requests are due at even distances, whatever became of the ones before (open loop); a response time counts from the moment its request
was due. The orders come from the demonstration market's own flow, made in advance, so that making them costs the measured
machine nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psutil

from trading_sim.load.ramp_steps import Bounds, ChainSeen, RampError, Step, Used
from trading_sim.load.ramp_usage import Machine
from trading_sim.load.responses import BUCKETS, bucket_counts, quantile_s
from trading_sim.load.shard_started import StartedShard
from trading_sim.shard.async_client import AsyncShardClient
from trading_sim.shard.attempts import ShardError

#: Requests on their way at one time; more would wait in this process, which is then what is measured.
MOST_IN_FLIGHT = 900
ANSWER_TIMEOUT_S = 5.0
CHAIN = "orders"
CLIENT = 77 << 16
STOP_LOOK_S = 0.25


@dataclass
class _Tally:
    """What one measured stretch saw."""

    counts: np.ndarray = field(default_factory=lambda: np.zeros(BUCKETS, dtype=np.int64))
    offered: int = 0
    answered: int = 0
    failed: int = 0
    rejected: int = 0


class ShardTarget:
    """`pool`: COMMAND records that are sent over and over; `batch` orders go in one request."""

    def __init__(
        self,
        shard: StartedShard,
        pool: np.ndarray,
        batch: int,
        settle_s: float,
        hold_s: float,
        bounds: Bounds,
        tell: Callable[..., None],
        stop: Callable[[], str],
    ) -> None:
        self.name = "shard"
        self._shard, self._batch, self._settle_s, self._hold_s = shard, batch, settle_s, hold_s
        self._bounds, self._tell, self._stop = bounds, tell, stop
        self._requests = [pool[at : at + batch] for at in range(0, len(pool) - batch + 1, batch)]
        self._turn = itertools.count()
        self._number = itertools.count(1)
        self._in_flight = 0

    def describe(self) -> dict[str, Any]:
        """Replicas, orders in a request, and nothing to compare the knee with: this shard has no usual life."""
        return {
            "kind": "shard",
            "replicas": len(self._shard.addresses),
            "batch": self._batch,
            "symbols": self._shard.symbols,
            "paths": {},
            "declared_peak_per_s": None,
            "measured_peak": None,
        }

    def restore(self) -> None:
        """Nothing to take away: requests end with the step."""

    def measure(self, rate: float) -> Step:
        """One step at `rate` orders a second."""
        return asyncio.run(self._measure(rate))

    async def _measure(self, rate: float) -> Step:
        client = AsyncShardClient(list(self._shard.addresses.values()), CLIENT, timeout_s=ANSWER_TIMEOUT_S)
        try:
            warm = _Tally()
            await self._send(client, rate, self._settle_s, warm)
            tally, begun, before, machine = _Tally(), time.monotonic(), self._seconds(), Machine()
            stopped = await self._send(client, rate, self._hold_s, tally)
            elapsed = time.monotonic() - begun
            used = (*self._used(before, elapsed), machine.used())
        finally:
            await client.close()
        return self._step(rate, tally, elapsed, used, stopped)

    async def _send(self, client: AsyncShardClient, rate: float, seconds: float, tally: _Tally) -> str:
        """Send for `seconds` what is due, wait for the answers; returns why it was ended early."""
        loop = asyncio.get_running_loop()
        begun, gap, sent, looked = loop.time(), self._batch / rate, 0, 0.0
        due_total = max(1, int(seconds / gap))
        stopped = ""
        async with asyncio.TaskGroup() as group:
            while sent < due_total and not stopped:
                now = loop.time()
                while sent < due_total and begun + sent * gap <= now:
                    if self._in_flight >= MOST_IN_FLIGHT:
                        break
                    self._in_flight += 1
                    group.create_task(self._one(client, begun + sent * gap, tally))
                    sent += 1
                if now - looked > STOP_LOOK_S:
                    looked = now
                    if why := self._stop():
                        raise RampError(why)
                    stopped = self._too_much(rate, begun + sent * gap, now)
                await asyncio.sleep(max(0.0002, min(gap, begun + sent * gap - loop.time())))
        return stopped

    def _too_much(self, rate: float, due: float, now: float) -> str:
        behind = now - due
        self._tell("look", rate=round(rate, 1), in_flight=self._in_flight, behind_ms=round(max(0.0, behind) * 1e3, 1))
        if behind > 10 * self._bounds.p99_ms / 1e3 and behind > 1.0:
            return f"requests are sent {behind:.1f} s after they were due: the shard does not keep up"
        return ""

    async def _one(self, client: AsyncShardClient, due: float, tally: _Tally) -> None:
        orders = self._requests[next(self._turn) % len(self._requests)]
        tally.offered += len(orders)
        try:
            reply = await client.submit(orders, next(self._number))
        except ShardError:
            tally.failed += len(orders)
        else:
            tally.counts += bucket_counts(np.array([asyncio.get_running_loop().time() - due])) * len(orders)
            tally.answered += len(orders)
            tally.rejected += len(reply.rejects)
        finally:
            self._in_flight -= 1

    def _step(self, rate: float, tally: _Tally, elapsed: float, used: tuple[Used, ...], stopped: str) -> Step:
        failed = tally.failed / tally.offered if tally.offered else 0.0
        p50, p99, p999 = (_ms(quantile_s(tally.counts, part)) for part in (0.5, 0.99, 0.999))
        self._tell("flow", rejected_part=round(tally.rejected / max(1, tally.answered), 4))
        return Step(
            rate=rate,
            seconds=round(elapsed, 3),
            offered_per_s=tally.offered / elapsed,
            answered_per_s=tally.answered / elapsed,
            failed=failed,
            p50_ms=p50,
            p99_ms=p99,
            p999_ms=p999,
            chains={CHAIN: ChainSeen(round(tally.answered / elapsed, 2), round(failed, 6), p99)},
            used=used,
            stopped=stopped,
            load_average=round(os.getloadavg()[0], 2),
        )

    def _seconds(self) -> dict[str, float]:
        pids = {**self._shard.pids(), "generator": os.getpid()}
        return {name: sum(psutil.Process(pid).cpu_times()[:2]) for name, pid in pids.items()}

    def _used(self, before: dict[str, float], elapsed: float) -> tuple[Used, ...]:
        used = []
        for name, seconds in self._seconds().items():
            part = (seconds - before[name]) / elapsed
            used.append(Used("generator" if name == "generator" else "shard", name, "", part, part))
        return tuple(sorted(used, key=lambda one: -one.part))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 3)
