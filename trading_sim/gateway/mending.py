"""What is done when a feed has gone on further than the shard keeps it: the missing events are worked out from questions. No I/O.

The shard's answer about an account says after which entry it holds (`index`): events up to there are told here, later ones come from the feed, which
is followed again from the lowest of these entries on; an order passes over what it was told already (`Order.as_of`). What cannot be
known, because the shard lists only the newest fills or another day has begun, is said to be unknown, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_sim.gateway.orders import Instruction, Order, Stage
from trading_sim.gateway.reasons import GatewayReason
from trading_sim.gateway.requests import Batch
from trading_sim.protocol.flow import VOID
from trading_sim.protocol.records import COMMAND

if TYPE_CHECKING:
    from trading_sim.gateway.order_entry import OrderEntry


def open_requests(entry: OrderEntry, shard: int) -> list[Batch]:
    """Requests whose fate is open, as they are asked for again: with commands that execute nothing, should the first never have arrived."""
    found: dict[int, list[Instruction]] = {}
    for one in entry.pending.values():
        if one.shard == shard and one.stage != Stage.QUEUED:
            found.setdefault(one.request, []).append(one)
    batches = []
    for request, instructions in sorted(found.items()):
        commands = np.zeros(max(one.position for one in instructions) + 1, COMMAND)
        commands["kind"] = VOID
        batches.append(Batch(shard, request, commands, instructions))
    return batches


def resolve(entry: OrderEntry, batch: Batch, reply: Any) -> None:
    """Take the answer to a request that was asked for again; what it does not tell was never executed."""
    entry.reporter.reply(batch, reply, entry.now_ns())
    for instruction in batch.instructions:
        if instruction.number in entry.pending:
            entry.reporter.refuse_queued(instruction, GatewayReason.SHARD_REFUSED)


def accounts_to_ask(entry: OrderEntry, shard: int) -> list[int]:
    """Accounts that have open orders on the shard."""
    return sorted({order.account for order in _known_to(entry, shard)})


def _known_to(entry: OrderEntry, shard: int) -> list[Order]:
    """Open orders that the shard knows; others wait in the queue."""
    return [order for order in entry.orders.values() if order.shard == shard and order.order_id]


def mend(entry: OrderEntry, shard: int, answers: Mapping[int, Mapping[str, Any]]) -> None:
    """Bring all open orders of a shard to what the answers (account → `query_account`) say, and the place in its feed with them."""
    for order in _known_to(entry, shard):
        _mend_order(entry, order, answers[order.account])
    place = entry.places[shard]
    place.index = min((told["index"] for told in answers.values()), default=-1)
    entry.new_day(shard, max((told["day"] for told in answers.values()), default=place.day))
    entry.store.put_place(place)


def _mend_order(entry: OrderEntry, order: Order, told: Mapping[str, Any]) -> None:
    order.as_of = told["index"]
    entry.store.put_order(order)
    reporter, now = entry.reporter, entry.now_ns()
    if told["day"] > order.day:
        reporter.expired_unseen(order, now)
        return
    left = next((row["leaves"] for row in told["open_orders"] if row["order_id"] == order.order_id), None)
    seen = order.cum
    fills = [row for row in told["fills"] if row["order_id"] == order.order_id]
    complete = not told["fills_cut"] or sum(row["quantity"] for row in fills) + (left or 0) == order.qty
    if complete:
        for number, row in enumerate(fills):
            missing = min(row["quantity"], max(0, row["quantity"] - seen))
            seen = max(0, seen - row["quantity"])
            if missing and order.open:
                reporter.fill(order, row["price"], missing, now, f"{order.shard}-q{row['seq']}-{number}")
    if not order.open:
        return
    listed = told["open_orders_total"] <= len(told["open_orders"])
    if left is None and listed:
        reporter.ended_unseen(order, now, certain=complete)
    elif not complete or (left is None and not listed):
        reporter.unknown_unseen(order, left, now)
