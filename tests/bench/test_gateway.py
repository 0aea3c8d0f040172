"""From order to execution report over loopback TCP, through the gateway and a journalled shard, beside what both are made of.

One replica, one gateway, one client process on this machine's cores; every order is a limit order that rests, so each gets one report. The
client is asyncio on uvloop, as the gateway is.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import uvloop

from tests.bench.matching_bench import machine
from tests.trading_sim.gateway.fix_client import FixClient
from tests.trading_sim.gateway.fix_peer import text
from tests.trading_sim.gateway.gateway_world import CODES, SECRET, GatewayWorld
from trading_sim.gateway.reports import Report
from trading_sim.protocol.records import COMMAND
from trading_sim.shard.async_client import AsyncShardClient

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]
WINDOWS = {1: 600, 64: 3_000}  # in flight → orders
WARM_UP = 50
#: The gateway adds two turns of its loop, two commits of its store and the hop of the feed to what the shard takes alone.
MOST_TIMES_THE_SHARD = 6.0


@dataclass(frozen=True)
class Timing:
    """Latencies in microseconds and orders a second."""

    us: np.ndarray
    rate: float

    def at(self, percentile: float) -> float:
        return float(np.percentile(self.us, percentile))


class Window:
    """Keeps so many orders in flight, and measures each from sending to its report."""

    def __init__(self, size: int, count: int, send: Callable[[int], None]) -> None:
        self._size, self._count, self._send = size, count, send
        self._sent_at: dict[int, int] = {}
        self._times: list[int] = []
        self._next = 0
        self._done = asyncio.get_running_loop().create_future()

    def _more(self) -> None:
        while self._next < self._count and len(self._sent_at) < self._size:
            self._sent_at[self._next] = time.perf_counter_ns()
            self._send(self._next)
            self._next += 1

    def reported(self, number: int) -> None:
        """The report of order `number` is here."""
        self._times.append(time.perf_counter_ns() - self._sent_at.pop(number))
        self._more()
        if len(self._times) == self._count and not self._done.done():
            self._done.set_result(None)

    async def run(self) -> Timing:
        began = time.perf_counter()
        self._more()
        async with asyncio.timeout(120):
            await self._done
        rate = self._count / (time.perf_counter() - began)
        return Timing(np.array(self._times[min(WARM_UP, self._count // 4) :]) / 1e3, rate)


async def bare_echo(window: int, count: int) -> Timing:
    """A hundred bytes there and back, on one uvloop connection, per order."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    measured = Window(window, count, lambda number: writer.write(number.to_bytes(100, "little")))

    async def receive() -> None:
        while True:
            measured.reported(int.from_bytes(await reader.readexactly(100), "little"))

    task = asyncio.create_task(receive())
    found = await measured.run()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    writer.close()
    server.close()
    return found


async def shard_alone(world: GatewayWorld, window: int, count: int) -> Timing:
    """The same orders by the shard's own client, one in each request."""
    client = AsyncShardClient([world.address("shard")], 1_000 + window, shard=0)
    record = np.zeros(1, COMMAND)
    record[0] = (0, 0, 950, 100, 0, 8, 1, 1, 1, 1)
    tasks: set[asyncio.Task] = set()

    async def one(number: int) -> None:
        await client.submit(record, number + 1, timeout_s=30)
        measured.reported(number)

    def send(number: int) -> None:
        task = asyncio.get_running_loop().create_task(one(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    measured = Window(window, count, send)
    found = await measured.run()
    await client.close()
    return found


async def binary(world: GatewayWorld, window: int, count: int) -> Timing:
    client = await world.client("BIN-1")
    measured = Window(window, count, lambda number: client.new(f"b{window}-{number}", CODES[0], 1, 950, 100))

    def reported(seq: int, report: Report, code: str) -> None:
        name, _, number = report.client_id.partition("-")
        if name == f"b{window}":  # earlier reports of the session come again at its logon
            measured.reported(int(number))

    client.on_report = reported
    found = await measured.run()
    client.on_report = None
    await client.close()
    return found


async def fix(world: GatewayWorld, window: int, count: int) -> Timing:
    client = FixClient(world.address("fix"), f"FIX-{1 if window == 1 else 2}", SECRET, 30)
    await client.connect()
    take = client._take
    measured = Window(window, count, lambda number: client.send(client.peer.order(f"f-{number}", 1, "9.50", 100)))

    def taken(message: object) -> None:
        take(message)
        if text(message, 35) == "8":
            measured.reported(int(text(message, 11).split("-")[1]))

    client._take = taken  # type: ignore[method-assign]
    found = await measured.run()
    await client.close()
    return found


def row(name: str, window: int, found: Timing) -> None:
    print(f"{name:34}{window:8,}{found.rate:12,.0f}{found.at(50):12.0f}{found.at(99):12.0f}{found.at(99.9):12.0f}")


def test_order_to_execution_report(tmp_path: Path) -> None:
    world = GatewayWorld(tmp_path, engine="numba", orders=100_000, rate_max=10**9)
    made: dict[str, dict[int, Timing]] = {}
    parts: dict[str, Callable[[int, int], Awaitable[Timing]]] = {
        "bare echo": bare_echo,
        "shard alone, journalled": lambda w, n: shard_alone(world, w, n),
        "gateway, binary": lambda w, n: binary(world, w, n),
        "gateway, FIX 4.4": lambda w, n: fix(world, w, n),
    }
    try:
        world.start()
        print(f"\n{machine()}, load {os.getloadavg()[0]:.1f}: order to execution report, one replica with its journal")
        print(f"{'':34}{'in flight':>8}{'orders/s':>12}{'p50 us':>12}{'p99 us':>12}{'p99.9 us':>12}")
        for name, measure in parts.items():
            for window, count in WINDOWS.items():
                if window > 1 and name.startswith("shard alone"):
                    continue  # one order in each request is not how a shard is used
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    found = runner.run(measure(window, count))
                made.setdefault(name, {})[window] = found
                row(name, window, found)
    finally:
        world.stop()
    alone = made["shard alone, journalled"][1].at(50)
    for name in ("gateway, binary", "gateway, FIX 4.4"):
        times = made[name][1].at(50) / alone
        print(
            f"{name}: {times:.2f} times the shard alone, {made[name][1].at(50) / made['bare echo'][1].at(50):.1f} times the echo"
        )
        print(
            f"  target below {MOST_TIMES_THE_SHARD:g} times the shard alone: {'reached' if times < MOST_TIMES_THE_SHARD else 'missed'}"
        )
        assert len(made[name][64].us) > 0
