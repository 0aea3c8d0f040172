"""The gateway put together: store, sessions, order entry, lanes, feeds and ports in one event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trading_sim.gateway import mending, queries, reports
from trading_sim.gateway.binary import wire as binary_wire
from trading_sim.gateway.binary.session import BinarySession
from trading_sim.gateway.binary.wire import What
from trading_sim.gateway.credentials import BINARY, FIX, Credentials, CredentialsError
from trading_sim.gateway.edge import Port, Turn
from trading_sim.gateway.feeds import ShardFeed
from trading_sim.gateway.fix.codec import FixFrames
from trading_sim.gateway.fix.session import FixSession
from trading_sim.gateway.instruments import Instruments
from trading_sim.gateway.lane import Lane
from trading_sim.gateway.limits import Limits
from trading_sim.gateway.market_data import wire as market_wire
from trading_sim.gateway.market_data.channel import Channel
from trading_sim.gateway.market_data.session import PROTOCOL as MARKET_DATA
from trading_sim.gateway.market_data.session import MarketDataSession, Told
from trading_sim.gateway.metrics import Counters
from trading_sim.gateway.order_entry import OrderEntry, Rights
from trading_sim.gateway.orders import Ask, Instruction, Kind
from trading_sim.gateway.reports import Report
from trading_sim.gateway.sessions import Sessions
from trading_sim.gateway.store import Store, checkpoint
from trading_sim.protocol.frames import Frames
from trading_sim.shard.async_client import AsyncShardClient
from trading_sim.shard.attempts import ShardUnavailable

log = logging.getLogger(__name__)

STORE_FILE = "gateway.sqlite"
CHECKPOINT_S = 5.0
FEED_SILENT_S = 3.0
MEND_POLL_S, MEND_AGAIN_S = 0.02, 0.2


class Gateway:
    """Is the `Hall` of the sessions. `addresses` maps shards to the addresses of their replicas."""

    def __init__(
        self, state: Path, addresses: Mapping[int, list[str]], instruments: Instruments, credentials: Credentials,
        limits: Limits | None = None,
    ) -> None:  # fmt: skip
        self.instruments, self.credentials, self.limits = instruments, credentials, limits or Limits()
        self.started_at = time.time()
        self.store = Store(state / STORE_FILE, self.limits.kept_messages)
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.turn = Turn(self.store.commit, self._fail)
        self.counters = Counters()
        self.sessions = Sessions(self.store, self.turn.changed)
        self.entry = OrderEntry(self.store, instruments, self.limits, self._post, time.time_ns, self._settled)
        self.clients = {
            shard: AsyncShardClient(found, self.store.client_id, shard=shard) for shard, found in addresses.items()
        }
        self.lanes = {
            shard: Lane(shard, client, self.entry, self.store.commit, self.turn.changed)
            for shard, client in self.clients.items()
        }
        self.feeds = {shard: self._feed(shard, addresses[shard]) for shard in addresses}
        self.channels = {shard: self._channel(shard) for shard in addresses}
        self.told = Told()
        self._asking: Counter[str] = Counter()
        self._tasks: set[asyncio.Task] = set()
        self._accounts = np.zeros(1, dtype=bool)
        self._renew_accounts()
        self.ports = {
            BINARY: Port(BINARY, self.turn, self.limits, self.now_ns, binary_wire.reader, self._binary),
            FIX: Port(FIX, self.turn, self.limits, self.now_ns, self._fix_frames, self._fix),
            MARKET_DATA: Port(MARKET_DATA, self.turn, self.limits, self.now_ns, _market_frames, self._market),
        }

    # Start and end

    def start(self) -> None:
        """Begin the work beside the ports."""
        for lane in self.lanes.values():
            self._spawn(lane.run())
        for feed in self.feeds.values():
            self._spawn(feed.run())
        for channel in self.channels.values():
            self._spawn(channel.run())
        self._spawn(self._checkpoints())

    def _spawn(self, work: Any) -> asyncio.Task:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fail(task.exception())

    def _fail(self, error: BaseException) -> None:
        """What cannot be filed or understood must not be answered: the process ends and begins again from its file."""
        if not self.failed.done():
            log.critical("the gateway cannot go on", exc_info=error)
            self.failed.set_exception(error)

    async def stop(self) -> None:
        """Say goodbye and file everything."""
        for port in self.ports.values():
            await port.close("the gateway stops; log on again in a moment")
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self.clients.values():
            await client.close()
        self.store.close()

    async def _checkpoints(self) -> None:
        """Keep the write-ahead log short; the fsyncs wait in a thread."""
        while True:
            await asyncio.sleep(CHECKPOINT_S)
            self.store.commit(everything=True)
            await asyncio.to_thread(checkpoint, self.store.path)

    # Shards

    def _feed(self, shard: int, addresses: list[str]) -> ShardFeed:
        return ShardFeed(
            shard, addresses, self.clients[shard], lambda: self.entry.places[shard].index + 1,
            lambda fed: self._fed(shard, fed), lambda: self._mend(shard),
        )  # fmt: skip

    async def _mend(self, shard: int) -> None:
        """The feed has gone on too far to be followed: learn by questions what was missed."""
        entry, client = self.entry, self.clients[shard]
        entry.mending.add(shard)
        while entry.sent[shard] is not None:  # its lane asks for that until it is answered
            await asyncio.sleep(MEND_POLL_S)
        for batch in mending.open_requests(entry, shard):
            mending.resolve(entry, batch, await _until_told(lambda b=batch: client.submit(b.commands, b.request)))
        answers = {
            account: await _until_told(lambda a=account: client.query_account(a))
            for account in mending.accounts_to_ask(entry, shard)
        }
        mending.mend(entry, shard, answers)
        entry.mending.discard(shard)
        self.turn.changed()
        self.lanes[shard].wake()

    def _channel(self, shard: int) -> Channel:
        codes = [self.instruments.code(shard, symbol) for symbol in range(self.instruments.symbols[shard])]
        return Channel(shard, codes, self.clients[shard], time.time_ns)

    def _fed(self, shard: int, fed: Any) -> None:
        """Entries of a feed and its heartbeats."""
        place = self.entry.places[shard]
        first = place.index < 0
        if self.entry.fed(shard, fed, self._accounts):
            self.turn.changed()
        if first or self.entry.queues[shard]:
            self.lanes[shard].wake()
        if len(fed.events):
            self.channels[shard].note(fed)

    def feed_is_silent(self, shard: int) -> bool:
        """Has nothing been heard of a shard for long?"""
        heard = self.feeds[shard].heard_at
        return heard is None or asyncio.get_running_loop().time() - heard > FEED_SILENT_S

    def _renew_accounts(self) -> None:
        accounts = self.credentials.accounts() | {order.account for order in self.entry.orders.values()}
        mask = np.zeros(max(accounts, default=0) + 2, dtype=bool)
        mask[list(accounts)] = True
        self._accounts = mask

    # Hall

    def now_ns(self) -> int:
        """Monotonic time."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """Time since 1970 UTC."""
        return time.time_ns()

    def _binary(self, edge: Any, now_ns: int) -> BinarySession:
        return BinarySession(self, edge, now_ns)

    def _fix(self, edge: Any, now_ns: int) -> FixSession:
        return FixSession(self, edge, now_ns)

    def _market(self, edge: Any, now_ns: int) -> MarketDataSession:
        return MarketDataSession(self.channels, self.told, edge, now_ns)

    def _fix_frames(self) -> FixFrames:
        return FixFrames(self.limits.message_bytes)

    def admit(self, protocol: str, session: str, secret: str) -> Rights | None:
        """Who logs on, or None."""
        try:
            self.credentials.refresh()
        except (OSError, CredentialsError) as error:
            log.error("the credentials stay as they were: %s", error)
        rights = self.credentials.admit(protocol, session, secret)
        self.counters.logons["accepted" if rights else "refused"] += 1
        self._renew_accounts()
        return rights

    def take(self, rights: Rights, ask: Ask, received_ns: int, allowed: bool) -> None:
        """Take an instruction; its reports come to the session."""
        self.counters.instructions[Kind(ask.kind).name.lower()] += 1
        self.entry.take(rights, ask, received_ns, allowed)
        lane = self.lanes.get(ask.shard)
        if lane is not None:
            self.turn.afterwards(lane.wake)

    def rejected(self, protocol: str, reason: int) -> None:
        """A message broke a rule of its protocol."""
        self.counters.session_rejects[f"{protocol}-{reason}"] += 1

    def _post(self, session: str, report: Report) -> None:
        if report.exec_type == reports.REJECTED or report.kind != reports.EXECUTION:
            self.counters.rejects[report.reason] += 1
        self.sessions.post(session, report)

    def _settled(self, instruction: Instruction) -> None:
        if instruction.received_ns:
            self.counters.latency.observe(self.now_ns() - instruction.received_ns)

    def ask(self, session: Any, rights: Rights, number: int, what: int, account: int, original_id: str) -> None:
        """Answer a query later by `session.answered` or `session.stated`."""
        wanted = What(what)
        if wanted is What.STATUS:
            session.stated(number, self.entry.status(rights, original_id))
            return
        if wanted is What.INSTRUMENTS:
            session.answered(number, wanted, queries.instrument_rows(self.instruments))
            return
        account = account or rights.accounts[0]
        if account not in rights.accounts:
            session.answered(number, wanted, "the account does not belong to this session")
        elif self._asking[rights.session] >= self.limits.queries_in_flight:
            session.answered(number, wanted, "too many queries wait for their answer")
        else:
            self._asking[rights.session] += 1
            self._spawn(self._answer(session, rights, number, wanted, account))

    async def _answer(self, session: Any, rights: Rights, number: int, what: What, account: int) -> None:
        cut = False
        try:
            found = await queries.ask_shards(self.clients, account)
            rows: list[tuple] | str = queries.rows_of(what, found, account, self.instruments)
            cut = queries.is_cut(what, found)
        except queries.NotAnswered as error:
            rows = str(error)
        finally:
            self._asking[rights.session] -= 1
        session.answered(number, what, rows, cut)


def _market_frames() -> Frames:
    return Frames(market_wire.MAX_CLIENT_FRAME)


async def _until_told(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Ask a shard until it answers."""
    while True:
        try:
            return await ask()
        except ShardUnavailable as error:
            log.warning("the gateway waits to be brought up to date: %s", error)
            await asyncio.sleep(MEND_AGAIN_S)
