"""From order to acknowledgement over loopback TCP: real orders (risk, matching, events back), beside a bare echo and a bare fdatasync.

Orders in flight travel in requests of at most 256. Busy-polling on both sides for the shard without peers and the busy echo; three
replicas and the client share this machine's cores, so those wait adaptively.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench.matching_bench import machine
from tests.bench.shard_bench import (
    InFlight,
    Orders,
    Timing,
    bare_fdatasync,
    config,
    echo,
    in_flight,
    open_loop,
    pinned,
    solo,
    verdict,
)
from tests.trading_sim.shard.shard_processes import ShardProcesses
from trading_sim.shard.replica import DEFAULT_MACHINE

pytestmark = pytest.mark.bench
WINDOWS = (1, 16, 256, 2_048)
SECONDS = 1.0
PERCENTILES = (50, 90, 99, 99.9, 100)
SHARES = (10, 25, 50, 75, 90)


def row(name: str, window: int, found: Timing) -> None:
    print(f"{name:34}{window:8,}{found.rate:14,.0f}{found.at(50):12.1f}{found.at(99):12.1f}{found.at(99.9):12.1f}")


def echoes(spin: str, sizes: dict[int, bytes]) -> dict[int, Timing]:
    """The echo of requests of the same bytes."""
    made = {}
    with echo(spin) as address:
        caller = InFlight(address, 0, spin == "busy", greet=False)
        for window, data in sizes.items():
            times, total = [], 0.0
            while total < SECONDS:
                times.append(caller.echo(data))
                total += times[-1]
            made[window] = Timing(window / float(np.mean(times)), np.array(times))
            row(f"bare echo, {spin}", window, made[window])
        caller.close()
    return made


def shard_alone(directory: Path, journal: str, spin: str, windows: tuple[int, ...] = WINDOWS) -> dict[int, Timing]:
    made, orders = {}, Orders()
    with solo(directory, journal, spin) as address:
        caller = InFlight(address, 7, spin == "busy")
        for window in windows:
            made[window] = in_flight(caller, orders, window, SECONDS)
            row(f"one replica, journal {journal}, {spin}", window, made[window])
        caller.close()
    return made


def quorum(directory: Path) -> dict[int, Timing]:
    """Two of three centres have every order on disk before it is acknowledged."""
    made, orders = {}, Orders()
    shard = ShardProcesses(directory, DEFAULT_MACHINE, config().to_json())
    try:
        shard.start_all()
        caller = InFlight(shard.addresses[shard.leader()], 7, busy=False)
        for window in WINDOWS:
            made[window] = in_flight(caller, orders, window, SECONDS)
            row("two of three centres durable", window, made[window])
        caller.close()
    finally:
        shard.stop()
    return made


def test_order_to_acknowledgement(tmp_path: Path) -> None:
    print(f"\n{machine()}")
    print(f"{'':34}{'in flight':>8}{'orders/s':>13}{'p50 µs':>12}{'p99 µs':>12}{'p99.9 µs':>12}")
    sizes = {window: bytes(37 * -(-window // 256) + 40 * window) for window in WINDOWS}
    disk = bare_fdatasync(tmp_path)
    with pinned(1):
        busy = echoes("busy", sizes)
        blocking = echoes("blocking", {1: sizes[1]})
        bare = shard_alone(tmp_path, "none", "busy")
        shard_alone(tmp_path, "write", "busy")
        durable = shard_alone(tmp_path, "fdatasync", "busy")
        asleep = shard_alone(tmp_path, "none", "adaptive", (1, 256))
        disk_after = bare_fdatasync(tmp_path)
    three = quorum(tmp_path)
    sync = min(Timing(1, disk).at(50), Timing(1, disk_after).at(50))
    print(f"bare fdatasync of 4 KiB over zeros: p50 {sync:.1f} µs, p99 {Timing(1, disk).at(99):.1f} µs; {machine()}")
    ratio = bare[1].at(50) / busy[1].at(50)
    print(verdict("p50 busy, 1 in flight, in echoes", ratio, 2.0, True))
    print(verdict("p50 adaptive, 1 in flight, in blocking echoes", asleep[1].at(50) / blocking[1].at(50), 1.4, True))
    print(verdict("p50 durable, 1 in flight, in fdatasyncs", durable[1].at(50) / sync, 2.0, True))
    print(verdict("durable orders a second, one replica", durable[2_048].rate, 3e6, False))
    print(verdict("durable orders a second, two of three centres", three[2_048].rate, 1e6, False))
    assert ratio < 8, "the shard's path costs many times what the network costs"
    assert durable[1].at(50) < 6 * max(Timing(1, disk).at(50), Timing(1, disk_after).at(50))


def test_open_loop(tmp_path: Path) -> None:
    """Fixed arrival times; every latency counts from when the request was due."""
    print(f"\n{machine()}\none replica, journal written, busy; capacity = orders a second at 2,048 in flight")
    print(
        f"{'share':>8}{'orders/s':>14}"
        + "".join(f"{'max' if p == 100 else f'p{p:g}':>11}" for p in PERCENTILES)
        + "  µs"
    )
    worst: list[float] = []
    with pinned(1):
        for share in SHARES:
            orders = Orders()
            directory = tmp_path / str(share)
            directory.mkdir()
            with solo(directory, "write", "busy") as address:
                caller = InFlight(address, 7, True)
                capacity = in_flight(caller, orders, 2_048, 0.5).rate
                rate = capacity * share / 100
                times = open_loop(caller, orders, rate, min(1.5, 1_500_000 / rate)) * 1e6
                caller.close()
            values = [float(np.percentile(times, p)) for p in PERCENTILES]
            worst.append(values[0])
            print(f"{share:7d}%{rate:14,.0f}" + "".join(f"{value:11.1f}" for value in values))
    assert worst[0] < 5_000, "at a tenth of its capacity the shard answers late"
