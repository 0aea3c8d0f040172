"""The state machine that a shard replicates: pre-trade checks, then the matching core, then the ledger.

Pure: no clock, no I/O. Time comes as `now_ns` with each batch, stamped by the leader. The same batches give the same events, rejects
and state hash on every replica.

Order ids rise for the whole life of the shard. The machine keeps the last id of the former day and gives the core ids 1, 2, 3 … of
the trading day; events carry the shard's ids again.

End of day. PHASE 4 (CLOSED) only closes, because symbols also close between the opening auction and 09:30, at lunch, and one by
one when halted. The day ends by a command of the shard's own, PHASE with price 5 (SETTLE) and symbol ALL, from the operator,
accepted only when all symbols are CLOSED. It goes through the journal like every command, so all replicas settle at
the same place: every open order is CANCELLED with reason EXPIRED in ascending order id and its freeze released, shares bought today become
sellable, bands follow the closing prices, the day number rises, and a fresh core starts with every symbol CLOSED. One PHASE event with
price 5 and qty = number of the new day ends the list.

Within a batch the checks run ahead of matching: proceeds of a sale are there for the next batch. A REPLACE is the exception, it
is checked after everything before it was matched and posted, since the quantity that is still open decides what it freezes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from trading_sim.ledger.book import Conservation, Ledger
from trading_sim.matching.records import EVENT, EventKind, Kind, Phase, Side
from trading_sim.matching.symbols import SymbolTable
from trading_sim.risk.checks import RISK_REJECT, RiskBook, RiskReason, reject_records
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.snapshot import read_snapshot, write_snapshot
from trading_sim.shard.trading_day import closing_rows, expiry_events

__all__ = ["ALL_SYMBOLS", "EXPIRED", "OPERATOR", "SETTLE", "ApplyResult", "ShardConfig", "ShardMachine"]

#: Phase number of the settlement command; 1 … 4 belong to the matching core.
SETTLE = 5
#: The account that may send PHASE.
OPERATOR = 0
ALL_SYMBOLS = 0xFFFFFFFF
#: Event reason of an order that the end of the day removed.
EXPIRED = 17

MAX_LISTED_ORDERS = 200


def core_class(engine: str) -> type:
    """The matching core by name; only the one in use is imported, because the compiled one takes a moment to load."""
    if engine == "twin":
        from trading_sim.matching.twin import TwinCore

        return TwinCore
    from trading_sim.matching.core import Core

    return Core


@dataclass(frozen=True)
class ApplyResult:
    """events: EVENT records; rejects: RISK_REJECT records; both in command order."""

    events: np.ndarray
    rejects: np.ndarray


class ShardMachine:
    """Deterministic state of one shard."""

    def __init__(self, config: ShardConfig) -> None:
        self.config = config
        self.ledger = Ledger(config.accounts, config.symbols, config.max_order_id)
        self.risk = RiskBook(config.limits, config.accounts)
        self.day_base = 0  # highest order id of the days before
        self.last_order_id = 0
        self.last_seq = 0
        self.now_ns = 0
        self.rows = [dict(row) for row in config.symbols]
        self._open_core(self.rows)
        self.phases = np.full(len(self.rows), Phase.CONTINUOUS, dtype="u1")
        self.ledger.state.market["last"] = self.table.reference

    def _open_core(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.table = SymbolTable.from_rows(rows)
        self.bands = np.stack([self.table.low, self.table.high], axis=1)
        self.core = core_class(self.config.engine)(self.table, self.config.max_order_id, self.config.max_live)

    @property
    def day(self) -> int:
        """Number of the trading day, 0 for the first."""
        return int(self.ledger.state.totals[self.ledger.state.DAY])

    def apply(self, batch: np.ndarray, now_ns: int) -> ApplyResult:
        """Apply COMMAND records whose seq and order ids are stamped. Time never steps back: an earlier `now_ns` counts as the latest seen.

        Raises LedgerError when core and ledger disagree, which only a broken core can cause.
        """
        if not batch.flags.writeable:
            batch = batch.copy()  # journal bytes are read-only, for which the checks would be compiled a second time
        self.now_ns = max(self.now_ns, now_ns)
        self.risk.start_window(self.now_ns)
        if len(batch):
            self.last_seq = max(self.last_seq, int(batch["seq"].max()))
        events: list[np.ndarray] = []
        rejects: list[np.ndarray] = []
        settles = np.flatnonzero((batch["kind"] == Kind.PHASE) & (batch["price"] == SETTLE))
        position = 0
        for settle in [*settles.tolist(), len(batch)]:
            while position < settle:
                position += self._run(batch[position:settle], events, rejects)
            if settle < len(batch):
                self._settle(batch[settle : settle + 1], events, rejects)
                position = settle + 1
        return ApplyResult(_joined(events, EVENT), _joined(rejects, RISK_REJECT))

    def _run(self, batch: np.ndarray, events: list[np.ndarray], rejects: list[np.ndarray]) -> int:
        """Check, match and post the commands up to the next REPLACE; returns how many."""
        numbers = batch["order_id"].astype("<i8") - self.day_base
        reasons = self.risk.check(batch, numbers, self.ledger, self.bands, self.phases)
        checked = batch[: len(reasons)]
        new_ids = checked["order_id"][checked["kind"] == Kind.NEW]
        if len(new_ids):
            self.last_order_id = max(self.last_order_id, int(new_ids.max()))
        passed = reasons == RiskReason.NONE
        if not passed.all():
            rejects.append(reject_records(checked, reasons))
        commands = checked[passed]
        customers = commands["kind"] != Kind.PHASE
        commands["order_id"][customers] = numbers[: len(reasons)][passed][customers]
        made = self.core.step(commands)
        self.ledger.post(made)
        self._note_phases(made)
        if self.day_base:
            base = np.uint64(self.day_base)
            made["order_id"][made["kind"] != EventKind.PHASE] += base
            made["maker_id"][made["maker_id"] != 0] += base
        events.append(made)
        return len(reasons)

    def _note_phases(self, events: np.ndarray) -> None:
        changes = events[events["kind"] == EventKind.PHASE]
        self.phases[changes["symbol"]] = changes["price"]

    def _settle(self, command: np.ndarray, events: list[np.ndarray], rejects: list[np.ndarray]) -> None:
        reason = RiskReason.NONE
        if command["account"][0] != OPERATOR:
            reason = RiskReason.NOT_OPERATOR
        elif command["symbol"][0] != ALL_SYMBOLS:
            reason = RiskReason.MALFORMED
        elif (self.phases != Phase.CLOSED).any():
            reason = RiskReason.NOT_CLOSED
        if reason != RiskReason.NONE:
            rejects.append(reject_records(command, np.array([reason], dtype="u1")))
            return
        made = expiry_events(self.ledger, int(command["seq"][0]), EXPIRED)
        self.ledger.post(made)
        made["order_id"] += np.uint64(self.day_base)
        self.ledger.settle_day()
        self._open_core(closing_rows(self.rows, self.ledger.state.market["last"]))
        closed = command.copy()
        closed["price"] = Phase.CLOSED
        self._note_phases(self.core.step(closed))
        self.day_base = self.last_order_id
        end = np.zeros(1, dtype=EVENT)
        for name, value in (
            ("seq", command["seq"][0]),
            ("price", SETTLE),
            ("qty", self.day),
            ("symbol", ALL_SYMBOLS),
            ("kind", EventKind.PHASE),
        ):
            end[name] = value
        events += [made, end]

    # -- comparison ----------------------------------------------------------------------------------------------------

    def state_hash(self) -> int:
        """u64 over core, ledger, risk and machine; equal on replicas that applied the same batches."""
        digest = hashlib.blake2b(digest_size=8)
        digest.update(self.core.state_hash().to_bytes(8, "little"))
        digest.update(self.ledger.state.digest())
        digest.update(self.scalars().tobytes())
        for array in (self.risk.status, self.risk.counts, self.phases, self.bands):
            digest.update(np.ascontiguousarray(array).tobytes())
        return int.from_bytes(digest.digest(), "little")

    def scalars(self) -> np.ndarray:
        """i8[6]: shard, last seq, last order id, base of the day, latest time, window of the order rate."""
        return np.array(
            [self.config.shard, self.last_seq, self.last_order_id, self.day_base, self.now_ns, self.risk.window],
            dtype="<i8",
        )

    def conservation(self) -> Conservation:
        """Sums of cash and positions against those of the configuration."""
        return self.ledger.conservation()

    def snapshot(self) -> bytes:
        """The whole state with its hash; `restore` gives an equal machine."""
        return write_snapshot(self)

    @classmethod
    def restore(cls, config: ShardConfig, data: bytes) -> ShardMachine:
        """Raises MachineSnapshotError when `data` is damaged or belongs to another configuration."""
        return read_snapshot(cls(config), data)

    def adopt(self, rows: list[dict[str, Any]], scalars: list[int], core: bytes) -> None:
        """Take over symbol rows, scalars (in the order of `scalars()`) and core of a snapshot."""
        self.rows = rows
        self.table = SymbolTable.from_rows(rows)
        self.bands = np.stack([self.table.low, self.table.high], axis=1)
        self.core = core_class(self.config.engine).restore(self.table, core)
        _, self.last_seq, self.last_order_id, self.day_base, self.now_ns, self.risk.window = scalars

    # -- queries -------------------------------------------------------------------------------------------------------

    def query_account(self, account: int) -> dict[str, Any]:
        """Balances and open orders of an account. Raises KeyError for an account that does not exist here."""
        index = self.ledger.index
        row = int(index[account]) if 0 <= account < len(index) else -1
        if row < 0:
            raise KeyError(f"account {account} does not exist on shard {self.config.shard}")
        state = self.ledger.state
        orders = state.used_orders()
        live = np.flatnonzero((orders["owner"] == row + 1) & (orders["live"] == 1))
        owned = np.flatnonzero(state.sellable[row] + state.held[row] + state.today[row])
        return {
            "account": account,
            "shard": self.config.shard,
            "day": self.day,
            "status": int(self.risk.status[row]),
            "cash": {"free": int(state.cash[row]), "frozen": int(state.frozen[row])},
            "positions": [
                {
                    "symbol": symbol,
                    "sellable": int(state.sellable[row, symbol]),
                    "held": int(state.held[row, symbol]),
                    "today": int(state.today[row, symbol]),
                }
                for symbol in owned.tolist()
            ],
            "orders_total": int(state.orders_total[row]),
            "open_orders_total": int(live.size),
            "open_orders": [self._order(number) for number in live[:MAX_LISTED_ORDERS].tolist()],
        }

    def _order(self, number: int) -> dict[str, int | str]:
        order = self.ledger.state.orders[number]
        return {
            "order_id": number + self.day_base,
            "symbol": int(order["symbol"]),
            "side": Side(int(order["side"])).name,
            "price": int(order["price"]),
            "leaves": int(order["leaves"]),
            "held": int(order["held"]),
        }

    def query_symbol(self, symbol: int) -> dict[str, Any]:
        """Market data of a symbol (prices in ticks, five levels). Raises KeyError for a symbol that does not exist."""
        if not 0 <= symbol < len(self.rows):
            raise KeyError(f"symbol {symbol} does not exist on shard {self.config.shard}")
        row = self.rows[symbol]
        market = self.ledger.state.market[symbol]
        bid, ask = self.core.best(symbol)
        return {
            "symbol": symbol,
            "code": row.get("code", str(symbol)),
            "board": row.get("board", ""),
            "day": self.day,
            "phase": int(self.phases[symbol]),
            **{name: int(row[name]) for name in ("reference", "low", "high", "lot")},
            **{name: int(market[name]) for name in ("last", "volume", "turnover", "trades")},
            "bid": bid,
            "ask": ask,
            "bids": [list(map(int, level)) for level in self.core.depth(symbol, Side.BUY, 5)],
            "asks": [list(map(int, level)) for level in self.core.depth(symbol, Side.SELL, 5)],
        }


def _joined(parts: list[np.ndarray], dtype: np.dtype) -> np.ndarray:
    return np.concatenate(parts) if len(parts) > 1 else parts[0] if parts else np.zeros(0, dtype=dtype)
