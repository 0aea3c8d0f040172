"""Judges what single accounts did: spoofing and layering, trades with oneself, oversized orders, ramping at the close. NumPy over cells."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trading_sim.surveillance.findings import Finding
from trading_sim.surveillance.tables import Tables
from trading_sim.surveillance.thresholds import LAYERING, OVERSIZED, RAMPING, SPOOFING, WASH, Steps, Thresholds


def judge_accounts(shard: int, tables: Tables, at: np.ndarray, now_ns: int, limits: Thresholds) -> Iterator[Finding]:
    """Findings of the cells at the places `at`, as things stand at `now_ns`."""
    cells = tables.cells[at]
    age = (now_ns - cells["t"]).astype(float) / 1e9
    yield from _withdrawals(shard, cells, age, now_ns, limits)
    yield from _with_oneself(shard, cells, age, now_ns, limits)
    yield from _oversized(shard, tables, cells, now_ns, limits)
    yield from _ramping(shard, tables, cells, age, now_ns, limits)


def _place(cell: np.void) -> tuple[int, int]:
    """(account, symbol)."""
    key = int(cell["key"])
    return key >> 32, key & 0xFFFFFFFF


def _withdrawals(shard: int, cells: np.ndarray, age: np.ndarray, now_ns: int, limits: Thresholds) -> Iterator[Finding]:
    rule = limits.withdrawals
    fade = 0.5 ** (age / limits.memory.half_cycles_s)
    cycles, pulled = (cells["spoof_d"] + cells["layer_d"]) * fade, cells["pulled_d"] * fade
    part = np.divide(cycles, cycles + pulled, out=np.zeros_like(cycles), where=cycles > 0)
    cycles = cycles * np.minimum(part / rule.traded_part, 1.0)
    # Orders that only come and go are worth a look, never more.
    score = cycles + np.minimum(rule.untraded * pulled, np.maximum(rule.steps.watch - cycles, 0.0))
    for i in np.flatnonzero(score >= rule.steps.watch).tolist():
        cell = cells[i]
        account, symbol = _place(cell)
        pattern = LAYERING if cell["layer_d"] > cell["spoof_d"] else SPOOFING
        step = rule.steps.of(float(score[i]))
        figures = {"cycles": max(1, round(float(cycles[i]))), "withdrawn": round(float(cell["cancels_d"]), 1)}
        yield Finding(pattern, shard, symbol, (account,), step, float(score[i]), int(cell["first"]), now_ns, figures)


def _with_oneself(shard: int, cells: np.ndarray, age: np.ndarray, now_ns: int, limits: Thresholds) -> Iterator[Finding]:
    rule = limits.wash
    fade = 0.5 ** (age / limits.memory.half_trades_s)
    trades = cells["selfs_d"] * fade
    share = np.divide(cells["self_d"], cells["traded_d"], out=np.zeros(len(cells)), where=cells["traded_d"] > 0)
    score = np.where(trades >= rule.trades, trades * share, 0.0)
    for i in np.flatnonzero(score >= rule.steps.watch).tolist():
        account, symbol = _place(cells[i])
        figures = {"trades": round(float(trades[i])), "share": round(100 * float(share[i]))}
        step = rule.steps.of(float(score[i]))
        yield Finding(WASH, shard, symbol, (account,), step, float(score[i]), int(cells[i]["first"]), now_ns, figures)


def _oversized(shard: int, tables: Tables, cells: np.ndarray, now_ns: int, limits: Thresholds) -> Iterator[Finding]:
    rule = limits.oversized
    fresh = now_ns - cells["over_t"] <= rule.window_s * 1e9
    for i in np.flatnonzero(fresh & (cells["over"] >= rule.steps.watch)).tolist():
        cell = cells[i]
        account, symbol = _place(cell)
        score = float(cell["over"])
        figures = {"ratio": round(score, 1), "huge": round(float(tables.symbols[symbol]["huge"]))}
        step, first = rule.steps.of(score), int(cell["over_t"])
        yield Finding(OVERSIZED, shard, symbol, (account,), step, score, first, now_ns, figures)


def _ramping(
    shard: int, tables: Tables, cells: np.ndarray, age: np.ndarray, now_ns: int, limits: Thresholds
) -> Iterator[Finding]:
    rule = limits.ramping
    symbols = (cells["key"] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    rows = tables.symbols[symbols]
    fade = (0.5 ** (age / limits.memory.half_impact_s))[:, None]
    ages = (now_ns - rows["t"]).astype(float) / 1e9
    whole_fade = (0.5 ** (np.maximum(ages, 0.0) / limits.memory.half_impact_s))[:, None]
    impact, taken = cells["impact_d"] * fade, cells["aggressive_d"] * fade
    moved, all_taken = rows["impact_d"] * whole_fade, rows["aggressive_d"] * whole_fade
    share = np.divide(impact, moved, out=np.zeros_like(impact), where=moved > 0)
    taking = np.divide(taken, all_taken, out=np.zeros_like(taken), where=all_taken > 0)
    sided = np.divide(taken, taken.sum(axis=1, keepdims=True), out=np.zeros_like(taken), where=taken > 0)
    far = np.minimum(impact / rule.move, 2.0) * np.minimum(cells["takes_d"] * fade / rule.moves, 1.0)
    enough = (sided >= rule.one_sided) & (taking >= rule.taking)
    score = 10 * far * np.sqrt(share * taking) * enough
    side = score.argmax(axis=1)
    best = score.max(axis=1)
    closing = rows["closing"] > 0
    for i in np.flatnonzero(best >= np.where(closing, rule.steps.watch, rule.early.watch)).tolist():
        steps: Steps = rule.steps if closing[i] else rule.early
        account, symbol = _place(cells[i])
        figures = {
            "move": round(float(impact[i, side[i]]) * 1e3, 1),
            "share": round(100 * float(share[i, side[i]])),
            "side": int(side[i]) + 1,
        }
        first = now_ns - int(limits.memory.half_impact_s * 1e9)
        yield Finding(
            RAMPING, shard, symbol, (account,), steps.of(float(best[i])), float(best[i]), first, now_ns, figures
        )
