"""The core beside two engines from PyPI on the same prefix of the one-symbol stream, in the same run."""

from __future__ import annotations

import statistics

import numpy as np
import pytest

from tests.bench.matching_bench import ROUNDS, against, machine, median_rate, new_core, stream, with_desk
from tests.bench.matching_peers import Fill, run_cython, run_light
from trading_sim.matching.records import EventKind

pytestmark = pytest.mark.bench
PREFIX = 200_000
TARGET = 100
PEERS = {"lightmatchingengine 2019.1.4": run_light, "cython-orderbook 0.1.2": run_cython}


def fills_of(events: np.ndarray) -> list[Fill]:
    """Trades as (taker, maker, price, quantity)."""
    return events[events["kind"] == EventKind.TRADE][["order_id", "maker_id", "price", "qty"]].tolist()


def test_peers() -> None:
    made = stream("one")
    prefix = made.commands[:PREFIX]
    ours = fills_of(new_core(made).step(prefix))
    print(f"\n{machine()}\n{PREFIX:,} commands of one symbol, median of {ROUNDS}")
    print(f"{'engine':34}{'commands/s':>14}{'× best peer':>13}   trades")
    best = 0.0
    for name, drive in PEERS.items():
        runs = [drive(prefix) for _ in range(ROUNDS)]
        found = statistics.median(run.rate for run in runs)
        best = max(best, found)
        same = "the same fills" if runs[0].fills == ours else difference(runs[0].fills, ours)
        print(f"{name:34}{found:14,.0f}{'':13}   {len(runs[0].fills):,}, {same}")
    bare = median_rate(lambda: new_core(made), prefix)
    risk = median_rate(lambda: with_desk(made), prefix)
    print(f"{'this core, bare':34}{bare:14,.0f}{bare / best:13.0f}   {len(ours):,}")
    print(f"{'this core, with risk':34}{risk:14,.0f}{risk / best:13.0f}   (target {against(risk / best, TARGET)})")
    assert fills_of(with_desk(made).step(prefix)) == ours
    assert bare / best >= TARGET


def difference(theirs: list[Fill], ours: list[Fill]) -> str:
    """Where the peer's fills part from ours."""
    for place, (their, our) in enumerate(zip(theirs, ours, strict=False)):
        if their != our:
            return f"differs from fill {place + 1:,} on: {their} there, {our} here"
    return f"{len(theirs):,} there, {len(ours):,} here"
