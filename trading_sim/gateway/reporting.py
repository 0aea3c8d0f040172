"""What events of a shard and refusals of the gateway do to orders, and the reports that tell of it.

An execution id is `shard-entry-position` (position of the event in its entry; `m`: seen from the resting side; `r`: a refusal), so whoever
reads the journal again makes the same id, and two reports with one id are one execution.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_sim.gateway import reports
from trading_sim.gateway.orders import Ask, Instruction, Kind, Order, digest_of
from trading_sim.gateway.reasons import EXPIRED, GatewayReason, reason_of_event, reason_of_risk, reason_text
from trading_sim.gateway.reports import Report
from trading_sim.matching.records import EventKind

if TYPE_CHECKING:
    from trading_sim.gateway.order_entry import OrderEntry
    from trading_sim.gateway.requests import Batch

log = logging.getLogger(__name__)

SETTLED = 5  # price of the PHASE event that ends a day; its quantity is the number of the new one
REPEATED = "this client order id was executed once; this is how its order stands"


class Reporter:
    """Belongs to one OrderEntry and changes its orders."""

    def __init__(self, entry: OrderEntry) -> None:
        self._entry = entry
        self._refusals = 0

    # Refused or answered here

    def refuse(self, session: str, ask: Ask, order: Order | None, reason: int) -> None:
        """An instruction is not taken."""
        now, text = self._entry.now_ns(), reason_text(reason)
        self._refusals += 1
        name = f"g-{now}-{self._refusals % 1_000_000}"
        if ask.kind == Kind.NEW:
            report = Report(
                reports.EXECUTION, now, name, reports.REJECTED, reports.REJECTED, ask.client_id, "", 0, ask.shard,
                ask.symbol, ask.account, ask.side, ask.type, ask.tif, ask.price, ask.qty, reason=reason, text=text,
            )  # fmt: skip
        else:
            report = _cancel_reject(order, ask.client_id, ask.original_id, ask.kind, now, name, reason)
        self._entry.post(session, report)

    def refuse_queued(self, instruction: Instruction, reason: int) -> None:
        """An instruction that was taken turns out to be impossible; nothing of it was executed."""
        self._reject(instruction, self._entry.now_ns(), f"g-{instruction.number}", reason)

    def repeated(self, known: Instruction, ask: Ask) -> None:
        """The client order id was used before: the same instruction is answered with its order's state, another one refused."""
        entry = self._entry
        order = entry.order_of(known)
        if order is not None and _equal(known, ask):
            entry.post(known.session, self.status(order, ask.client_id, REPEATED))
            return
        reason = GatewayReason.DUPLICATE_CLIENT_ID
        report = Report(
            reports.REFUSED, entry.now_ns(), "0", "", "", ask.client_id, ask.original_id, 0, ask.shard, ask.symbol,
            ask.account, ask.side, ask.type, ask.tif, ask.price, ask.qty, reason=reason, replaces=ask.kind,
            text=reason_text(reason),
        )  # fmt: skip
        entry.post(known.session, report)

    def status(self, order: Order, client_id: str, text: str = "") -> Report:
        """How an order stands."""
        return _execution(order, reports.STATUS, order.status, client_id, "", self._entry.now_ns(), "0", text=text)

    def pending(self, instruction: Instruction, now_ns: int) -> None:
        """Nobody knows yet what became of the instruction."""
        codes = {
            Kind.NEW: reports.PENDING_NEW,
            Kind.CANCEL: reports.PENDING_CANCEL,
            Kind.REPLACE: reports.PENDING_REPLACE,
        }
        code = codes[Kind(instruction.kind)]
        order = self._entry.order_of(instruction)
        if order is not None:
            report = _execution(
                order, code, code, instruction.client_id, instruction.original_id, now_ns, f"p-{instruction.number}",
                text="the shard has not answered yet: the outcome is unknown and will be reported",
            )  # fmt: skip
            self._entry.post(instruction.session, report)

    # Told by a shard

    def entry(self, shard: int, entry: Any, accounts: np.ndarray) -> bool:
        """Apply one entry of a feed; true when it concerned an order here."""
        own = self._own(shard, entry)
        events = entry.events
        if len(events):
            ends = np.flatnonzero((events["kind"] == EventKind.PHASE) & (events["price"] == SETTLED))
            concerns = self._concerning(events, entry.parties, accounts, everything=bool(own))
            touched = self._apply(shard, entry.index, entry.now_ns, events, concerns, entry.rejects, own)
            if len(ends):
                self._entry.new_day(shard, int(events["qty"][ends[-1]]))
            return touched or bool(own) or bool(len(ends))
        if own:
            self._apply(shard, entry.index, entry.now_ns, events, [], entry.rejects, own)
        return bool(own)

    def reply(self, batch: Batch, reply: Any, now_ns: int) -> None:
        """Apply an answer to a request of this gateway."""
        own = {reply.seq + one.position: one for one in batch.instructions}
        self._apply(batch.shard, reply.index, now_ns, reply.events, range(len(reply.events)), reply.rejects, own)

    def _own(self, shard: int, entry: Any) -> dict[int, Instruction]:
        """seq → instruction, of an entry that carries a request of this gateway."""
        if entry.client_id != self._entry.client_id or not len(entry.commands):
            return {}
        waiting = [one for one in self._entry.pending.values() if one.shard == shard and one.request == entry.request]
        seqs = entry.commands["seq"].tolist()
        return {seqs[one.position]: one for one in waiting if one.position < len(seqs)}

    @staticmethod
    def _concerning(events: np.ndarray, parties: np.ndarray, accounts: np.ndarray, everything: bool) -> Any:
        if everything or len(parties) != len(events):
            return range(len(events))
        top = len(accounts) - 1
        mask = accounts[np.minimum(parties["account"], top)] | accounts[np.minimum(parties["other"], top)]
        return np.flatnonzero(mask).tolist()

    def _apply(
        self, shard: int, index: int, now_ns: int, events: np.ndarray, concerns: Any, rejects: np.ndarray,
        own: dict[int, Instruction],
    ) -> bool:  # fmt: skip
        """Events and refusals in the order of their commands; returns whether an order here was concerned."""
        touched = False
        steps = [(int(events["seq"][at]), 0, at) for at in concerns]
        if own and len(rejects):
            steps += [(int(seq), 1, at) for at, seq in enumerate(rejects["seq"].tolist()) if seq in own]
            steps.sort()
        for seq, refused, at in steps:
            instruction = own.get(seq)
            if refused:
                self._reject(instruction, now_ns, f"{shard}-{index}-r{at}", reason_of_risk(int(rejects["reason"][at])))
                touched = True
            else:
                touched |= self._event(shard, index, at, now_ns, events[at].item(), instruction)
        return touched

    def _event(
        self, shard: int, index: int, at: int, now_ns: int, event: tuple, instruction: Instruction | None
    ) -> bool:
        _, order_id, maker_id, price, qty, leaves, _, kind, reason, _, _ = event
        exec_id = f"{shard}-{index}-{at}"
        if kind == EventKind.TRADE:
            taker, maker = self._order(shard, order_id, index), self._order(shard, maker_id, index)
            for order, name in ((taker, exec_id), (maker, exec_id + "m")):
                if order is not None:
                    self.fill(order, price, qty, now_ns, name)
            return taker is not None or maker is not None
        entry = self._entry
        if kind == EventKind.REJECTED:
            if instruction is not None and instruction.number in entry.pending:
                self._reject(instruction, now_ns, exec_id, reason_of_event(reason))
            return instruction is not None
        if kind == EventKind.ACCEPTED:
            return instruction is not None and self._accept(instruction, order_id, now_ns, exec_id)
        order = self._order(shard, order_id, index)
        if order is None:
            return False
        if kind == EventKind.CANCELLED:
            self._cancel(order, instruction, now_ns, exec_id, reason)
        elif kind == EventKind.REPLACED:
            self._replace(order, instruction, price, leaves, now_ns, exec_id)
        return True

    def _order(self, shard: int, order_id: int, index: int) -> Order | None:
        """The order here with a shard's id, unless its part of this entry was told already."""
        order = self._entry.by_order_id.get((shard, order_id))
        return order if order is not None and order.as_of < index else None

    def _accept(self, instruction: Instruction, order_id: int, now_ns: int, exec_id: str) -> bool:
        entry = self._entry
        order = entry.orders.get(instruction.order)
        if order is None:
            return False
        order.order_id, order.status = order_id, reports.NEW
        order.day = entry.places[order.shard].day
        entry.by_order_id[order.shard, order_id] = order
        entry.store.put_order(order)
        entry.settle(instruction)
        self._post(order, _execution(order, reports.NEW, reports.NEW, order.client_id, "", now_ns, exec_id))
        return True

    def fill(self, order: Order, price: int, qty: int, now_ns: int, exec_id: str) -> None:
        """Some of an order was executed."""
        order.cum, order.leaves, order.notional = order.cum + qty, order.leaves - qty, order.notional + price * qty
        order.status = order.live_status()
        report = _execution(order, reports.TRADE, order.status, order.client_id, "", now_ns, exec_id, (price, qty))
        if order.leaves == 0:
            self._entry.end(order)
        else:
            self._entry.store.put_order(order)
        self._post(order, report)

    def _cancel(self, order: Order, instruction: Instruction | None, now_ns: int, exec_id: str, reason: int) -> None:
        code = reports.EXPIRED if reason == EXPIRED else reports.CANCELLED
        order.status, order.leaves = code, 0
        asked = instruction if instruction is not None and instruction.kind == Kind.CANCEL else None
        client_id, original = (asked.client_id, asked.original_id) if asked else (order.client_id, "")
        told = reason_of_event(reason)
        self._entry.end(order)
        if asked is not None:
            self._entry.settle(asked)
        text = "" if asked else reason_text(told)
        self._post(order, _execution(order, code, code, client_id, original, now_ns, exec_id, reason=told, text=text))

    def _replace(
        self, order: Order, instruction: Instruction | None, price: int, leaves: int, now_ns: int, exec_id: str
    ) -> None:
        order.price, order.leaves, order.qty = price, leaves, order.cum + leaves
        original = ""
        if instruction is not None and instruction.kind == Kind.REPLACE:
            original, order.client_id = instruction.original_id, instruction.client_id
            self._entry.settle(instruction)
        order.status = order.live_status()
        self._entry.store.put_order(order)
        self._post(order, _execution(order, reports.REPLACED, order.status, order.client_id, original, now_ns, exec_id))

    # Events that nobody saw: the feed was lost

    def expired_unseen(self, order: Order, now_ns: int) -> None:
        """The order's day is over, and nobody lists its fills any more."""
        self._unseen_end(order, reports.EXPIRED, now_ns, GatewayReason.FILLS_NOT_KNOWN)

    def ended_unseen(self, order: Order, now_ns: int, certain: bool) -> None:
        """The order rests no longer. `certain`: all its fills are told, so the rest was cancelled."""
        self._unseen_end(order, reports.CANCELLED, now_ns, 0 if certain else GatewayReason.FILLS_NOT_KNOWN)

    def _unseen_end(self, order: Order, code: str, now_ns: int, reason: int) -> None:
        order.status, order.leaves = code, 0
        self._entry.end(order)
        text = reason_text(reason) or "cancelled while the gateway was away"
        name = f"{order.shard}-e{order.order_id}"
        self._post(order, _execution(order, code, code, order.client_id, "", now_ns, name, reason=reason, text=text))

    def unknown_unseen(self, order: Order, left: int | None, now_ns: int) -> None:
        """Fills of the order are missing here, and it may live on. `left`: its open quantity, if the shard listed it."""
        if left is not None:
            order.cum, order.leaves, order.qty = (
                max(order.cum, order.qty - left),
                left,
                max(order.cum + left, order.qty),
            )
            order.status = order.live_status()
            self._entry.store.put_order(order)
        reason = GatewayReason.FILLS_NOT_KNOWN
        self._post(
            order,
            _execution(
                order, reports.STATUS, order.status, order.client_id, "", now_ns, "0", reason=reason,
                text="fills are missing here: ask for the fills of the account",
            ),
        )  # fmt: skip

    def _reject(self, instruction: Instruction, now_ns: int, exec_id: str, reason: int) -> None:
        entry = self._entry
        order = entry.order_of(instruction)
        entry.settle(instruction)
        if order is None:
            log.error("instruction %d was refused, and its order is not on file", instruction.number)
        elif instruction.kind == Kind.NEW:
            order.status, order.leaves = reports.REJECTED, 0
            entry.end(order)
            report = _execution(
                order, reports.REJECTED, reports.REJECTED, order.client_id, "", now_ns, exec_id, reason=reason,
                text=reason_text(reason),
            )  # fmt: skip
            self._post(order, report)
        else:
            self._post(
                order,
                _cancel_reject(
                    order, instruction.client_id, instruction.original_id, instruction.kind, now_ns, exec_id, reason
                ),
            )

    def _post(self, order: Order, report: Report) -> None:
        self._entry.post(order.session, report)


def _equal(known: Instruction, ask: Ask) -> bool:
    """Does a repeated message say the same? Fields of a cancel or replace that come from its order are not compared."""
    if ask.kind == Kind.NEW:
        return known.digest == digest_of(ask)
    return (known.kind, known.original_id, known.price, known.qty) == (ask.kind, ask.original_id, ask.price, ask.qty)


def _execution(
    order: Order, exec_type: str, status: str, client_id: str, original: str, now_ns: int, exec_id: str,
    last: tuple[int, int] = (0, 0), reason: int = 0, text: str = "",
) -> Report:  # fmt: skip
    return Report(
        reports.EXECUTION, now_ns, exec_id, exec_type, status, client_id, original, order.order_id, order.shard,
        order.symbol, order.account, order.side, order.type, order.tif, order.price, order.qty, *last, order.leaves,
        order.cum, order.notional, reason, 0, text,
    )  # fmt: skip


def _cancel_reject(
    order: Order | None, client_id: str, original: str, kind: int, now_ns: int, exec_id: str, reason: int
) -> Report:
    text = reason_text(reason)
    if order is None:
        return Report(
            reports.CANCEL_REJECT, now_ns, exec_id, "", reports.REJECTED, client_id, original, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            reason=reason, replaces=kind, text=text,
        )  # fmt: skip
    return Report(
        reports.CANCEL_REJECT, now_ns, exec_id, "", order.status, client_id, original, order.order_id, order.shard,
        order.symbol, order.account, order.side, order.type, order.tif, order.price, order.qty, 0, 0, order.leaves,
        order.cum, order.notional, reason, kind, text,
    )  # fmt: skip
