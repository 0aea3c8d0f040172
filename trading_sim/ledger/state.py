"""The ledger's arrays.

Money is in fen, prices in ticks of one fen, quantities in shares or contracts; everything is an
integer. An account here is the sub-account that a customer has on one shard, so that a shard can
settle and prove its conservation alone.

Shapes: A accounts, S symbols, N order ids of a trading day (index 0 unused).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

#: What the ledger knows of one order of the day. `held` is cash (BUY) or quantity (SELL) that the
#: order keeps from its owner; `price` is the price that the freeze was computed with, which for a
#: MARKET order is the upper band; `seq` is the NEW command's.
ORDER = np.dtype(
    [
        ("seq", "<i8"),
        ("price", "<i8"),
        ("leaves", "<i8"),
        ("held", "<i8"),
        ("owner", "<i4"),  # account index + 1; 0 means that the id was never used
        ("symbol", "<i4"),
        ("side", "<i4"),
        ("live", "<i4"),  # 1 from the freeze until nothing is left of it
    ]
)

#: The fees of one symbol in millionths of the notional.
FEES = np.dtype([("commission_ppm", "<i8"), ("stamp_ppm", "<i8"), ("same_day", "<i8")])

#: What the market did today in one symbol.
MARKET = np.dtype([("last", "<i8"), ("volume", "<i8"), ("turnover", "<i8"), ("trades", "<i8")])


class LedgerError(ValueError):
    """A balance, an account or an event that the ledger cannot have: says which and what to do."""


@dataclass
class LedgerState:
    """Everything that changes, as flat arrays: hashing them compares replicas, writing them is the snapshot."""

    cash: np.ndarray  # i8[A] free cash
    frozen: np.ndarray  # i8[A] cash held by open BUY orders
    sellable: np.ndarray  # i8[A, S] may be sold now
    held: np.ndarray  # i8[A, S] held by open SELL orders
    today: np.ndarray  # i8[A, S] bought today, sellable after settlement (T+1)
    market: np.ndarray  # MARKET[S]
    orders: np.ndarray  # ORDER[N]
    orders_total: np.ndarray  # i8[A] NEW commands ever seen, whatever became of them
    totals: np.ndarray  # i8[3] fees collected, day number, highest order id of the day

    FEES_COLLECTED = 0
    DAY = 1
    LAST_ORDER = 2

    @classmethod
    def empty(cls, accounts: int, symbols: int, max_order_id: int) -> LedgerState:
        """Zero balances for `accounts` x `symbols`, room for order ids 1 … max_order_id."""

        def balances() -> np.ndarray:
            return np.zeros((accounts, symbols), "<i8")

        return cls(
            cash=np.zeros(accounts, "<i8"),
            frozen=np.zeros(accounts, "<i8"),
            sellable=balances(),
            held=balances(),
            today=balances(),
            market=np.zeros(symbols, MARKET),
            orders=np.zeros(max_order_id + 1, ORDER),
            orders_total=np.zeros(accounts, "<i8"),
            totals=np.zeros(3, "<i8"),
        )

    def used_orders(self) -> np.ndarray:
        """The order records up to the highest id of the day; what lies beyond is untouched zeros."""
        return self.orders[: int(self.totals[self.LAST_ORDER]) + 1]

    def parts(self) -> dict[str, np.ndarray]:
        """Name → array, orders cut to those in use; the order is part of the hash and the snapshot."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        parts["orders"] = self.used_orders()
        return parts

    def digest(self) -> bytes:
        """16 bytes over all arrays; equal exactly when the states are equal."""
        digest = hashlib.blake2b(digest_size=16)
        for array in self.parts().values():
            digest.update(memoryview(np.ascontiguousarray(array)).cast("B"))
        return digest.digest()


def account_index(accounts: Sequence[int]) -> np.ndarray:
    """i4[max id + 1]: account id → row, -1 for ids that do not exist.

    Raises LedgerError for an id twice, or beyond 1,048,575 (the table is an array, not a dictionary).
    """
    ids = np.asarray(accounts, dtype=np.int64)
    if ids.size == 0:
        raise LedgerError("no accounts: give at least one")
    if ids.min() < 1 or ids.max() >= 1 << 20:
        raise LedgerError(f"account ids must be 1 … 1048575, found {ids.min()} … {ids.max()}: renumber them")
    if np.unique(ids).size != ids.size:
        raise LedgerError("an account id occurs twice: every account needs an id of its own")
    index = np.full(int(ids.max()) + 1, -1, dtype="<i4")
    index[ids] = np.arange(ids.size, dtype="<i4")
    return index
