"""Why an instruction was refused or an order ended, as one number for both protocols.

0 none; 1 … 99 the matching core's reason; 100 + n the pre-trade check n; 200 and more the gateway's own. Numbers keep their meaning.
"""

from __future__ import annotations

from enum import IntEnum

from trading_sim.matching.records import Reason
from trading_sim.risk.reasons import RiskReason

RISK_AT = 100
#: Event reasons from here on are pre-trade refusals that the core wrote itself (32 + RiskReason).
CORE_RISK_AT = 32
EXPIRED = 17


class GatewayReason(IntEnum):
    """Refused before anything was sent to a shard."""

    DUPLICATE_CLIENT_ID = 200
    UNKNOWN_INSTRUMENT = 201
    UNKNOWN_ORDER = 202
    NOT_YOUR_ACCOUNT = 203
    BAD_FIELD = 204
    MESSAGE_RATE = 205
    TOO_MANY_IN_FLIGHT = 206
    TOO_MANY_OPEN_ORDERS = 207
    TOO_MANY_TODAY = 208
    SHARD_REFUSED = 209
    NOTHING_LEFT = 210
    NOT_AVAILABLE = 211
    FILLS_NOT_KNOWN = 212


_TEXTS = {
    GatewayReason.DUPLICATE_CLIENT_ID: "this client order id was used today for another instruction",
    GatewayReason.UNKNOWN_INSTRUMENT: "no such instrument is traded here",
    GatewayReason.UNKNOWN_ORDER: "this session has no such open order",
    GatewayReason.NOT_YOUR_ACCOUNT: "the account does not belong to this session",
    GatewayReason.BAD_FIELD: "a field has a value that is not allowed",
    GatewayReason.MESSAGE_RATE: "more messages a second than this session may send",
    GatewayReason.TOO_MANY_IN_FLIGHT: "too many instructions wait for their answer",
    GatewayReason.TOO_MANY_OPEN_ORDERS: "too many open orders in this session",
    GatewayReason.TOO_MANY_TODAY: "too many instructions in this session today",
    GatewayReason.SHARD_REFUSED: "the shard refused the request as a whole, nothing was executed",
    GatewayReason.NOTHING_LEFT: "the new quantity is not above what was executed already",
    GatewayReason.NOT_AVAILABLE: "the shard does not answer now",
    GatewayReason.FILLS_NOT_KNOWN: "the order has ended while the gateway was away; ask for the fills of the account",
}


def reason_of_event(reason: int) -> int:
    """The number for an EVENT's reason."""
    return RISK_AT + reason - CORE_RISK_AT if reason >= CORE_RISK_AT else reason


def reason_of_risk(reason: int) -> int:
    """The number for a RISK_REJECT's reason."""
    return RISK_AT + reason


def reason_text(reason: int) -> str:
    """A few words for people."""
    if reason == 0:
        return ""
    if reason >= GatewayReason.DUPLICATE_CLIENT_ID:
        try:
            return _TEXTS[GatewayReason(reason)]
        except ValueError:
            return f"reason {reason}"
    names = RiskReason if reason >= RISK_AT else Reason
    number = reason - RISK_AT if reason >= RISK_AT else reason
    if names is Reason and number == EXPIRED:
        return "expired at the end of the day"
    try:
        return names(number).name.lower().replace("_", " ")
    except ValueError:
        return f"reason {reason}"
