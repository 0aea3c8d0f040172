"""Seeded command streams for measuring the matching core: four mixes whose shape is that of measured markets.

The shapes (share of commands, distance from the touch, orders resting, trades per order, concentration on names) follow public
figures of the Shenzhen exchange and of the workloads that open-source engines publish. The same mix and seed give the same bytes on
every machine. Streams come in blocks, so that a day of 83 million messages needs no file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from trading_sim.load import streams_kernel
from trading_sim.matching import hot, layout
from trading_sim.matching.symbols import SymbolTable
from trading_sim.protocol.records import COMMAND, EVENT

ACCOUNTS = 1_000
BLOCK = 65_536


@dataclass(frozen=True)
class Mix:
    """One stream's shape. Shares are parts of all commands; `distance` is the mean distance from the touch in ticks.

    `head`: (names, part of all orders that goes to them) from the busiest name on, or `zipf` the exponent of a Zipf law.
    `live`: resting orders that the flow grows to and then keeps. `reach`: mean size of an order that takes liquidity, in
    lots, while that many orders rest; it grows and shrinks with them, which holds their number. `orders` have 1 to
    `lots` lots, all alike.
    """

    name: str
    symbols: int
    passive: float
    cancel: float
    taking: float
    live: int
    reach: float
    distance: float
    lots: int
    zipf: float = 0.0
    head: tuple[tuple[int, float], ...] = ()
    references: tuple[int, int] = (5_000, 5_000)

    @property
    def replace(self) -> float:
        """Share of REPLACE: what the others leave."""
        return max(0.0, 1.0 - self.passive - self.cancel - self.taking)


MIXES = {
    mix.name: mix
    for mix in (
        Mix("one", 1, 0.50, 0.40, 0.08, 2_000, 11.0, 8.3, 10),
        Mix("zipf100", 100, 0.50, 0.40, 0.08, 47_000, 11.0, 8.3, 10, zipf=0.8, references=(500, 8_000)),
        Mix("wide5000", 5_000, 0.50, 0.40, 0.08, 229_000, 14.0, 8.3, 10, zipf=0.8, references=(500, 8_000)),
        Mix(
            "shenzhen",
            2_290,
            0.52,
            0.20,
            0.28,
            462_000,
            8.0,
            8.3,
            10,
            head=((60, 0.14), (500, 0.44), (2_290, 1.0)),
            references=(500, 8_000),
        ),
    )
}


def weights(mix: Mix) -> np.ndarray:
    """Part of the orders that goes to each symbol, float64, descending, sum 1."""
    rank = np.arange(1, mix.symbols + 1, dtype=float)
    if not mix.head:
        parts = rank**-mix.zipf
        return parts / parts.sum()
    parts = np.empty(mix.symbols)
    first, reached = 0, 0.0
    for names, share in mix.head:
        # Within a group the busiest name gets a little more than the least busy one, so that parts fall with the rank.
        fall = np.linspace(1.3, 0.7, names - first)
        parts[first:names] = fall * (share - reached) / fall.sum()
        first, reached = names, share
    return np.sort(parts)[::-1]


def symbol_rows(mix: Mix, seed: int) -> list[dict[str, Any]]:
    """Rows of the symbol table: bands of ±10 %, every fifth name ±20 %, lots of 100."""
    random = np.random.default_rng((seed, 1))
    low, high = np.log(mix.references)
    references = np.exp(random.uniform(low, high, mix.symbols)).round().astype(int)
    rows = []
    for symbol, reference in enumerate(references.tolist()):
        band = reference // (5 if symbol % 5 == 4 else 10)
        rows.append({"reference": reference, "low": reference - band, "high": reference + band, "lot": 100})
    return rows


class StreamGenerator:
    """Makes the commands of a mix in order.

    It carries a book of its own along, so that passive orders do not cross, takers meet somebody and cancels name orders that
    rest; one cancel in a hundred names an order that is gone. `count` bounds the length of the stream and sizes the arrays.
    Raises ValueError for a length of 0 or less.
    """

    def __init__(self, mix: Mix, seed: int, count: int) -> None:
        if count < 1:
            raise ValueError(f"a stream of {count} commands cannot be made: ask for at least 1")
        self.mix, self.seed, self.count = mix, seed, count
        self.rows = symbol_rows(mix, seed)
        self.table = SymbolTable.from_rows(self.rows)
        self.made = 0
        limit = min(count, 4 * mix.live + 1_000_000) + 1
        self._state = layout.build(self.table, count, limit)
        self._events = np.zeros(limit + hot.SPARE_EVENTS, EVENT)
        self._flow = streams_kernel.Flow(
            numbers=np.zeros(streams_kernel.NUMBERS, np.int64),
            random=np.array([np.random.SeedSequence((seed, 2)).generate_state(1, np.uint64)[0]], np.uint64),
            cumulative=np.cumsum(weights(mix)),
            order=_shuffled(mix, seed),
            fair=self.table.reference.copy(),
            live=np.zeros(limit, np.int32),
            place=np.zeros(count + 1, np.int32),
        )
        self._shape = np.array(
            [mix.passive, mix.cancel, mix.taking, mix.distance, mix.reach, mix.live, mix.lots, ACCOUNTS], np.float64
        )

    def blocks(self, size: int = BLOCK) -> Iterator[np.ndarray]:
        """COMMAND arrays of at most `size` commands; each is a fresh one."""
        while self.made < self.count:
            part = min(size, self.count - self.made)
            commands = np.zeros(part, COMMAND)
            streams_kernel.make(
                self._state, self._flow, self._shape, commands.view(np.int64), self._events.view(np.int64)
            )
            self.made += part
            yield commands

    def all(self) -> np.ndarray:
        """The whole stream at once."""
        return np.concatenate(list(self.blocks()))

    def shape(self) -> dict[str, Any]:
        """What the stream made so far looks like, counted while it was made."""
        number = self._flow.numbers
        orders, trades = int(number[streams_kernel.ORDERS]), int(number[streams_kernel.TRADES])
        made = max(self.made, 1)
        return {
            "mix": self.mix.name,
            "seed": self.seed,
            "commands": self.made,
            "symbols": self.mix.symbols,
            "accounts": ACCOUNTS,
            "orders_share": orders / made,
            "cancel_share": int(number[streams_kernel.CANCELS]) / made,
            "replace_share": int(number[streams_kernel.REPLACES]) / made,
            "dead_cancels": int(number[streams_kernel.DEAD]) / max(int(number[streams_kernel.CANCELS]), 1),
            "live_orders": int(number[streams_kernel.LIVE]),
            "live_orders_mean": int(number[streams_kernel.LIVE_SUM]) / made,
            "trades": trades,
            "trades_per_order": trades / max(orders, 1),
            "top_60": float(weights(self.mix)[:60].sum()),
            "top_500": float(weights(self.mix)[:500].sum()),
        }


def _shuffled(mix: Mix, seed: int) -> np.ndarray:
    """Symbol of each rank: busy names do not lie side by side in the table."""
    return np.random.default_rng((seed, 3)).permutation(mix.symbols).astype(np.int64)
