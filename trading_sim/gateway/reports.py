"""What a session is told about its orders, the same for every protocol; protocols only write it in their own bytes.

Codes are those of FIX 4.4: `exec_type` (tag 150) and `status` (tag 39) are one character each.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass

EXECUTION, CANCEL_REJECT, REFUSED = "X", "C", "R"

PENDING_NEW, PENDING_CANCEL, PENDING_REPLACE = "A", "6", "E"
NEW, TRADE, CANCELLED, REPLACED, REJECTED, EXPIRED, STATUS = "0", "F", "4", "5", "8", "C", "I"
PARTLY, FILLED = "1", "2"


@dataclass(frozen=True, slots=True)
class Report:
    """`kind`: EXECUTION, CANCEL_REJECT (a cancel or replace was refused, the order lives on) or REFUSED (an instruction was not
    taken at all; no order changes). Prices in ticks (fen), quantities in shares or contracts, `notional` = sum of price times quantity of
    all executions; `exec_id` names the event for ever; `order_id` is the shard's, 0 while unknown; `replaces` tells what a
    refused instruction wanted: 2 cancel, 3 replace."""

    kind: str
    time_ns: int
    exec_id: str
    exec_type: str
    status: str
    client_id: str
    original_id: str
    order_id: int
    shard: int
    symbol: int
    account: int
    side: int
    type: int
    tif: int
    price: int
    qty: int
    last_price: int = 0
    last_qty: int = 0
    leaves: int = 0
    cum: int = 0
    notional: int = 0
    reason: int = 0
    replaces: int = 0
    text: str = ""

    def to_json(self) -> str:
        """One line for the store."""
        return json.dumps(astuple(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read what `to_json` wrote."""
        return cls(*json.loads(text))
