"""The matching core on four mixes: commands per CPU second on one core with every event written, and single latencies."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.bench.matching_bench import (
    MILLION,
    ROUNDS,
    against,
    capacity,
    machine,
    median_rate,
    new_core,
    percentiles,
    rate,
    stream,
    with_desk,
)
from trading_sim.load.streams import MIXES
from trading_sim.load.to_file import as_text
from trading_sim.matching.twin import TwinCore

pytestmark = pytest.mark.bench
BARE_TARGETS = {"one": 40, "zipf100": 22, "wide5000": 8, "shenzhen": 7}
RISK_TARGETS = {"one": 28, "zipf100": 15, "wide5000": 5.5, "shenzhen": 4.5}
TWIN_COMMANDS = 20_000
ROOT = Path(__file__).parents[2]


VARIANTS = {"bare": (new_core, BARE_TARGETS), "with risk": (with_desk, RISK_TARGETS)}
"""With risk: checks, freezing, settlement, fees, T+1 positions and surveillance counters in the loop, parties written."""


@pytest.mark.parametrize("name", MIXES)
def test_mix(name: str) -> None:
    made = stream(name)
    print(f"\n{machine()}\n{as_text(made.shape)}", end="")
    written = set()
    for variant, (make, targets) in VARIANTS.items():
        runs = [rate(make(made), made.commands) for _ in range(ROUNDS)]
        found = statistics.median(run[0] for run in runs) / MILLION
        p50, p99, p999 = percentiles(make(made), made.commands)
        print(f"  {variant:10}{found:6.1f} M commands/s (target {against(found, targets[name])}),", end=" ")
        print(f"p50 {p50:.0f} ns, p99 {p99:.0f} ns, p99.9 {p999:.0f} ns, {runs[0][1]:,} events")
        written |= {events for _, events in runs}
    assert len(written) == 1, "risk refuses nothing that the core accepts: the same events with it and without"


def test_batch_sizes() -> None:
    made = stream("one")
    print(f"\n{machine()}\n{'batch':>8}{'M commands/s':>14}")
    rates = {}
    for batch in (1, 8, 64, 512, 4_096):
        commands = made.commands[: 200_000 if batch == 1 else len(made.commands)]
        rates[batch] = median_rate(lambda: new_core(made), commands, batch)
        print(f"{batch:8}{rates[batch] / MILLION:14.2f}")
    assert rates[4_096] > rates[1], "a batch shares the cost of a call"


def test_specification() -> None:
    """How much the compiled core gains over the plain-Python specification."""
    made = stream("one")
    commands = made.commands[:TWIN_COMMANDS]
    twin = TwinCore(made.table, TWIN_COMMANDS, capacity(made))
    began = time.thread_time()
    expected = twin.step(commands)
    slow = TWIN_COMMANDS / (time.thread_time() - began)
    fast = median_rate(lambda: new_core(made), commands)
    print(f"\nspecification {slow:,.0f} commands/s, compiled core {fast:,.0f} ({fast / slow:.0f} times)")
    assert np.array_equal(new_core(made).step(commands), expected)
    assert fast > slow


START = (
    "import numpy as np\n"
    "from trading_sim.matching.core import Core\n"
    "from trading_sim.matching.symbols import SymbolTable\n"
    "from trading_sim.protocol.records import COMMAND\n"
    "core = Core(SymbolTable.from_rows([{'reference': 100, 'low': 90, 'high': 110, 'lot': 1}] * 100))\n"
    "core.step(np.zeros(1, COMMAND))\n"
)


def test_second_start() -> None:
    """From nothing to the first answer in a process of its own, the interpreter and its imports included."""
    times = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", START], cwd=ROOT, check=False, timeout=120)
        assert done.returncode == 0
        times.append(time.perf_counter() - began)
    found = statistics.median(times[1:])
    print(
        f"\n{machine()}\nstart from the compiled cache: {found:.2f} s (target 2 s {'reached' if found < 2 else 'missed'})"
    )
