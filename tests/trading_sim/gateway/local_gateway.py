"""A shard and a gateway's order entry in one process, without sockets: tests say what arrives, what is lost and what dies."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.trading_sim.gateway.gateway_world import ACCOUNTS, CODES, SYMBOLS
from trading_sim.gateway.binary.wire import What
from trading_sim.gateway.instruments import Instrument, Instruments
from trading_sim.gateway.limits import Limits
from trading_sim.gateway.order_entry import OrderEntry, Rights
from trading_sim.gateway.orders import Ask, Kind
from trading_sim.gateway.outlet import Violation
from trading_sim.gateway.reports import Report
from trading_sim.gateway.requests import Batch
from trading_sim.gateway.sessions import Sessions
from trading_sim.gateway.store import Store
from trading_sim.protocol.records import COMMAND
from trading_sim.shard.answers import ShardReply, decode_answer
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.feed_wire import Fed, fed_of
from trading_sim.shard.machine_factory import ShardMachineFactory
from trading_sim.shard.sequencer import Sequencer
from trading_sim.shard.state import ReplicatedState

INSTRUMENTS = Instruments(
    Instrument(code, 0, symbol, "main", 100, SYMBOLS[symbol]["reference"]) for symbol, code in enumerate(CODES)
)
EVERYBODY = np.ones(16, dtype=bool)
SECOND = 1_000_000_000


class LocalShard:
    """Stamps, executes and remembers answers as a shard does; `feed` holds every entry."""

    def __init__(self) -> None:
        config = ShardConfig(
            shard=0, symbols=SYMBOLS, accounts=ACCOUNTS, max_order_id=20_000, max_live=5_000, engine="twin"
        )
        self.state = ReplicatedState(
            ShardMachineFactory(replace(config, limits=replace(config.limits, rate_max=10**9)))
        )
        self.sequencer = Sequencer(1, 1, 0)
        self.feed: list[Fed] = []

    def submit(self, client_id: int, request: int, commands: np.ndarray) -> ShardReply:
        """Execute once; a repeated request is answered from memory."""
        stored = self.state.sessions.answer(client_id, request)
        if stored is None:
            entry = self.sequencer.batch(
                term=1, index=self.state.index + 1, wall_ns=(self.state.index + 1) * SECOND, client_id=client_id,
                request=request, commands=commands.tobytes(),
            )  # fmt: skip
            applied = self.state.apply(entry)
            self.feed.append(fed_of(entry, applied.result))
            stored = applied.answer
        return decode_answer(stored, commands["kind"] == 1)

    def order(self, account: int, side: int, price: int, qty: int, symbol: int = 0) -> None:
        """An order of somebody who does not use the gateway."""
        command = np.zeros(1, COMMAND)
        command[0] = (0, 0, price, qty, symbol, account, 1, side, 1, 1)
        self.submit(7, self.state.index + 1, command)

    def operate(self, price: int) -> None:
        """A phase for every symbol; 5 settles the day."""
        command = np.zeros(1, COMMAND)
        command[0] = (0, 0, price, 0, 0xFFFFFFFF, 0, 4, 0, 0, 0)
        self.submit(8, self.state.index + 1, command)


class LocalGateway:
    """Is the `Hall` of session machines. `now` is monotonic and wall time in ns; `commit` ends a turn."""

    def __init__(self, directory: Path, shard: LocalShard, limits: Limits | None = None) -> None:
        self.shard, self.limits, self.instruments = shard, limits or Limits(), INSTRUMENTS
        self.now = 1_000 * SECOND + time.time_ns() % (100 * SECOND)  # another one in every life
        self.secrets = {
            "BIN-1": ("binary", (1,)),
            "BIN-2": ("binary", (2,)),
            "FIX-1": ("fix", (3,)),
            "FIX-2": ("fix", (4,)),
        }
        self.store = Store(directory / "gateway.sqlite", self.limits.kept_messages)
        self.sessions = Sessions(self.store, lambda: None)
        self.entry = OrderEntry(self.store, INSTRUMENTS, self.limits, self.sessions.post, lambda: self.now)
        self.session_rejects: list[tuple[str, int]] = []
        if self.entry.places[0].index < 0:
            self.entry.places[0].index = shard.state.index
            self.store.put_place(self.entry.places[0])
            self.store.commit()

    def die(self) -> None:
        """What was not committed is lost."""
        self.store._db.close()

    # Hall

    def now_ns(self) -> int:
        return self.now

    def wall_ns(self) -> int:
        return self.now

    def admit(self, protocol: str, session: str, secret: str) -> Rights | None:
        known = self.secrets.get(session)
        return Rights(session, known[1]) if known and known[0] == protocol and secret == "right" else None

    def rejected(self, protocol: str, reason: int) -> None:
        self.session_rejects.append((protocol, reason))

    def take(self, rights: Rights, ask: Ask, received_ns: int, allowed: bool) -> None:
        self.entry.take(rights, ask, received_ns, allowed)

    def ask(self, session: Any, rights: Rights, number: int, what: int, account: int, original_id: str) -> None:
        if what == What.STATUS:
            session.stated(number, self.entry.status(rights, original_id))
        else:
            session.answered(number, what, f"account {account}")

    # Lane and feed, step by step

    def batch(self) -> Batch | None:
        """The request that goes out next, filed."""
        found = self.entry.sent[0] or self.entry.next_batch(0)
        self.store.commit()
        return found

    def submit(self) -> bool:
        """One request there and back; false when nothing waits."""
        batch = self.batch()
        if batch is None:
            return False
        reply = self.shard.submit(self.entry.client_id, batch.request, batch.commands)
        self.entry.replied(batch, reply.order_ids.tolist())
        self.entry.answered_late(batch, reply)
        return True

    def hear(self, most: int = 1_000_000) -> int:
        """Take up to `most` entries of the feed."""
        due = [fed for fed in self.shard.feed if fed.index > self.entry.places[0].index][:most]
        for fed in due:
            self.entry.fed(0, fed, EVERYBODY)
        return len(due)

    def settle(self) -> None:
        """Everything that waits happens."""
        while self.submit() or self.hear():
            self.store.commit()
        self.store.commit()


class Wire:
    """An `Outlet` that keeps what was written."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.full = False
        self.pumps = 0
        self.closed: str | None = None

    def write(self, data: bytes) -> None:
        self.data += data

    def pump_soon(self) -> None:
        self.pumps += 1

    def close(self, reason: str) -> None:
        self.closed = reason

    def take(self) -> bytes:
        """What was written since the last time."""
        data, self.data = bytes(self.data), bytearray()
        return data


def receive(session: Any, message: Any, now_ns: int) -> str | None:
    """Hand a message to a session; the reason when it ends the connection."""
    try:
        session.receive(message, now_ns)
    except Violation as violation:
        session.gone()
        return str(violation)
    return None


def pump(session: Any) -> None:
    """Let a session send all it owes."""
    while session.pump():
        pass


def reports_of(gateway: LocalGateway, session: str) -> list[tuple[int, Report]]:
    """Everything that was ever filed for a session."""
    gateway.store.commit()
    return gateway.store.messages(session, 1, 10**9, 10**9)


def new(client_id: str, side: int = 1, price: int = 1000, qty: int = 100, account: int = 1, tif: int = 1) -> Ask:
    """A limit order in the first instrument."""
    return Ask(Kind.NEW, client_id, "", account, 0, 0, side, 1, tif, price, qty)
