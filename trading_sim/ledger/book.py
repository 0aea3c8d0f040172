"""The ledger of one shard: balances of every account, changed only by the events of the matching core.

Every event has two sides, so the sum of all cash (free, frozen, fees) and the sum of each symbol's positions (sellable, held,
bought today) never change; `conservation()` proves it against the sums at the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trading_sim.ledger import kernel
from trading_sim.ledger.state import FEES, LedgerError, LedgerState, account_index


@dataclass(frozen=True)
class Conservation:
    """Sums in fen and in shares; `ok` when they equal the sums at the start and nothing is negative."""

    cash_total: int
    cash_expected: int
    fees: int
    position_totals: tuple[int, ...]
    position_expected: tuple[int, ...]
    negative: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems()

    def problems(self) -> list[str]:
        """One sentence for every sum that is wrong; empty when all is conserved."""
        found = [f"negative {name}" for name in self.negative]
        if self.cash_total != self.cash_expected:
            found.append(
                f"cash is {self.cash_total} fen and must be {self.cash_expected} ({self.cash_total - self.cash_expected:+d})"
            )
        pairs = zip(self.position_totals, self.position_expected, strict=True)
        found += [
            f"positions of symbol {symbol} are {total} and must be {expected} ({total - expected:+d})"
            for symbol, (total, expected) in enumerate(pairs)
            if total != expected
        ]
        return found


class Ledger:
    """Balances of a shard's accounts.

    accounts: rows {"account": id, "cash": fen, "positions": {symbol index: quantity}};
    symbols: rows with optional "commission_ppm", "stamp_ppm" (sellers only), "same_day" (bought today may be sold today).
    Raises LedgerError for a row that cannot be.
    """

    def __init__(self, accounts: Sequence[Mapping], symbols: Sequence[Mapping], max_order_id: int) -> None:
        self.account_ids = np.array([row["account"] for row in accounts], dtype="<i8")
        self.index = account_index(self.account_ids)
        self.fees = np.array(
            [
                (row.get("commission_ppm", 0), row.get("stamp_ppm", 0), int(row.get("same_day", False)))
                for row in symbols
            ],
            dtype=FEES,
        )
        self.state = LedgerState.empty(len(accounts), len(symbols), max_order_id)
        for row, account in enumerate(accounts):
            self._open(row, account, len(symbols))
        self._cash_expected = int(self.state.cash.sum())
        self._positions_expected = self.state.sellable.sum(axis=0)

    def _open(self, row: int, account: Mapping, symbols: int) -> None:
        if account["cash"] < 0:
            raise LedgerError(
                f"account {account['account']} starts with {account['cash']} fen: cash must not be negative"
            )
        self.state.cash[row] = account["cash"]
        for key, quantity in account.get("positions", {}).items():
            symbol = int(key)
            if not 0 <= symbol < symbols or quantity < 0:
                raise LedgerError(
                    f"account {account['account']} starts with {quantity} of symbol {symbol}: "
                    f"symbols are 0 … {symbols - 1} and quantities not negative"
                )
            self.state.sellable[row, symbol] = quantity

    def post(self, events: np.ndarray) -> None:
        """Apply EVENT records (order ids of the day). Raises LedgerError at the first that no open order explains."""
        state = self.state
        failed = kernel.post(
            events,
            self.fees,
            state.cash,
            state.frozen,
            state.sellable,
            state.held,
            state.today,
            state.market,
            state.orders,
            state.totals,
        )
        if failed != kernel.POSTED:
            event = events[failed - 1]
            raise LedgerError(
                f"event {failed - 1} of the batch (seq {event['seq']}, kind {event['kind']}, order {event['order_id']}, maker "
                f"{event['maker_id']}, quantity {event['qty']}) fits no open order: core and ledger disagree, stop this replica"
            )

    def live_orders(self) -> np.ndarray:
        """Ids of the orders that hold something, ascending."""
        return np.flatnonzero(self.state.used_orders()["live"])

    def settle_day(self) -> None:
        """Bought today → sellable, day number + 1, order ids start again.

        Raises LedgerError while orders are live: they have to be expired first.
        """
        live = self.live_orders()
        if live.size:
            raise LedgerError(f"{live.size} orders are still live (first: {live[0]}): expire them before settlement")
        state = self.state
        state.sellable += state.today
        state.today[:] = 0
        state.used_orders()[:] = np.zeros((), state.orders.dtype)
        state.totals[state.LAST_ORDER] = 0
        state.totals[state.DAY] += 1
        for name in ("volume", "turnover", "trades"):
            state.market[name] = 0

    def conservation(self) -> Conservation:
        """Compare the sums with those of the start."""
        state = self.state
        fees = int(state.totals[state.FEES_COLLECTED])
        positions = (state.sellable + state.held + state.today).sum(axis=0)
        names = ("cash", "frozen", "sellable", "held", "today")
        return Conservation(
            cash_total=int(state.cash.sum() + state.frozen.sum()) + fees,
            cash_expected=self._cash_expected,
            fees=fees,
            position_totals=tuple(positions.tolist()),
            position_expected=tuple(self._positions_expected.tolist()),
            negative=tuple(name for name in names if (getattr(state, name) < 0).any()),
        )
