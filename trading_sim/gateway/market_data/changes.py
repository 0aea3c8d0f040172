"""From one state of an instrument to the next: which rows tell the difference, and how rows are applied. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from trading_sim.gateway.market_data.wire import LEVELS, NO_LEVEL, Level, Quote, Update, WireError

BID, ASK = 1, 2


def quote_of(told: Mapping[str, Any]) -> Quote:
    """The quote in a shard's answer about a symbol (`ShardMachine.query_symbol`)."""
    return Quote(
        told["code"], told["phase"], told["last"], told["volume"], told["turnover"], told["trades"],
        [_level(row) for row in told["bids"][:LEVELS]], [_level(row) for row in told["asks"][:LEVELS]],
    )  # fmt: skip


def _level(row: Iterable[int]) -> Level:
    price, qty, orders = row
    return price, qty, orders


def rows_between(symbol: int, old: Quote, new: Quote) -> tuple[list[tuple], list[tuple]]:
    """(stats, levels) rows that turn `old` into `new`."""
    stats = [] if old.figures() == new.figures() else [(symbol, *new.figures())]
    levels = []
    for side, before, after in ((BID, old.bids, new.bids), (ASK, old.asks, new.asks)):
        for position in range(max(len(before), len(after))):
            was = before[position] if position < len(before) else NO_LEVEL
            now = after[position] if position < len(after) else NO_LEVEL
            if was != now:
                levels.append((symbol, side, position, *now))
    return stats, levels


def apply_update(quotes: MutableMapping[int, Quote], change: Update) -> None:
    """Turn the state before an update into the state after it. Raises WireError for rows that fit no state."""
    for symbol, *figures in change.stats:
        quote = _known(quotes, symbol)
        quote.phase, quote.last, quote.volume, quote.turnover, quote.trades = figures
    touched: dict[tuple[int, int], list[Level]] = {}
    for symbol, side, position, *level in change.levels:
        quote = _known(quotes, symbol)
        if side not in (BID, ASK) or position >= LEVELS:
            raise WireError(f"update {change.seq} names side {side}, position {position}")
        rows = touched.get((symbol, side))
        if rows is None:
            held = quote.bids if side == BID else quote.asks
            rows = touched[symbol, side] = [*held, *[NO_LEVEL] * (LEVELS - len(held))]
        rows[position] = tuple(level)
    for (symbol, side), rows in touched.items():
        kept = [level for level in rows if level[1]]
        if side == BID:
            quotes[symbol].bids = kept
        else:
            quotes[symbol].asks = kept


def _known(quotes: Mapping[int, Quote], symbol: int) -> Quote:
    try:
        return quotes[symbol]
    except KeyError:
        raise WireError(f"an update names symbol {symbol}, which the snapshot does not have") from None
