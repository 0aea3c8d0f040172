"""What the benches of the shard share: real orders, processes, a client that keeps a number of orders in flight, an open-loop client."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.polling import eventually
from tests.trading_sim.shard.shard_processes import ROOT, free_ports
from trading_sim.protocol.records import COMMAND
from trading_sim.risk.limits import RiskLimits
from trading_sim.shard import wire
from trading_sim.shard.config import ShardConfig

SYMBOLS, ACCOUNTS, ORDER_IDS = 100, 400, 12_000_000
FRAME_ORDERS = 256
REFERENCE = 5_000
ECHO = """
import socket, sys
busy = sys.argv[1] == "busy"
listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
caller, _ = listener.accept()
caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
caller.setblocking(not busy)
memory = memoryview(bytearray(1 << 22))
while True:
    try:
        count = caller.recv_into(memory)
    except BlockingIOError:
        continue
    if not count:
        break
    sent = 0
    while sent < count:
        try:
            sent += caller.send(memory[sent:count])
        except BlockingIOError:
            pass
"""


def config() -> ShardConfig:
    """100 symbols, 400 accounts that can pay and deliver, order ids for a long run."""
    symbol = {"reference": REFERENCE, "low": 4_500, "high": 5_500, "lot": 100, "commission_ppm": 250, "stamp_ppm": 500}
    positions = {str(number): 10_000_000 for number in range(SYMBOLS)}
    limits = RiskLimits(rate_max=2**31 - 1, max_quantity=1_000_000, max_notional=10**11)
    return ShardConfig(
        shard=0,
        symbols=[dict(symbol, code=f"{number:06d}") for number in range(SYMBOLS)],
        accounts=[{"account": n, "cash": 10**13, "positions": positions} for n in range(1, ACCOUNTS + 1)],
        limits=limits,
        max_order_id=ORDER_IDS,
        max_live=1_000_000,
    )


class Orders:
    """Seeded orders without stamps: 42 % limit orders near the touch, 8 % IOC through it, 50 % cancels, each of the order that came
    LAG orders before: so the books neither grow nor empty."""

    LAG = 20_000

    def __init__(self) -> None:
        self._rng, self._given, self._cancelled = np.random.default_rng(23), 0, 0

    def take(self, count: int) -> np.ndarray:
        """The next `count`; order ids of cancels as the shard will have given them to this only client."""
        rng, made = self._rng, np.zeros(count, COMMAND)
        draw = rng.random(count)
        new = draw < (0.5 if self._given > self.LAG else 1.0)
        made["kind"], made["type"], made["qty"] = np.where(new, 1, 2), 1, rng.integers(1, 11, count) * 100
        made["tif"] = np.where(draw < 0.08, 2, 1)
        made["side"] = rng.integers(1, 3, count)
        away = np.where(draw < 0.08, -3, rng.geometric(0.12, count) - 1)
        made["price"] = REFERENCE + np.where(made["side"] == 1, -away, away)
        ids = self._given + np.cumsum(new)
        self._given += int(new.sum())
        cancels = count - int(new.sum())
        made["order_id"][~new] = self._cancelled + 1 + np.arange(cancels)
        self._cancelled += cancels
        self._owner(made, ids)
        return made

    def _owner(self, made: np.ndarray, ids: np.ndarray) -> None:
        """A cancel comes from the account, and names the symbol, of its order: both follow from the order's id."""
        number = np.where(made["kind"] == 1, ids, made["order_id"].astype(np.int64))
        mixed = (number * 2_654_435_761) & 0xFFFFFFFF
        made["account"], made["symbol"] = 1 + mixed % ACCOUNTS, (mixed >> 12) % SYMBOLS


@dataclass
class Timing:
    """Orders a second, and seconds per round trip."""

    rate: float
    times: np.ndarray

    def at(self, percentile: float) -> float:
        """Microseconds."""
        return float(np.percentile(self.times, percentile)) * 1e6


class InFlight:
    """A connection that keeps orders in flight: requests of at most FRAME_ORDERS orders, a new round when all are answered."""

    def __init__(self, address: str, client: int, busy: bool, greet: bool = True) -> None:
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if greet:
            self.socket.sendall(wire.hello(wire.Caller.CLIENT, 0, "bench"))
        self.socket.setblocking(not busy)
        self.client, self.request = client, 0
        self._memory = bytearray(8 << 20)
        self._view = memoryview(self._memory)

    def frames(self, orders: Orders, count: int) -> tuple[bytes, int]:
        """The bytes of requests with `count` orders together, and how many requests."""
        parts = []
        for _ in range(0, count, FRAME_ORDERS):
            self.request += 1
            data = orders.take(min(count, FRAME_ORDERS)).tobytes()
            parts.append(wire.submit(self.request, self.client, self.request, data))
        return b"".join(parts), len(parts)

    def round_trip(self, data: bytes, answers: int) -> float:
        """Send, wait for that many answers; seconds. Raises AssertionError for a refusal."""
        view, memory, began = self._view, self._memory, time.perf_counter()
        self.send(data)
        filled = at = 0
        while answers:
            filled += self.receive(view[filled:])
            while filled - at >= 5:
                (length,) = struct.unpack_from("<I", memory, at)
                if filled - at < length + 4:
                    break
                assert memory[at + 4] == wire.Frame.ANSWER, bytes(view[at + 5 : at + 4 + length])
                at += length + 4
                answers -= 1
        return time.perf_counter() - began

    def echo(self, data: bytes) -> float:
        """Send to an echo, wait for the same number of bytes."""
        view, began = self._view, time.perf_counter()
        self.send(data)
        filled = 0
        while filled < len(data):
            filled += self.receive(view[filled:])
        return time.perf_counter() - began

    def send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            with suppress(BlockingIOError):
                rest = rest[self.socket.send(rest) :]

    def receive(self, into: memoryview) -> int:
        while True:
            try:
                count = self.socket.recv_into(into)
            except BlockingIOError:
                continue
            assert count, "the shard closed the connection"
            return count

    def close(self) -> None:
        self.socket.close()


def in_flight(caller: InFlight, orders: Orders, window: int, seconds: float) -> Timing:
    """Keep `window` orders in flight for about that long; the orders are made before the clock runs."""
    times: list[float] = []
    warm = 20
    while sum(times) < seconds:
        rounds = [caller.frames(orders, window) for _ in range(max(2, min(400, 200_000 // window)))]
        times += [caller.round_trip(data, answers) for data, answers in rounds]
    counted = np.array(times[warm:] if len(times) > 2 * warm else times)
    return Timing(window / counted.mean(), counted)


def open_loop(caller: InFlight, orders: Orders, rate: float, seconds: float) -> np.ndarray:
    """Seconds from when each request was due until its answer: what waits behind a slow one counts as waiting (no coordinated omission).

    Requests arrive at fixed times, at most 12,500 a second, each with as many orders as the rate asks for.
    """
    size = max(1, min(FRAME_ORDERS, int(rate / 12_500)))
    count = max(50, int(rate * seconds / size))
    requests = [caller.frames(orders, size)[0] for _ in range(count)]
    caller.socket.setblocking(False)
    due = np.arange(count) * (size / rate)
    times, answered, asked, filled, at = np.zeros(count), 0, 0, 0, 0
    memory, view, began = caller._memory, caller._view, time.perf_counter() + 0.01
    unsent = memoryview(b"")
    while answered < count:
        now = time.perf_counter() - began
        while asked < count and due[asked] <= now and len(unsent) < 1 << 20:
            unsent = memoryview(bytes(unsent) + requests[asked])
            asked += 1
        if unsent:
            with suppress(BlockingIOError):
                unsent = unsent[caller.socket.send(unsent) :]
        try:
            filled += caller.socket.recv_into(view[filled:])
        except BlockingIOError:
            continue
        now = time.perf_counter() - began
        while filled - at >= 5:
            (length,) = struct.unpack_from("<I", memory, at)
            if filled - at < length + 4:
                break
            at += length + 4
            times[answered] = now - due[answered]
            answered += 1
        view[: filled - at] = view[at:filled]
        filled, at = filled - at, 0
    return times


@contextmanager
def solo(directory: Path, journal: str, spin: str) -> Iterator[str]:
    """A shard without peers; gives its address."""
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    (directory / "config.json").write_text(config().to_json())
    command = [sys.executable, "-m", "trading_sim.shard.solo", "--config", str(directory / "config.json")]
    command += [
        "--state",
        str(directory / f"{journal}-{spin}"),
        "--listen",
        address,
        "--journal",
        journal,
        "--spin",
        spin,
    ]
    with running(command, address) as process:
        with suppress(OSError):
            os.sched_setaffinity(process.pid, {0})
        yield address


@contextmanager
def echo(spin: str) -> Iterator[str]:
    """A bare echo in Python; gives its address."""
    (port,) = free_ports(1)
    process = subprocess.Popen([sys.executable, "-c", ECHO, spin, str(port)], stdin=subprocess.DEVNULL)
    with suppress(OSError):
        os.sched_setaffinity(process.pid, {0})
    try:
        eventually(lambda: _listens(port), "the echo")
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)


def _listens(port: int) -> bool:
    tables = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in tables)


@contextmanager
def running(command: list[str], address: str) -> Iterator[subprocess.Popen]:
    """A process that listens at an address, until the end of the block."""
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: _listens(int(address.rpartition(":")[2])), "the process to listen", timeout_s=120.0)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def bare_fdatasync(directory: Path, rounds: int = 400) -> np.ndarray:
    """Seconds of one write of 4 KiB over zeros, and fdatasync."""
    path, times = directory / "bare", []
    path.write_bytes(bytes(4 << 20))
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
        for number in range(rounds):
            began = time.perf_counter()
            os.pwrite(descriptor, bytes(4096), number * 4096)
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - began)
    finally:
        os.close(descriptor)
    return np.array(times)


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """This process on one core, where the machine has another for the shard."""
    before = os.sched_getaffinity(0)
    if len(before) > 1:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def verdict(what: str, found: float, limit: float, at_most: bool) -> str:
    """A line that says whether a target was reached."""
    reached = found <= limit if at_most else found >= limit
    sign = "at most" if at_most else "at least"
    return f"  {what}: {found:,.2f}, target {sign} {limit:,.2f}: {'reached' if reached else 'missed'}"
