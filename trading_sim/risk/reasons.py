"""Why the pre-trade checks refused a command, and the record that says so."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class RiskReason(IntEnum):
    """Numbers are part of the journal's contract: new ones may be appended, these keep their meaning."""

    NONE = 0
    UNKNOWN_ACCOUNT = 1
    ACCOUNT_SUSPENDED = 2
    CANCEL_ONLY = 3
    MALFORMED = 4  # kind, side, type, symbol, quantity or price that nothing can be frozen for
    NOT_OPERATOR = 5  # a PHASE command from a customer
    UNKNOWN_ORDER = 6  # CANCEL or REPLACE of an order of another day, or that never was, or that is done
    NOT_OWNER = 7  # CANCEL or REPLACE of somebody else's order
    ORDER_QUANTITY = 8  # fat finger: more shares than one order may have
    ORDER_NOTIONAL = 9  # fat finger: more money than one order may move
    PRICE_COLLAR = 10  # a LIMIT too far beyond the last price in the direction that hurts
    ORDER_RATE = 11  # too many orders of the account in this window of time
    INSUFFICIENT_CASH = 12
    INSUFFICIENT_POSITION = 13  # also: bought today, not sellable before tomorrow (T+1)
    CAPACITY = 14  # order ids of the day are used up
    NO_UPPER_BOUND = 15  # MARKET BUY of a symbol without a price band: nothing bounds its cost
    NOT_CLOSED = 16  # settlement while a symbol is not CLOSED
    ORDER_ID = 17  # an order id that does not rise: the sequencer is broken
    POSITION_LIMIT = 18  # with what it owns and has ordered, the account would own more than it may
    MARGIN_CALL = 19  # below the maintenance ratio: only orders that close a position
    NOT_AT_NAV = 20  # a fund is bought and redeemed at its net asset value only
    MINIMUM_AMOUNT = 21  # a subscription below the product's minimum
    INVESTOR_GRADE = 22  # the product is riskier than the investor may buy
    NOT_LENDABLE = 23  # a short sale of more shares than the broker has left to lend


#: Reason of an event REJECTED by the desk: this much more than the RiskReason.
RISK_BASE = 32


#: One refused command, 32 bytes. `order_id` and `seq` as the command had them.
RISK_REJECT = np.dtype(
    [
        ("seq", "<u8"),
        ("order_id", "<u8"),
        ("symbol", "<u4"),
        ("account", "<u4"),
        ("reason", "u1"),
        ("pad", "u1", (7,)),
    ]
)


class AccountStatus(IntEnum):
    """What an account may do."""

    ACTIVE = 0
    CANCEL_ONLY = 1
    SUSPENDED = 2
