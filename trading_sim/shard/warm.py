"""`python -m trading_sim.shard.warm`: compile the hot loops into the cache before orders wait for them.

One small shard lives through a day with every kind of command, with a snapshot before and a settlement at the end.
"""

from __future__ import annotations

import numpy as np

from trading_sim.matching.records import COMMAND, Kind, OrderType, Phase, Side, Tif
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.express import Express
from trading_sim.shard.machine import ALL_SYMBOLS, OPERATOR, SETTLE, ShardMachine

PRICES = {"reference": 1000, "low": 900, "high": 1100, "lot": 100}
SYMBOL = PRICES | {"band_ppm": 100_000, "commission_ppm": 250, "stamp_ppm": 500}
ACCOUNTS = [
    {"account": 1, "cash": 10_000_000, "positions": {}},
    {"account": 2, "cash": 10_000_000, "positions": {"0": 10_000}},
]


def order(
    kind: Kind, order_id: int, account: int, side: Side, price: int, quantity: int, **fields: int
) -> dict[str, int]:
    """One order command; limit and good for the day unless `fields` say otherwise."""
    given = {"kind": kind, "order_id": order_id, "account": account, "side": side, "price": price, "qty": quantity}
    return {**given, "type": OrderType.LIMIT, "tif": Tif.DAY, **fields}


def phase(number: int) -> dict[str, int]:
    """The operator moves all symbols into a phase."""
    return {"kind": Kind.PHASE, "symbol": ALL_SYMBOLS, "account": OPERATOR, "price": number}


def trading_day() -> list[dict[str, int]]:
    """Commands of a whole day: auction, continuous trading, close, settlement."""
    return [
        phase(Phase.AUCTION),
        order(Kind.NEW, 1, 1, Side.BUY, 1010, 200),
        order(Kind.NEW, 2, 2, Side.SELL, 990, 100),
        phase(Phase.CONTINUOUS),
        order(Kind.NEW, 3, 2, Side.SELL, 1020, 300),
        order(Kind.REPLACE, 3, 2, Side.SELL, 1015, 200),
        order(Kind.NEW, 4, 1, Side.BUY, 0, 100, type=OrderType.MARKET, tif=Tif.IOC),
        order(Kind.NEW, 5, 1, Side.BUY, 950, 100),
        order(Kind.CANCEL, 5, 1, Side.BUY, 0, 0),
        phase(Phase.CLOSED),
        phase(SETTLE),
    ]


def commands(rows: list[dict[str, int]]) -> np.ndarray:
    """COMMAND records of the rows, numbered as a leader would."""
    batch = np.zeros(len(rows), dtype=COMMAND)
    for position, row in enumerate(rows):
        batch["seq"][position] = position + 1
        for name, value in row.items():
            batch[name][position] = value
    return batch


def warm() -> int:
    """Run the day in one machine, and again, command by command on the express path, in one restored from its snapshot.

    Returns the state hash. Raises RuntimeError when both do not end in the same state, which only a miscompiled core can cause.
    """
    config = ShardConfig(shard=0, symbols=[SYMBOL], accounts=ACCOUNTS, max_order_id=1000, max_live=1000)
    first = ShardMachine(config)
    second = ShardMachine.restore(config, first.snapshot())
    batch = commands(trading_day())
    first.apply(batch, 1)
    express = Express(second)
    for position in range(len(batch)):
        express.execute(batch[position : position + 1].tobytes(), 1, 1, position + 1)
    if first.state_hash() != second.state_hash():
        raise RuntimeError(
            f"The compiled core is not deterministic: {first.state_hash():x} and {second.state_hash():x}."
        )
    return first.state_hash()


if __name__ == "__main__":
    warm()
