"""Commands and events as short lines of text, so that hand-made sequences can be read aloud.

    BUY 1 5@100 IOC          NEW, order 1, five shares at 100, tif IOC (DAY when left out)
    SELL 2 5@MARKET          NEW, MARKET order
    CANCEL 1                 REPLACE 1 3@101
    PHASE AUCTION            to every symbol; any number may stand for the name
    … on 1                   any command may end in the symbol (0 when left out; PHASE: every symbol)

Events: kind, side, order (taker/maker), quantity@price, `left` open quantity when not 0, reason, `auction`, symbol
when not 0. A PHASE event is "PHASE 3 on 0", with its reason when a breaker caused it.
"""

import numpy as np

from trading_sim.matching.records import (
    COMMAND,
    EVENT,
    EVERY_SYMBOL,
    EventKind,
    Kind,
    OrderType,
    Phase,
    Reason,
    Side,
    Tif,
)

MARKET_PRICE = 77  # no meaning; events of a MARKET order carry it as sent


def parse_commands(lines: tuple[str, ...]) -> np.ndarray:
    """COMMAND records, seq 1, 2, 3 …; everybody is account 7, so every trade is a self-trade."""
    return np.array([_parse(seq, line) for seq, line in enumerate(lines, 1)], COMMAND)


def _parse(seq: int, line: str) -> tuple[int, ...]:
    words = line.split()
    symbol = None
    if words[-2:-1] == ["on"]:
        symbol, words = int(words[-1]), words[:-2]
    verb = words[0]
    if verb == "PHASE":
        phase = int(Phase[words[1]]) if words[1] in Phase.__members__ else int(words[1])
        return (seq, 0, phase, 0, EVERY_SYMBOL if symbol is None else symbol, 0, Kind.PHASE, 0, 0, 0)
    order_id, symbol = int(words[1]), symbol or 0
    head, account = (seq, order_id), 7
    if verb == "CANCEL":
        return (*head, 0, 0, symbol, account, Kind.CANCEL, 0, 0, 0)
    qty, price = words[2].split("@")
    market = price == "MARKET"
    amounts = (MARKET_PRICE if market else int(price), int(qty), symbol, account)
    if verb == "REPLACE":
        return (*head, *amounts, Kind.REPLACE, 0, 0, 0)
    order_type = OrderType.MARKET if market else OrderType.LIMIT
    tif = Tif[words[3]] if len(words) > 3 else Tif.DAY
    return (*head, *amounts, Kind.NEW, Side[verb], order_type, tif)


def describe_events(events: np.ndarray) -> tuple[str, ...]:
    """Events as lines."""
    assert events.dtype == EVENT
    return tuple(_describe(event) for event in events)


def _describe(event: np.void) -> str:
    kind = EventKind(event["kind"])
    if kind == EventKind.PHASE:
        assert (event["order_id"], event["qty"], event["leaves"], event["side"]) == (0, 0, 0, 0)
        halted = f" {Reason(event['reason']).name}" if event["reason"] else ""
        return f"PHASE {event['price']} on {event['symbol']}{halted}"
    words = [kind.name]
    if event["side"]:
        words.append(Side(event["side"]).name)
    words.append(f"{event['order_id']}/{event['maker_id']}" if kind == EventKind.TRADE else f"{event['order_id']}")
    words.append(f"{event['qty']}@{event['price']}")
    if event["leaves"]:
        words.append(f"left {event['leaves']}")
    if event["reason"]:
        words.append(Reason(event["reason"]).name)
    if event["flags"]:
        words.append("auction")
    if event["symbol"]:
        words.append(f"on {event['symbol']}")
    return " ".join(words)
