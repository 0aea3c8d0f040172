"""Numbers of the matching contract; the records themselves are laid out in trading_sim.protocol.records."""

from enum import IntEnum

from trading_sim.protocol.records import COMMAND, EVENT

__all__ = [
    "COMMAND",
    "EVENT",
    "EVERY_SYMBOL",
    "FLAG_AUCTION",
    "MAX_BAND_TICKS",
    "MAX_PRICE_WITHOUT_BAND",
    "EventKind",
    "Kind",
    "OrderType",
    "Phase",
    "Reason",
    "Side",
    "Tif",
]

EVERY_SYMBOL = 0xFFFFFFFF
"""Symbol of a PHASE command that is meant for every symbol of the table."""

MAX_PRICE_WITHOUT_BAND = 262_143
"""Highest valid price, in ticks, of a symbol without a price band."""

MAX_BAND_TICKS = 262_144
"""Largest `high - low` a symbol table may ask for."""

FLAG_AUCTION = 1
"""Bit of `flags`: the trade was executed in an auction."""


class Kind(IntEnum):
    """What a command asks for."""

    NEW = 1
    CANCEL = 2
    REPLACE = 3
    PHASE = 4


class Side(IntEnum):
    """Which side of the book an order stands on."""

    BUY = 1
    SELL = 2


class OrderType(IntEnum):
    """Whether an order names its worst price."""

    LIMIT = 1
    MARKET = 2


class Tif(IntEnum):
    """Time in force: what becomes of a quantity that does not trade at once."""

    DAY = 1
    IOC = 2
    FOK = 3
    POST_ONLY = 4


class EventKind(IntEnum):
    """What an event reports."""

    ACCEPTED = 1
    REJECTED = 2
    TRADE = 3
    CANCELLED = 4
    REPLACED = 5
    PHASE = 6


class Reason(IntEnum):
    """Why an order was rejected or cancelled. Numbers are kept for ever; new ones are appended."""

    NONE = 0
    UNKNOWN_ORDER = 1
    DUPLICATE_ORDER = 2
    BAD_QTY = 3
    BAD_PRICE = 4
    BAD_SYMBOL = 5
    BAD_FIELD = 6
    PRICE_LIMIT = 7
    BAD_LOT = 8
    BAD_PHASE = 9
    WOULD_CROSS = 10
    NO_LIQUIDITY = 11
    IOC_REMAINDER = 12
    FOK_UNFILLED = 13
    USER = 14
    HALTED = 15
    CAPACITY = 16


class Phase(IntEnum):
    """Phase of a symbol. A core starts with every symbol in CONTINUOUS."""

    AUCTION = 1
    AUCTION_LOCKED = 2
    CONTINUOUS = 3
    CLOSED = 4
