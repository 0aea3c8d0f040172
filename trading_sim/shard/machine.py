"""The state machine that a shard replicates: pre-trade checks, matching and ledger in one pass, command by command.

Pure: no clock, no I/O. Time comes as `now_ns` with each batch, stamped by the leader. The same batches give the same events,
rejects and state hash on every replica, whatever the batching: what one command frees or earns is there for the next one.

Order ids rise for the whole life of the shard. The machine keeps the last id of the former day and gives the core ids 1, 2, 3 … of
the trading day; events carry the shard's ids again. What the operator's commands and the end of a day do is in `operations`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from trading_sim.ledger.conservation import Conservation, conservation, sums
from trading_sim.matching.records import EventKind, Kind
from trading_sim.matching.symbols import SymbolTable
from trading_sim.protocol.operator import EVERY_SYMBOL, OPERATOR, SETTLE
from trading_sim.protocol.records import EVENT, PARTY
from trading_sim.risk.desk import parts
from trading_sim.risk.loops import mix
from trading_sim.risk.opening import open_desk
from trading_sim.risk.reasons import RISK_BASE, RISK_REJECT
from trading_sim.shard import queries
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.fills import FillRing
from trading_sim.shard.operations import close_all, execute, is_operation
from trading_sim.shard.snapshot import read_snapshot, write_snapshot
from trading_sim.shard.trading_day import EXPIRED

__all__ = ["ALL_SYMBOLS", "EXPIRED", "OPERATOR", "SETTLE", "ApplyResult", "ShardConfig", "ShardMachine"]

ALL_SYMBOLS = EVERY_SYMBOL
WINDOWS = 2**32
HASH_SEED = np.uint64(0x5348415244)


def core_class(engine: str) -> type:
    """The matching core by name; only the one in use is imported, because the compiled one takes a moment to load."""
    if engine == "twin":
        from trading_sim.risk.twin import TwinDesk

        return TwinDesk
    from trading_sim.matching.core import Core

    return Core


@dataclass(frozen=True)
class ApplyResult:
    """events: EVENT records; parties: PARTY records, aligned with them; rejects: RISK_REJECT records; all in command order."""

    events: np.ndarray
    rejects: np.ndarray
    parties: np.ndarray


class ShardMachine:
    """Deterministic state of one shard. Raises LedgerError for a configuration whose balances cannot be."""

    def __init__(self, config: ShardConfig) -> None:
        self.config = config
        self.desk = open_desk(config.accounts, config.symbols, config.limits, config.max_order_id)
        self.fills = FillRing()
        self.day_base = 0  # highest order id of the days before
        self.last_order_id = 0
        self.last_seq = 0
        self.now_ns = 0
        self._expected = sums(self.desk)
        self._open_core([dict(row) for row in config.symbols])

    def _open_core(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.table = SymbolTable.from_rows(rows)
        make = core_class(self.config.engine)
        self.core = make(self.table, self.config.max_order_id, self.config.max_live, desk=self.desk)

    def open_day(self, rows: list[dict[str, Any]]) -> None:
        """Start a new trading day with symbol rows `rows`: nothing rests, every symbol is CLOSED, order ids start again."""
        self._open_core(rows)
        self.core.step_with_parties(close_all(self.last_seq))
        self.day_base = self.last_order_id
        self.fills.clear()

    @property
    def day(self) -> int:
        """Number of the trading day, 0 for the first."""
        return int(self.desk.control["day"][0])

    def apply(self, batch: np.ndarray, now_ns: int) -> ApplyResult:
        """Apply COMMAND records whose seq and order ids are stamped. Time never steps back: an earlier `now_ns` counts as the latest seen."""
        self.now_ns = max(self.now_ns, now_ns)
        self.desk.control["window"] = self.now_ns // self.config.limits.rate_window_ns % WINDOWS
        if len(batch):
            self.last_seq = max(self.last_seq, int(batch["seq"].max()))
        results: list[ApplyResult] = []
        position = 0
        for operation in [*np.flatnonzero(is_operation(batch)).tolist(), len(batch)]:
            if position < operation:
                results.append(self._trade(batch[position:operation]))
            if operation < len(batch):
                results.append(self._operate(batch[operation]))
            position = operation + 1
        if len(results) == 1:
            return results[0]
        return ApplyResult(
            _joined([result.events for result in results], EVENT),
            _joined([result.rejects for result in results], RISK_REJECT),
            _joined([result.parties for result in results], PARTY),
        )

    def _trade(self, batch: np.ndarray) -> ApplyResult:
        """Commands of the matching core."""
        new = batch["order_id"][batch["kind"] == Kind.NEW]
        if len(new):
            self.last_order_id = max(self.last_order_id, int(new.max()))
        base = np.uint64(self.day_base)
        if base:
            batch = batch.copy()
            batch["order_id"] -= base
        refused_before = int(self.desk.control["refused"][0])
        events, parties = self.core.step_with_parties(batch)
        if base:
            events["order_id"][events["kind"] != EventKind.PHASE] += base
            events["maker_id"][events["maker_id"] != 0] += base
        rejects = np.zeros(0, RISK_REJECT)
        if int(self.desk.control["refused"][0]) != refused_before:
            events, parties, rejects = split_refused(events, parties)
        self.fills.add(events, parties)
        return ApplyResult(events, rejects, parties)

    def _operate(self, command: np.void) -> ApplyResult:
        """A command of the shard's own."""
        done = execute(self, command)
        if isinstance(done, tuple):
            return ApplyResult(done[0], np.zeros(0, RISK_REJECT), done[1])
        rejects = np.zeros(1, RISK_REJECT)
        for name in ("seq", "order_id", "symbol", "account"):
            rejects[name] = command[name]
        rejects["reason"] = done
        return ApplyResult(np.zeros(0, EVENT), rejects, np.zeros(0, PARTY))

    # -- comparison ----------------------------------------------------------------------------------------------------

    def state_hash(self) -> int:
        """u64 over core, desk and machine; equal on replicas that applied the same batches."""
        digest = hashlib.blake2b(self.core.state_hash().to_bytes(8, "little"), digest_size=8)
        for array in parts(self.desk).values():
            digest.update(int(mix(array.view("<u8"), HASH_SEED)).to_bytes(8, "little"))
        digest.update(self.scalars().tobytes())
        digest.update(self.table.digest())
        return int.from_bytes(digest.digest(), "little")

    def scalars(self) -> np.ndarray:
        """i8[6]: shard, last seq, last order id, base of the day, latest time, fills of the day."""
        return np.array(
            [self.config.shard, self.last_seq, self.last_order_id, self.day_base, self.now_ns, self.fills.total],
            dtype="<i8",
        )

    def conservation(self) -> Conservation:
        """Sums of cash and positions against those of the configuration."""
        return conservation(self.desk, self._expected)

    def snapshot(self) -> bytes:
        """The whole state with its hash; `restore` gives an equal machine."""
        return write_snapshot(self)

    @classmethod
    def restore(cls, config: ShardConfig, data: bytes) -> ShardMachine:
        """Raises MachineSnapshotError when `data` is damaged or belongs to another configuration."""
        return read_snapshot(cls(config), data)

    def adopt(self, rows: list[dict[str, Any]], scalars: list[int], fills: np.ndarray, core: bytes) -> None:
        """Take over symbol rows, scalars (in the order of `scalars()`), fills and core of a snapshot; the desk is filled already."""
        self.rows = rows
        self.table = SymbolTable.from_rows(rows)
        self.core = core_class(self.config.engine).restore(self.table, core, desk=self.desk)
        _, self.last_seq, self.last_order_id, self.day_base, self.now_ns, total = scalars
        self.fills.load(fills, total)

    # -- queries -------------------------------------------------------------------------------------------------------

    def query_account(self, account: int) -> dict[str, Any]:
        """Balances, orders, fills and limits of an account. Raises KeyError for an account that does not exist here."""
        return queries.account_answer(self, account)

    def query_symbol(self, symbol: int) -> dict[str, Any]:
        """Market data of a symbol (prices in ticks, five levels). Raises KeyError for a symbol that does not exist."""
        return queries.symbol_answer(self, symbol)


def split_refused(events: np.ndarray, parties: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Events and parties without what the desk refused, and RISK_REJECT records of that; order ids as they are."""
    refused = (events["kind"] == EventKind.REJECTED) & (events["reason"] >= RISK_BASE)
    rejects = np.zeros(int(refused.sum()), dtype=RISK_REJECT)
    for name in ("seq", "order_id", "symbol"):
        rejects[name] = events[name][refused]
    rejects["account"] = parties["account"][refused]
    rejects["reason"] = events["reason"][refused] - RISK_BASE
    kept = np.flatnonzero(~refused)
    # Taken as plain bytes: NumPy takes records field by field.
    words = events.view("<u8").reshape(len(events), -1).take(kept, axis=0)
    return words.view(EVENT).reshape(len(kept)), parties.view("<u8").take(kept).view(PARTY), rejects


def _joined(items: list[np.ndarray], dtype: np.dtype) -> np.ndarray:
    return np.concatenate(items) if items else np.zeros(0, dtype=dtype)
