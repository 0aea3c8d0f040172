"""What the benches of the matching core share: streams on disk, timed runs, the machine's name."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from trading_sim.load.streams import ACCOUNTS, MIXES, StreamGenerator
from trading_sim.matching.core import Core
from trading_sim.matching.symbols import SymbolTable
from trading_sim.risk.desk import Desk, empty

COMMANDS, SEED, ROUNDS = 3_000_000, 23, 5
MILLION = 1_000_000
MANY = 10**9


@dataclass(frozen=True)
class Stream:
    """A mix with its commands in memory and what it looks like."""

    name: str
    table: SymbolTable
    commands: np.ndarray
    shape: dict


@cache
def stream(name: str, count: int = COMMANDS) -> Stream:
    """The seeded stream of a mix; kept for the other benches of the same run."""
    generator = StreamGenerator(MIXES[name], SEED, count)
    commands = generator.all()
    return Stream(name, generator.table, commands, generator.shape())


def machine() -> str:
    """Processor, cores and load of this machine, for the line above a table."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    fields = dict(line.split(":", 1) for line in info.split("\n\n")[0].splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    model = fields.get("model name", platform.processor() or "processor of unknown make")
    family = f" (family {fields['cpu family']}, model {fields['model']})" if "cpu family" in fields else ""
    load = os.getloadavg()[0]
    return f"{model}{family}, {os.cpu_count()} cores, load average {load:.2f}"


def new_core(made: Stream) -> Core:
    """A core that holds the whole stream."""
    return Core(made.table, max_order_id=len(made.commands) + 1, max_live=capacity(made))


def capacity(made: Stream) -> int:
    """Live orders to make room for."""
    return 2 * made.shape["live_orders"] + 10_000


def rate(core: Core, commands: np.ndarray, batch: int = 65_536) -> tuple[float, int]:
    """Commands per CPU second of this thread, and the events written."""
    events = 0
    began = time.thread_time_ns()
    for first in range(0, len(commands), batch):
        for piece in core.run(commands[first : first + batch]):
            events += len(piece)
    return len(commands) / ((time.thread_time_ns() - began) / 1e9), events


def median_rate(make: Callable[[], Core], commands: np.ndarray, batch: int = 65_536) -> float:
    """Median of ROUNDS runs, each on a fresh core."""
    return statistics.median(rate(make(), commands, batch)[0] for _ in range(ROUNDS))


def percentiles(core: Core, commands: np.ndarray) -> list[float]:
    """p50, p99 and p99.9 of single commands in ns, reading the cycle counter included."""
    durations = np.zeros(len(commands), np.int64)
    ns = core.run_timed(commands, durations)
    return [float(value) * ns for value in np.quantile(durations, (0.5, 0.99, 0.999), method="inverted_cdf")]


def against(found: float, target: float) -> str:
    """The target beside a figure, and whether it was reached."""
    return f"{target:g} {'reached' if found >= target else 'missed'}"


def new_desk(made: Stream) -> Desk:
    """A desk on which the stream's accounts can pay for everything, so that every check is made and every command passes."""
    accounts, symbols = ACCOUNTS, len(made.table)
    row_of = np.full(accounts + 1, -1, np.int32)
    row_of[1:] = np.arange(accounts)
    desk = empty(accounts, symbols, row_of)
    desk.control["max_order_id"] = len(made.commands) + 1
    desk.control["rate_max"] = MANY
    desk.accounts["cash"] = 10**15
    desk.positions["sellable"] = MANY
    for name, value in (("max_notional", 10**15), ("max_quantity", MANY), ("max_position", 2 * MANY)):
        desk.symbols[name] = value
    desk.symbols["last"], desk.symbols["high"] = made.table.reference, made.table.high
    desk.symbols["commission_ppm"], desk.symbols["stamp_ppm"] = 250, 500
    desk.symbols["collar_ppm"], desk.symbols["multiplier"] = MILLION, 1
    return desk


def with_desk(made: Stream) -> Core:
    """A core with risk, balances and surveillance counters in the loop."""
    return Core(made.table, len(made.commands) + 1, capacity(made), new_desk(made))
