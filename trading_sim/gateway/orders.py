"""Orders and instructions as the gateway keeps them until they end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from trading_sim.gateway import reports


class Kind(IntEnum):
    """What an instruction asks for; the numbers of the matching contract."""

    NEW = 1
    CANCEL = 2
    REPLACE = 3


class Stage(IntEnum):
    """How far an instruction has come. TOLD: sent, unanswered for long, and the client has been told that it is pending."""

    QUEUED = 0
    SENT = 1
    TOLD = 2
    DONE = 3


@dataclass(slots=True)
class Ask:
    """What a client wants, as a protocol has read it. `qty` of a REPLACE is the new total quantity, executed part included."""

    kind: int
    client_id: str
    original_id: str = ""
    account: int = 0
    shard: int = 0
    symbol: int = 0
    side: int = 0
    type: int = 0
    tif: int = 0
    price: int = 0
    qty: int = 0


@dataclass(slots=True)
class Order:
    """One order. `number` is that of its NEW instruction; `client_id` the newest accepted one; `qty` = cum + leaves while it lives;
    `as_of`: the entry of the shard's journal up to which its events are told, when they were not taken from the feed."""

    number: int
    session: str
    client_id: str
    shard: int
    symbol: int
    account: int
    side: int
    type: int
    tif: int
    price: int
    qty: int
    order_id: int = 0
    cum: int = 0
    leaves: int = 0
    notional: int = 0
    status: str = reports.PENDING_NEW
    day: int = 0
    as_of: int = 0

    @property
    def open(self) -> bool:
        """May something still happen to it?"""
        return self.status in (reports.PENDING_NEW, reports.NEW, reports.PARTLY)

    def live_status(self) -> str:
        """The status by quantity, of an order that rests."""
        if self.leaves == 0:
            return reports.FILLED
        return reports.PARTLY if self.cum else reports.NEW


@dataclass(slots=True)
class Instruction:
    """One message of a client with an id of its own. `order` is the number of the order it is about; `request` and `position` say where in
    which of the shard's requests it went; `received_ns` (monotonic) is not kept."""

    number: int
    session: str
    client_id: str
    kind: int
    order: int
    shard: int
    price: int
    qty: int
    original_id: str = ""
    request: int = 0
    position: int = 0
    stage: int = Stage.QUEUED
    digest: str = ""
    received_ns: int = 0

    @property
    def pending(self) -> bool:
        """Is its fate still open?"""
        return self.stage != Stage.DONE


def digest_of(ask: Ask) -> str:
    """What must be equal for a repeated client order id to be the same instruction."""
    return f"{ask.kind}|{ask.original_id}|{ask.account}|{ask.shard}|{ask.symbol}|{ask.side}|{ask.type}|{ask.tif}|{ask.price}|{ask.qty}"
