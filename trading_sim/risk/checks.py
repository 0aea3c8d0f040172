"""Pre-trade checks of one shard, on real balances: status, order rate, size, collar, cash, sellable position.

A pure function of (limits, account status, ledger, commands, now_ns): replicas that apply the same batches
with the same `now_ns` refuse the same orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trading_sim.ledger.book import Ledger
from trading_sim.risk import kernel
from trading_sim.risk.reasons import RISK_REJECT, AccountStatus, RiskReason

#: reason of a void command in the result of `RiskBook.check`
SKIP = kernel.SKIP

__all__ = ["SKIP", "RISK_REJECT", "AccountStatus", "RiskBook", "RiskLimits", "RiskReason"]


@dataclass(frozen=True)
class RiskLimits:
    """Limits of every account of a shard.

    max_quantity: shares of one order; max_notional: fen of one order (a MARKET order counts at the upper band);
    collar_ppm: how far beyond the last price a LIMIT may go in continuous trading, in millionths;
    rate_max orders per account in each window of rate_window_ns (windows start at multiples of it).
    """

    max_quantity: int = 1_000_000
    max_notional: int = 500_000_000_00
    collar_ppm: int = 50_000
    rate_max: int = 200
    rate_window_ns: int = 1_000_000_000

    def __post_init__(self) -> None:
        for name in ("max_quantity", "max_notional", "rate_max", "rate_window_ns"):
            if getattr(self, name) < 1:
                raise ValueError(f"risk limit {name} is {getattr(self, name)}: it must be at least 1")
        if self.collar_ppm < 0 or self.max_quantity > 1_000_000_000:
            raise ValueError("risk limits: collar_ppm must not be negative and max_quantity at most 1,000,000,000")

    def as_array(self) -> np.ndarray:
        """i8[4] in the column order of the kernel."""
        return np.array([self.max_quantity, self.max_notional, self.collar_ppm, self.rate_max], dtype="<i8")


class RiskBook:
    """Account status and order counts, and the checks that read the ledger."""

    def __init__(self, limits: RiskLimits, accounts: Sequence[Mapping]) -> None:
        self.limits = limits
        self._limits = limits.as_array()
        self.status = np.array([AccountStatus(row.get("status", 0)) for row in accounts], dtype="u1")
        self.counts = np.zeros(len(accounts), dtype="<i8")
        self.window = 0  # number of the window that `counts` belongs to

    def start_window(self, now_ns: int) -> None:
        """Forget the counts when `now_ns` lies in a later window. The caller never lets time step back."""
        window = now_ns // self.limits.rate_window_ns
        if window != self.window:
            self.window = window
            self.counts[:] = 0

    def check(
        self, commands: np.ndarray, numbers: np.ndarray, ledger: Ledger, bands: np.ndarray, phases: np.ndarray
    ) -> np.ndarray:
        """Check COMMAND records in order and freeze what the passing ones may cost.

        numbers: i8[n] order ids of the day (<= 0 for orders of an earlier day); bands: i8[S, 2] low, high in
        ticks (0: none); phases: u1[S]. Returns u1[k], RiskReason or SKIP per checked command; k < n when command k
        is a REPLACE, which has to wait until the commands before it were matched and posted.
        """
        state = ledger.state
        reasons = np.zeros(len(commands), dtype="u1")
        checked = kernel.check(
            commands,
            numbers,
            reasons,
            ledger.index,
            self.status,
            self.counts,
            self._limits,
            bands,
            phases,
            state.market["last"],
            ledger.fees,
            state.orders,
            state.totals,
            state.orders_total,
            state.cash,
            state.frozen,
            state.sellable,
            state.held,
        )
        return reasons[:checked]


def reject_records(commands: np.ndarray, reasons: np.ndarray) -> np.ndarray:
    """RISK_REJECT records of the refused commands, in order; passed and void ones leave none."""
    refused = (reasons != RiskReason.NONE) & (reasons != SKIP)
    rejects = np.zeros(int(refused.sum()), dtype=RISK_REJECT)
    for name in ("seq", "order_id", "symbol", "account"):
        rejects[name] = commands[name][refused]
    rejects["reason"] = reasons[refused]
    return rejects
