"""What the gateway must still know after `kill -9`: sessions' numbers, sent messages, orders, instructions, places in the feeds.

SQLite in WAL mode. A commit is in the operating system's hands when `commit` returns, so the death of the process loses nothing;
`synchronous = NORMAL` means that a power cut may lose the last commits, never the file. The fsyncs of checkpoints happen in a thread of
their own. Changes are gathered and written in one transaction, before anything that they tell of leaves the process.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

from trading_sim.gateway.orders import Instruction, Order
from trading_sim.gateway.reports import Report

SCHEMA_VERSION = 2
_SCHEMA = """
CREATE TABLE about (version INTEGER, client_id INTEGER);
CREATE TABLE session (name TEXT PRIMARY KEY, next_in INTEGER, next_out INTEGER, oldest INTEGER) WITHOUT ROWID;
CREATE TABLE message (session TEXT, seq INTEGER, body TEXT, PRIMARY KEY (session, seq)) WITHOUT ROWID;
CREATE TABLE place (shard INTEGER PRIMARY KEY, idx INTEGER, day INTEGER, request INTEGER, commands BLOB);
CREATE TABLE orders (
    number INTEGER PRIMARY KEY, session TEXT, client_id TEXT, shard INTEGER, symbol INTEGER, account INTEGER, side INTEGER,
    type INTEGER, tif INTEGER, price INTEGER, qty INTEGER, order_id INTEGER, cum INTEGER, leaves INTEGER, notional INTEGER,
    status TEXT, day INTEGER, as_of INTEGER);
CREATE INDEX orders_live ON orders (number) WHERE status IN ('A', '0', '1');
CREATE TABLE instruction (
    number INTEGER, session TEXT, client_id TEXT, kind INTEGER, order_number INTEGER, shard INTEGER, price INTEGER, qty INTEGER,
    original_id TEXT, request INTEGER, position INTEGER, stage INTEGER, digest TEXT, day INTEGER,
    PRIMARY KEY (session, client_id)) WITHOUT ROWID;
CREATE INDEX instruction_pending ON instruction (number) WHERE stage < 3;
"""
_ORDER = "INSERT OR REPLACE INTO orders VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_INSTRUCTION = "INSERT OR REPLACE INTO instruction VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_INSTRUCTIONS = (
    "SELECT number, session, client_id, kind, order_number, shard, price, qty, original_id, request, position, stage, digest"
    " FROM instruction "
)


class StoreError(Exception):
    """The gateway's file cannot be used; says which and what to do."""


@dataclass(slots=True)
class Numbers:
    """Sequence numbers of a session: next expected from the client, next to send, oldest sent one that is still kept."""

    name: str
    next_in: int = 1
    next_out: int = 1
    oldest: int = 1


@dataclass(slots=True)
class Place:
    """Where the gateway stands in a shard: last entry taken from its feed (-1: none yet), trading day, last request number and its bytes."""

    shard: int
    index: int = -1
    day: int = 0
    request: int = 0
    commands: bytes = b""


class Store:
    """One file of one gateway. Belongs to the thread of the event loop."""

    def __init__(self, path: Path, kept_messages: int) -> None:
        self.path, self._kept = path, kept_messages
        fresh = not path.exists()
        if fresh:  # the file holds orders of customers: nobody else may read it
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        self._db = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "wal_autocheckpoint = 0", "cache_size = -4096"):
            self._db.execute(f"PRAGMA {pragma}")
        self._orders: dict[int, Order] = {}
        self._instructions: dict[int, tuple[Instruction, int]] = {}
        self._by_client: dict[tuple[str, str], Instruction] = {}
        self._sessions: dict[str, Numbers] = {}
        self._places: dict[int, Place] = {}
        self._messages: list[tuple[str, int, str]] = []
        self._statements: list[tuple[str, tuple]] = []
        self._lazy: dict[int, Place] = {}
        self.client_id = self._open()

    def _open(self) -> int:
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'about'").fetchone():
            # The client number names this gateway to the shards for ever; 2^63 apart from the customers' small ones.
            client_id = int.from_bytes(os.urandom(6), "little") | 1 << 60
            self._db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            self._db.execute("INSERT INTO about VALUES (?, ?)", (SCHEMA_VERSION, client_id))
        row = self._db.execute("SELECT version, client_id FROM about").fetchone()
        if row is not None and row[0] == 1:
            self._db.executescript(
                "BEGIN; ALTER TABLE orders ADD COLUMN as_of INTEGER DEFAULT 0; UPDATE about SET version = 2; COMMIT;"
            )
            row = (SCHEMA_VERSION, row[1])
        if row is None or row[0] != SCHEMA_VERSION:
            raise StoreError(f"{self.path} is not of version {SCHEMA_VERSION}: move it away to begin anew")
        return int(row[1])

    # Reading at the start

    def sessions(self) -> list[Numbers]:
        """All sessions that ever logged on."""
        return [Numbers(*row) for row in self._db.execute("SELECT name, next_in, next_out, oldest FROM session")]

    def places(self) -> list[Place]:
        """Where the gateway stands in each shard."""
        return [Place(*row) for row in self._db.execute("SELECT shard, idx, day, request, commands FROM place")]

    def open_orders(self) -> list[Order]:
        """Orders that may still change."""
        return [Order(*row) for row in self._db.execute("SELECT * FROM orders WHERE status IN ('A', '0', '1')")]

    def pending(self) -> list[Instruction]:
        """Instructions whose fate is open, oldest first."""
        rows = self._db.execute(_INSTRUCTIONS + "WHERE stage < 3 ORDER BY number")
        return [Instruction(*row) for row in rows]

    def last_number(self) -> int:
        """The highest instruction number ever given that is still on file."""
        (found,) = self._db.execute(
            "SELECT max((SELECT coalesce(max(number), 0) FROM orders), (SELECT coalesce(max(number), 0) FROM instruction))"
        ).fetchone()
        return int(found)

    def counts(self) -> dict[str, int]:
        """Instructions on file per session."""
        return dict(self._db.execute("SELECT session, count(*) FROM instruction GROUP BY session"))

    # Reading later

    def instruction(self, session: str, client_id: str) -> Instruction | None:
        """An instruction by its client order id."""
        gathered = self._by_client.get((session, client_id))
        if gathered is not None:
            return gathered
        row = self._db.execute(_INSTRUCTIONS + "WHERE session = ? AND client_id = ?", (session, client_id)).fetchone()
        return Instruction(*row) if row else None

    def order(self, number: int) -> Order | None:
        """An order, also one that has ended."""
        if number in self._orders:
            return self._orders[number]
        row = self._db.execute("SELECT * FROM orders WHERE number = ?", (number,)).fetchone()
        return Order(*row) if row else None

    def messages(self, session: str, first: int, last: int, limit: int) -> list[tuple[int, Report]]:
        """(seq, report) of committed messages first … last in order, at most `limit`."""
        rows = self._db.execute(
            "SELECT seq, body FROM message WHERE session = ? AND seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
            (session, first, last, limit),
        )
        return [(seq, Report.from_json(body)) for seq, body in rows]

    # Changes: gathered, then written by commit

    def put_order(self, order: Order) -> None:
        self._orders[order.number] = order

    def put_instruction(self, instruction: Instruction, day: int) -> None:
        self._instructions[instruction.number] = (instruction, day)
        self._by_client[instruction.session, instruction.client_id] = instruction

    def put_session(self, numbers: Numbers) -> None:
        self._sessions[numbers.name] = numbers

    def put_place(self, place: Place, lazy: bool = False) -> None:
        """`lazy`: written with the next commit that there is anyway; after a kill the feed is read again from the older place."""
        (self._lazy if lazy else self._places)[place.shard] = place

    def add_message(self, numbers: Numbers, seq: int, report: Report) -> None:
        """Keep a message for resending; the oldest beyond the bound are dropped."""
        self._messages.append((numbers.name, seq, report.to_json()))
        if numbers.next_out - numbers.oldest > self._kept + max(64, self._kept // 16):
            numbers.oldest = numbers.next_out - self._kept
            self._statements.append(
                ("DELETE FROM message WHERE session = ? AND seq < ?", (numbers.name, numbers.oldest))
            )
        self._sessions[numbers.name] = numbers

    def drop_messages(self, numbers: Numbers) -> None:
        """The client wants to begin anew with number 1."""
        self._messages = [row for row in self._messages if row[0] != numbers.name]
        self._statements.append(("DELETE FROM message WHERE session = ?", (numbers.name,)))
        self._sessions[numbers.name] = numbers

    def forget_day(self, shard: int, day: int) -> None:
        """Drop what ended before `day` on a shard: its client order ids may be used again."""
        self._statements += [
            ("DELETE FROM instruction WHERE shard = ? AND day < ? AND stage = 3", (shard, day)),
            ("DELETE FROM orders WHERE shard = ? AND day < ? AND status NOT IN ('A', '0', '1')", (shard, day)),
        ]

    @property
    def dirty(self) -> bool:
        """Is there something that must be written before anything is sent?"""
        return bool(
            self._orders or self._instructions or self._sessions or self._places or self._messages or self._statements
        )

    def commit(self, everything: bool = False) -> None:
        """Write what was gathered, in one transaction. Raises sqlite3.Error: then the gateway must not go on."""
        if not self.dirty and not (everything and self._lazy):
            return
        places = {**self._lazy, **self._places}
        db = self._db
        db.execute("BEGIN")
        for statement, values in self._statements:
            db.execute(statement, values)
        _many(db, _ORDER, map(_order_row, self._orders.values()))
        _many(db, _INSTRUCTION, ((*_instruction_row(one), day) for one, day in self._instructions.values()))
        _many(db, "INSERT OR REPLACE INTO message VALUES (?, ?, ?)", self._messages)
        _many(db, "INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?)", map(_session_row, self._sessions.values()))
        _many(db, "INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?, ?)", map(_place_row, places.values()))
        db.execute("COMMIT")
        for gathered in (self._orders, self._instructions, self._by_client, self._sessions, self._places, self._lazy):
            gathered.clear()
        self._messages, self._statements = [], []

    def close(self) -> None:
        """Write what is gathered and close the file."""
        self.commit(everything=True)
        self._db.close()


_order_row = attrgetter(*(field.name for field in fields(Order)))
_session_row = attrgetter(*(field.name for field in fields(Numbers)))
_place_row = attrgetter(*(field.name for field in fields(Place)))
_instruction_row = attrgetter(*(field.name for field in fields(Instruction) if field.name != "received_ns"))


def _many(db: sqlite3.Connection, statement: str, rows: Iterable[tuple]) -> None:
    db.executemany(statement, rows)


def checkpoint(path: Path) -> None:
    """Move the write-ahead log into the file (fsync included); meant for a thread beside the event loop."""
    with sqlite3.connect(path, isolation_level=None, timeout=5.0) as db:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
    db.close()
