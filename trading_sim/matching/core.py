"""The matching core: flat arrays and compiled code, no Python object per order."""

import time
from collections.abc import Iterator
from typing import Self

import numpy as np

from trading_sim.jit import direct
from trading_sim.matching import breaker, hot, layout, scan, snapshot
from trading_sim.matching.records import COMMAND, EVENT, Side
from trading_sim.matching.snapshot import CoreState
from trading_sim.matching.symbols import SymbolTable
from trading_sim.protocol.records import PARTY
from trading_sim.risk.desk import Desk

EVENTS_AT_ONCE = 16_384
"""Events gathered before they are handed on; small enough to stay in the processor's cache."""

CALIBRATION_NS = 20_000_000

# Control numbers are read through plain words: a field of a record costs several times as much to look up.
LIVE, PAGES_LEFT, WRITTEN = (layout.CONTROL.names.index(name) for name in ("live", "pages_left", "written"))


class Core:
    """Applies COMMAND records and reports EVENT records; see `twin` for what each command means.

    `max_order_id` and `max_live` are fixed for life: a NEW beyond either is REJECTED with CAPACITY. Memory is four bytes
    an order id and 32 bytes a live order, reserved and touched at once, plus the books of the symbols: 16
    bytes a tick, or, where a symbol spans more than 16,384 ticks, 66 KiB and 4 KiB for every 512 ticks with orders.
    With a `desk` every command passes its checks first, and balances follow every event; see `risk.desk`.
    Not safe for use by two threads at a time.
    """

    def __init__(
        self, table: SymbolTable, max_order_id: int = 1_000_000, max_live: int = 200_000, desk: Desk | None = None
    ) -> None:
        self.table = table
        self._desk = desk
        self._state = layout.build(table, max_order_id, max_live)
        self._control = self._state.control.view(np.int64)
        if table.has_breakers:
            breaker.lay_collars(self._state)
        self._reserve = len(table) + hot.SPARE_EVENTS
        self._allocate_events(EVENTS_AT_ONCE + self._reserve)
        nothing = _words(np.empty(0, COMMAND))
        self._loop = direct(hot.run, self._state, nothing, 0, 0, self._event_words, 0, self._desk)

    def step(self, commands: np.ndarray) -> np.ndarray:
        """Apply commands, return a fresh array of the events they cause."""
        # Copied as plain words: NumPy copies records field by field.
        pieces = [events.view(np.int64).copy() for events in self.run(commands)]
        if not pieces:
            return np.empty(0, EVENT)
        return (pieces[0] if len(pieces) == 1 else np.concatenate(pieces)).view(EVENT)

    def step_with_parties(self, commands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `step`, and PARTY records aligned with the events. Only with a desk."""
        events, parties = [], []
        for piece in self.run(commands):
            events.append(piece.view(np.int64).copy())
            parties.append(self.parties().copy())
        if not events:
            return np.empty(0, EVENT), np.empty(0, PARTY)
        if len(events) == 1:
            return events[0].view(EVENT), parties[0].view(PARTY)
        return np.concatenate(events).view(EVENT), np.concatenate(parties).view(PARTY)

    def parties(self) -> np.ndarray:
        """PARTY records as words, of the piece of events that `run` gave last; the next one overwrites them."""
        return self._desk.parties[: int(self._control[WRITTEN])]

    def run(self, commands: np.ndarray) -> Iterator[np.ndarray]:
        """Apply commands, yield their events piece by piece without copying.

        A piece is overwritten by the next one. All commands are applied only when the iterator is exhausted.
        """
        words = _words(commands)
        done, last = 0, len(commands)
        while done < last:
            room = self._room()
            done = self._loop(self._state, words, done, last, self._event_words, room, self._desk)
            yield self._written()

    def run_timed(self, commands: np.ndarray, durations: np.ndarray) -> float:
        """Apply commands, drop their events, write the processor cycles of each command to `durations` (int64).

        Returns nanoseconds a cycle, measured over the whole run and at least 20 ms, so that a short stream has a rate
        too. Reading the counter twice is part of every duration.
        """
        words = _words(commands)
        hot.run_timed(
            self._state, words, 0, 0, self._event_words, 0, self._desk, durations
        )  # compiles before the clock starts
        start_ns, start_cycles = time.perf_counter_ns(), hot.read_cycles()
        done, last = 0, len(commands)
        while done < last:
            room = self._room()
            done = hot.run_timed(self._state, words, done, last, self._event_words, room, self._desk, durations)
        while time.perf_counter_ns() - start_ns < CALIBRATION_NS:
            hot.read_cycles()
        passed = hot.read_cycles() - start_cycles
        return (time.perf_counter_ns() - start_ns) / passed

    def best(self, symbol: int) -> tuple[int | None, int | None]:
        """Best bid and best ask in ticks, None for an empty side."""
        bid, ask = (self.depth(symbol, side, 1) for side in Side)
        return (bid[0][0] if bid else None), (ask[0][0] if ask else None)

    def depth(self, symbol: int, side: int, levels: int) -> list[tuple[int, int, int]]:
        """The best `levels` prices of a side as (price, open quantity, orders)."""
        rows = np.empty((max(levels, 0), 3), np.int64)
        count = scan.read_depth(self._state, self._book(symbol, side), rows)
        return [tuple(row) for row in rows[:count].tolist()]

    def phase(self, symbol: int) -> int:
        """The symbol's phase."""
        return int(self._state.books[self._book(symbol, Side.BUY)]["phase"])

    def phases(self) -> np.ndarray:
        """u1[S]: the phase of every symbol."""
        return self._state.books["phase"][::2].astype("u1")

    def resting(self) -> np.ndarray:
        """snapshot.RESTING rows of all resting orders, by symbol, side and priority."""
        return self._canonical().orders

    def resting_of(self, account: int) -> np.ndarray:
        """snapshot.RESTING rows of one account, by order id. Looks at the slots in use once, at all accounts' orders."""
        state = self._state
        used = state.orders[: int(state.control["top"][0]) + 1]
        slots = np.flatnonzero(used["account"] == account)
        slots = slots[state.slot_of[used["order_id"][slots]] == slots]
        orders = used[slots[slots > 0]]
        orders = orders[np.argsort(orders["order_id"], kind="stable")]
        rows = np.zeros(len(orders), snapshot.RESTING)
        for name in ("order_id", "qty", "account"):
            rows[name] = orders[name]
        books = state.books[orders["book"]]
        rows["price"] = (orders["tick"] - books["offset"]) * books["sign"]
        rows["symbol"], rows["side"] = orders["book"] >> 1, (orders["book"] & 1) + 1
        return rows

    def live_orders(self) -> int:
        """Number of resting orders."""
        return int(self._control[LIVE])

    def state_hash(self) -> int:
        """Unsigned 64-bit hash of phases and resting orders."""
        return snapshot.state_hash(self.table, self._canonical())

    def snapshot(self) -> bytes:
        """The state as bytes, readable by every engine."""
        return snapshot.encode(self.table, self._canonical())

    @classmethod
    def restore(cls, table: SymbolTable, data: bytes, desk: Desk | None = None) -> Self:
        """A core that goes on where the snapshot was taken, with a desk as it was then. Raises SnapshotError."""
        state = snapshot.decode(table, data)
        core = cls(table, state.max_order_id, state.max_live, desk)
        core._state.books["phase"] = np.repeat(state.phases, 2)
        if table.has_breakers:
            symbols = core._state.symbols
            symbols["anchor"], symbols["ppm"] = state.breakers["anchor"], state.breakers["ppm"]
            breaker.lay_collars(core._state)
        done = 0
        while done < len(state.orders):
            core._ensure_page()
            done = scan.reload(core._state, state.orders, done)
        if desk is not None:
            used = core._state.orders[: int(core._state.control["top"][0]) + 1]
            used["row"] = desk.row_of[used["account"]]
        return core

    def _canonical(self) -> CoreState:
        control = self._state.control[0]
        orders = np.empty(self.live_orders(), snapshot.RESTING)
        scan.collect(self._state, orders)
        phases = self._state.books["phase"][::2].astype("u1")
        symbols = self._state.symbols
        breakers = snapshot.breakers_for(self.table, symbols["anchor"], symbols["ppm"])
        return CoreState(int(control["max_order_id"]), int(control["max_live"]), phases, orders, breakers)

    def _book(self, symbol: int, side: int) -> int:
        if not 0 <= symbol < len(self.table):
            raise IndexError(f"symbol {symbol} is not in the table of {len(self.table)} symbols")
        return 2 * symbol + Side(side) - Side.BUY

    def _room(self) -> int:
        """Make sure that one more command can run, whatever it does; returns `room` for the loop."""
        self._ensure_page()
        live = self.live_orders()
        if live + EVENTS_AT_ONCE + self._reserve > len(self._events):
            self._allocate_events(2 * live + EVENTS_AT_ONCE + self._reserve)
        return min(len(self._events) - self._reserve, live + EVENTS_AT_ONCE)

    def _ensure_page(self) -> None:
        if self._control[PAGES_LEFT] <= 0:
            self._state = layout.with_more_pages(self._state)

    def _allocate_events(self, count: int) -> None:
        self._events = np.empty(count, EVENT)
        self._event_words = self._events.view(np.int64)
        if self._desk is not None:
            self._desk = self._desk._replace(parties=np.empty(count, np.int64))

    def _written(self) -> np.ndarray:
        return self._events[: int(self._control[WRITTEN])]


def _words(commands: np.ndarray) -> np.ndarray:
    """The commands as read-only int64 words: one array type for the compiled loop, wherever the bytes come from."""
    if commands.dtype is not COMMAND and commands.dtype != COMMAND:
        raise TypeError(f"commands must have the COMMAND dtype, not {commands.dtype}")
    words = np.ascontiguousarray(commands).view(np.int64)
    if not words.flags.aligned:
        words = words.copy()
    words.setflags(write=False)
    return words
