"""Order entry: takes instructions from sessions, gives them to the shards in requests, and makes reports of what the feeds tell.

Pure: no I/O but the injected store, time is handed in. What makes it exact:

- An instruction is on file before the client can learn that it arrived, and the request that carries it is on file, with its number and bytes,
  before it is sent. One request of a shard is under way at a time, and it is sent again with the same number until it is answered, by this
  process or the next; the shard executes a number once. So a client order id is executed at most once, through failover of shard and gateway.
- Reports come from the shard's feed alone, entry by entry, in the journal's order, and are filed in the same transaction as the place in the
  feed. After a kill the feed is read on from that place, so no report is lost or made twice. Answers to requests only tell that the next
  request may go, and what the order ids are; only when the feed has already been followed past an answer's entry is the answer itself taken.
- An instruction without an answer for long is reported as pending (exec types A, 6, E) and stays so until the shard tells.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from trading_sim.gateway.instruments import Instruments
from trading_sim.gateway.limits import Limits
from trading_sim.gateway.orders import Ask, Instruction, Kind, Order, Stage, digest_of
from trading_sim.gateway.reasons import GatewayReason
from trading_sim.gateway.reporting import Reporter
from trading_sim.gateway.reports import Report
from trading_sim.gateway.requests import MAX_BATCH, Batch, command_of
from trading_sim.gateway.store import Place, Store
from trading_sim.protocol.records import COMMAND

log = logging.getLogger(__name__)

Post = Callable[[str, Report], None]


@dataclass(frozen=True)
class Rights:
    """Who a session is and which accounts it may trade for; the first one is meant when a message names none."""

    session: str
    accounts: tuple[int, ...]


class OrderEntry:
    """See the module. `post(session, report)` numbers and files a report and sends it when the session is there; `now_ns` is wall time."""

    def __init__(
        self,
        store: Store,
        instruments: Instruments,
        limits: Limits,
        post: Post,
        now_ns: Callable[[], int],
        settled: Callable[[Instruction], None] = lambda instruction: None,
    ) -> None:
        self.store, self.instruments, self.limits, self._post, self._now = store, instruments, limits, post, now_ns
        self._settled = settled
        self.client_id = store.client_id
        self.places = {shard: Place(shard) for shard in instruments.symbols}
        self.places |= {place.shard: place for place in store.places() if place.shard in self.places}
        self.orders = {order.number: order for order in store.open_orders()}
        self.by_order_id = {(one.shard, one.order_id): one for one in self.orders.values() if one.order_id}
        self.pending = {one.number: one for one in store.pending()}
        self._by_client = {(one.session, one.client_id): one for one in self.pending.values()}
        self.queues: dict[int, deque[Instruction]] = {shard: deque() for shard in self.places}
        self.sent: dict[int, Batch | None] = dict.fromkeys(self.places)
        self._next_number = store.last_number() + 1
        self.mending: set[int] = (
            set()
        )  # shards whose feed was lost: nothing new goes out until their orders are brought up to date
        self.open_orders = Counter(order.session for order in self.orders.values())
        self.in_flight = Counter(one.session for one in self.pending.values())
        self.today = Counter(store.counts())
        self.reporter = Reporter(self)
        self._recover()

    def _recover(self) -> None:
        """Put every instruction of the last life back where it was: in its queue, or in the request that is sent again."""
        for shard, place in self.places.items():
            mine = [one for one in self.pending.values() if one.shard == shard]
            self.queues[shard].extend(one for one in mine if one.stage == Stage.QUEUED)
            under_way = [one for one in mine if one.stage != Stage.QUEUED and one.request == place.request]
            if under_way:
                under_way.sort(key=lambda one: one.position)
                commands = np.frombuffer(place.commands, COMMAND)
                self.sent[shard] = Batch(shard, place.request, commands, under_way)

    # What sessions ask

    def take(self, rights: Rights, ask: Ask, received_ns: int = 0, allowed: bool = True) -> None:
        """Take one instruction, or report why not. `allowed`: the session is within its message rate."""
        known = self.find(rights.session, ask.client_id)
        if known is not None:
            self.reporter.repeated(known, ask)
            return
        order = self._target(rights, ask)
        reason = self._objection(rights, ask, order) if allowed else GatewayReason.MESSAGE_RATE
        if reason is not None:
            self.reporter.refuse(rights.session, ask, order, reason)
            return
        number, self._next_number = self._next_number, self._next_number + 1
        day = self.places[ask.shard].day
        if ask.kind == Kind.NEW:
            order = Order(
                number, rights.session, ask.client_id, ask.shard, ask.symbol, ask.account, ask.side, ask.type, ask.tif,
                ask.price, ask.qty, leaves=ask.qty, day=day,
            )  # fmt: skip
            self.orders[number] = order
            self.open_orders[rights.session] += 1
            self.store.put_order(order)
        instruction = Instruction(
            number, rights.session, ask.client_id, ask.kind, order.number, ask.shard, ask.price, ask.qty,
            ask.original_id, digest=digest_of(ask), received_ns=received_ns,
        )  # fmt: skip
        self.pending[number] = self._by_client[rights.session, ask.client_id] = instruction
        self.in_flight[rights.session] += 1
        self.today[rights.session] += 1
        self.queues[ask.shard].append(instruction)
        self.store.put_instruction(instruction, day)

    def status(self, rights: Rights, client_id: str) -> Report | None:
        """How the order that this client order id is about stands; None when there is none today."""
        known = self.find(rights.session, client_id)
        order = self.order_of(known) if known is not None else None
        return None if order is None else self.reporter.status(order, client_id)

    def find(self, session: str, client_id: str) -> Instruction | None:
        """Today's instruction with this client order id."""
        return self._by_client.get((session, client_id)) or self.store.instruction(session, client_id)

    def order_of(self, instruction: Instruction) -> Order | None:
        """The order that an instruction is about, also when it has ended."""
        return self.orders.get(instruction.order) or self.store.order(instruction.order)

    def _target(self, rights: Rights, ask: Ask) -> Order | None:
        """The order that a cancel or replace is about; fills in what the message leaves out."""
        if ask.kind == Kind.NEW:
            return None
        known = self.find(rights.session, ask.original_id)
        order = self.order_of(known) if known is not None else None
        if order is not None:
            ask.shard, ask.symbol, ask.account, ask.side = order.shard, order.symbol, order.account, order.side
            ask.type, ask.tif = order.type, order.tif
        return order

    def _objection(self, rights: Rights, ask: Ask, order: Order | None) -> GatewayReason | None:
        if ask.kind == Kind.NEW:
            if self.instruments.at(ask.shard, ask.symbol) is None:
                return GatewayReason.UNKNOWN_INSTRUMENT
            if self.open_orders[rights.session] >= self.limits.open_orders:
                return GatewayReason.TOO_MANY_OPEN_ORDERS
        elif order is None or not order.open:
            return GatewayReason.UNKNOWN_ORDER
        if ask.account not in rights.accounts:
            return GatewayReason.NOT_YOUR_ACCOUNT
        if self.in_flight[rights.session] >= self.limits.in_flight:
            return GatewayReason.TOO_MANY_IN_FLIGHT
        if self.today[rights.session] >= self.limits.instructions_per_day:
            return GatewayReason.TOO_MANY_TODAY
        return None

    # What the lanes ask

    def next_batch(self, shard: int) -> Batch | None:
        """The next request of a shard, filed under its number; None when nothing waits. The one before must be answered."""
        queue, chosen, records = self.queues[shard], [], []
        fresh: set[int] = set()
        while queue and len(chosen) < MAX_BATCH:
            instruction = queue[0]
            if instruction.kind == Kind.NEW:
                fresh.add(instruction.order)
            elif instruction.order in fresh:
                break  # its order goes out in this very request: the id that it must name is not given yet
            record = command_of(instruction, self.orders.get(instruction.order))
            queue.popleft()
            if isinstance(record, GatewayReason):
                self.reporter.refuse_queued(instruction, record)
                continue
            instruction.position = len(chosen)
            chosen.append(instruction)
            records.append(record)
            instruction.stage = Stage.SENT
        if not chosen:
            return None
        place = self.places[shard]
        commands = np.array(records, dtype=COMMAND)
        place.request, place.commands = place.request + 1, commands.tobytes()
        for instruction in chosen:
            instruction.request = place.request
            self.store.put_instruction(instruction, place.day)
        self.store.put_place(place)
        self.sent[shard] = Batch(shard, place.request, commands, chosen)
        return self.sent[shard]

    def replied(self, batch: Batch, order_ids: Iterable[int]) -> None:
        """The shard has answered: the ids are known, the next request may go."""
        for instruction, order_id in zip(batch.instructions, order_ids, strict=True):
            order = self.orders.get(instruction.order)
            if instruction.kind == Kind.NEW and order is not None and not order.order_id:
                order.order_id = int(order_id)
                self.by_order_id[order.shard, order.order_id] = order
                self.store.put_order(order)
        self.sent[batch.shard] = None

    def in_doubt(self, batch: Batch) -> None:
        """No answer for long: say so to the clients, once."""
        for instruction in batch.instructions:
            if instruction.stage == Stage.SENT and instruction.number in self.pending:
                instruction.stage = Stage.TOLD
                self.store.put_instruction(instruction, self.places[instruction.shard].day)
                self.reporter.pending(instruction, self._now())

    def refused(self, batch: Batch, certain: bool, text: str) -> None:
        """The shard refuses the request for good. `certain`: nothing of it was executed."""
        log.error("shard %d refused request %d: %s", batch.shard, batch.request, text)
        self.sent[batch.shard] = None
        if not certain:
            self.in_doubt(batch)
            return
        for instruction in batch.instructions:
            if instruction.number in self.pending:
                self.reporter.refuse_queued(instruction, GatewayReason.SHARD_REFUSED)

    # What the feeds tell

    def fed(self, shard: int, entry: object, accounts: np.ndarray) -> bool:
        """Take the next entry of a shard's feed (`shard.feed.Fed`); true when it concerned somebody here.

        `accounts` is a mask over account ids: whose events are looked at. An entry at or before the place is passed over.
        """
        place = self.places[shard]
        if place.index >= 0 and entry.index <= place.index:
            return False
        place.index = entry.index
        touched = self.reporter.entry(shard, entry, accounts)
        self.store.put_place(place, lazy=not touched)
        return touched

    def answered_late(self, batch: Batch, reply: object) -> None:
        """Take an answer whose entry lies behind the place in the feed (it was passed over when the feed was lost)."""
        if reply.index <= self.places[batch.shard].index and any(
            one.number in self.pending for one in batch.instructions
        ):
            self.reporter.reply(batch, reply, self._now())

    def new_day(self, shard: int, day: int) -> None:
        """A shard has begun another day: yesterday's client order ids are free again."""
        place = self.places[shard]
        if day <= place.day:
            return
        place.day = day
        self.store.forget_day(shard, day)
        self.today.clear()  # counted anew; what is left from yesterday on other shards is small

    # What answers change

    def post(self, session: str, report: Report) -> None:
        """Send a report on its way."""
        self._post(session, report)

    def now_ns(self) -> int:
        """Wall time for reports that no entry dates."""
        return self._now()

    def settle(self, instruction: Instruction) -> None:
        """The fate of an instruction is known."""
        instruction.stage = Stage.DONE
        if self.pending.pop(instruction.number, None) is not None:
            self.in_flight[instruction.session] -= 1
            self._settled(instruction)
        self._by_client.pop((instruction.session, instruction.client_id), None)
        self.store.put_instruction(instruction, self.places[instruction.shard].day)

    def end(self, order: Order) -> None:
        """The order cannot change any more."""
        if self.orders.pop(order.number, None) is not None:
            self.open_orders[order.session] -= 1
        self.by_order_id.pop((order.shard, order.order_id), None)
        self.store.put_order(order)
