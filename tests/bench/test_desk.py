"""What the desk costs: nanoseconds a command in the loop, and the time of a query, a state hash, a snapshot, a settlement."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest

from tests.bench.matching_bench import ROUNDS, machine, new_core, rate, stream, with_desk
from trading_sim.ledger.reconcile import Books
from trading_sim.load.streams import ACCOUNTS, MIXES
from trading_sim.protocol.operator import mark_command, phase_command
from trading_sim.risk.limits import RiskLimits
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.machine import ALL_SYMBOLS, SETTLE, ShardMachine

pytestmark = pytest.mark.bench
MOST_NS = 1_000
"""The desk may add this much to a command."""
LEAST_SHARE = 0.45
"""Least part of the bare rate that is left with the desk."""
COMMANDS = 1_000_000


@pytest.mark.parametrize("name", MIXES)
def test_desk_in_the_loop(name: str) -> None:
    made = stream(name)
    bare, full = [], []
    for _ in range(ROUNDS):
        bare.append(rate(new_core(made), made.commands)[0])
        full.append(rate(with_desk(made), made.commands)[0])
    without, with_it = statistics.median(bare), statistics.median(full)
    added = 1e9 / with_it - 1e9 / without
    print(f"\n{machine()}\n{'mix':12}{'bare ns':>9}{'with desk':>11}{'desk adds':>11}{'share left':>12}")
    print(f"{name:12}{1e9 / without:9.1f}{1e9 / with_it:11.1f}{added:11.1f}{with_it / without:12.2f}")
    assert added < MOST_NS
    assert with_it / without > LEAST_SHARE


def loaded() -> tuple[ShardMachine, float]:
    """A shard of 100 symbols with tens of thousands of resting orders, and the commands a CPU second it took."""
    made = stream("zipf100", COMMANDS)
    rows = [
        {name: int(getattr(made.table, name)[symbol]) for name in ("reference", "low", "high", "lot")}
        for symbol in range(len(made.table))
    ]
    positions = {str(symbol): 10**6 for symbol in range(len(rows))}
    accounts = [
        {"account": account, "cash": 10**13, "positions": positions, "credit_line": 10**9 * (account % 10 == 0)}
        for account in range(1, ACCOUNTS + 1)
    ]
    symbols = [{**row, "commission_ppm": 250, "stamp_ppm": 500} for row in rows]
    limits = RiskLimits(rate_max=10**9, collar_ppm=1_000_000)
    config = ShardConfig(0, symbols, accounts, limits, max_order_id=COMMANDS + 1)
    shard = ShardMachine(config)
    began = time.thread_time()
    for first in range(0, COMMANDS, 2_048):
        shard.apply(made.commands[first : first + 2_048], 10**9)
    return shard, COMMANDS / (time.thread_time() - began)


def timed(what: Callable[[], object], times: int) -> float:
    """Microseconds of CPU a call."""
    what()
    began = time.thread_time()
    for _ in range(times):
        what()
    return (time.thread_time() - began) / times * 1e6


def test_questions_to_a_loaded_shard() -> None:
    shard, found = loaded()
    live, ids = shard.core.live_orders(), iter(np.random.default_rng(3).integers(1, ACCOUNTS + 1, 10_000).tolist())
    print(
        f"\n{machine()}\n{found / 1e6:.1f} M commands/s through the machine in batches of 2,048, {live:,} orders rest"
    )
    rows = {
        "query of an account": timed(lambda: shard.query_account(next(ids)), 200),
        "query of a symbol": timed(lambda: shard.query_symbol(7), 200),
        "state hash": timed(shard.state_hash, 20),
        "mark of 100 margin accounts": timed(lambda: shard.apply(mark_command(), 1), 50),
        "conservation": timed(shard.conservation, 20),
        "snapshot": timed(shard.snapshot, 3),
    }
    began = time.thread_time()
    for phase in (4, SETTLE):
        shard.apply(phase_command(ALL_SYMBOLS, phase), 1)
    rows["close and settlement"] = (time.thread_time() - began) * 1e6
    for name, cost in rows.items():
        print(f"{name:32}{cost:12,.0f} µs")
    assert shard.conservation().problems() == []


def test_reconciliation() -> None:
    made = stream("zipf100", COMMANDS)
    shard, _ = loaded()
    config = shard.config
    again, books = ShardMachine(config), Books(config.accounts, config.symbols)
    spent = 0.0
    for first in range(0, COMMANDS, 65_536):
        commands = made.commands[first : first + 65_536]
        result = again.apply(commands, 10**9)
        began = time.thread_time()
        books.add(commands, result.events, result.parties)
        spent += time.thread_time() - began
    began = time.thread_time()
    found = books.differences(again.desk)
    print(
        f"\n{machine()}\n{COMMANDS / spent / 1e6:.2f} M commands/s rebuilt, compared in {(time.thread_time() - began) * 1e3:.1f} ms"
    )
    assert found == []
