"""Requests to a shard: which command an instruction becomes, as late as possible."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading_sim.gateway.orders import Instruction, Kind, Order
from trading_sim.gateway.reasons import GatewayReason

#: Instructions of one request: large enough for the journal, small enough for one turn of the event loop.
MAX_BATCH = 256


@dataclass(slots=True)
class Batch:
    """One request: its number for the shard, COMMAND records, and the instructions aligned with them."""

    shard: int
    request: int
    commands: np.ndarray
    instructions: list[Instruction]


def command_of(instruction: Instruction, order: Order | None) -> tuple | GatewayReason:
    """The fields of the COMMAND record, or why there is none any more.

    A shard's REPLACE names the new open quantity, a client the new total: the executed part is taken off now. A fill that
    happens between now and the execution adds to the total; the report then tells the true one.
    """
    if order is None or not order.open:
        return GatewayReason.UNKNOWN_ORDER
    if instruction.kind == Kind.NEW:
        return (
            0, 0, order.price, order.qty, order.symbol, order.account, Kind.NEW, order.side, order.type, order.tif,
        )  # fmt: skip
    if not order.order_id:
        return GatewayReason.NOT_AVAILABLE
    qty = order.leaves
    if instruction.kind == Kind.REPLACE:
        qty = instruction.qty - order.cum
        if qty <= 0:
            return GatewayReason.NOTHING_LEFT
    price = instruction.price if instruction.kind == Kind.REPLACE else order.price
    return (
        0, order.order_id, price, qty, order.symbol, order.account, instruction.kind, order.side, order.type, order.tif,
    )  # fmt: skip
