"""Commands, events and refusals in words, for the sentence that names a difference. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import numpy as np

from trading_sim.matching.records import EVERY_SYMBOL, EventKind, Kind, OrderType, Phase, Reason, Side, Tif
from trading_sim.risk.reasons import RiskReason

SETTLE, ACCOUNT, RULE, EXPIRED = 5, 5, 6, 17
_SHARD_KINDS = {ACCOUNT: "ACCOUNT", RULE: "RULE"}
_SHARD_EVENTS = {7: "ACCOUNT", 8: "RULE"}


def _name(numbers: type[IntEnum], value: int) -> str:
    try:
        return numbers(value).name
    except ValueError:
        return f"{numbers.__name__.lower()} {value}"


def _words(name: str) -> str:
    return name.lower().replace("_", " ")


class Speaker:
    """Speaks of the symbols of one shard. `symbols`: the rows of its configuration."""

    def __init__(self, symbols: list[Mapping[str, Any]]) -> None:
        self._codes = [str(row.get("code", number)) for number, row in enumerate(symbols)]

    def symbol(self, number: int) -> str:
        """The code of a symbol."""
        if number == EVERY_SYMBOL:
            return "every symbol"
        return self._codes[number] if number < len(self._codes) else f"symbol {number}"

    def command(self, command: np.void) -> str:
        """One COMMAND record."""
        kind, account = int(command["kind"]), int(command["account"])
        if kind == Kind.NEW:
            style = _name(OrderType, int(command["type"]))
            price = f" at {int(command['price']):,}" if command["type"] == OrderType.LIMIT else ""
            return (
                f"account {account}'s new order {int(command['order_id'])}: {_name(Side, int(command['side']))} "
                f"{int(command['qty']):,} of {self.symbol(int(command['symbol']))}, {style} "
                f"{_name(Tif, int(command['tif']))}{price}"
            )
        if kind == Kind.PHASE:
            phase = int(command["price"])
            word = "SETTLE" if phase == SETTLE else _name(Phase, phase)
            return f"the operator's phase {word} for {self.symbol(int(command['symbol']))}"
        if kind in _SHARD_KINDS:
            return (
                f"the operator's {_SHARD_KINDS[kind]} {int(command['symbol'])}, field {int(command['qty'])}, "
                f"value {int(command['price'])}"
            )
        text = f"account {account}'s {_name(Kind, kind)} of order {int(command['order_id'])}"
        if kind == Kind.REPLACE:
            text += f" to {int(command['qty']):,} at {int(command['price']):,}"
        return text

    def event(self, event: np.void) -> str:
        """One EVENT record."""
        kind = int(event["kind"])
        name = _SHARD_EVENTS.get(kind) or _name(EventKind, kind)
        order, quantity, price = int(event["order_id"]), int(event["qty"]), int(event["price"])
        reason = int(event["reason"])
        why = "" if not reason else f" ({'expired' if reason == EXPIRED else _words(_name(Reason, reason))})"
        if kind == EventKind.TRADE:
            return f"TRADE of order {order} with order {int(event['maker_id'])}: {quantity:,} at {price:,}, {int(event['leaves']):,} left"
        if kind == EventKind.PHASE:
            word = "SETTLE" if price == SETTLE else _name(Phase, price)
            return f"PHASE {word} of {self.symbol(int(event['symbol']))}{why}"
        return f"{name} order {order}, {quantity:,} at {price:,}{why}"

    def reject(self, reject: np.void) -> str:
        """One RISK_REJECT record."""
        reason = _words(_name(RiskReason, int(reject["reason"])))
        return (
            f"refused by pre-trade risk: {reason} (order {int(reject['order_id'])} of account {int(reject['account'])})"
        )

    # Without numbers and names: what kind of thing happened, so that the same difference reads the same on every day's journal

    def command_kind(self, command: np.void) -> str:
        """What kind of command: "NEW LIMIT DAY", "CANCEL", "PHASE SETTLE"."""
        kind = int(command["kind"])
        if kind == Kind.NEW:
            return f"NEW {_name(OrderType, int(command['type']))} {_name(Tif, int(command['tif']))}"
        if kind == Kind.PHASE:
            phase = int(command["price"])
            return f"PHASE {'SETTLE' if phase == SETTLE else _name(Phase, phase)}"
        return _SHARD_KINDS.get(kind) or _name(Kind, kind)

    def event_kind(self, event: np.void) -> str:
        """What kind of event, with its reason."""
        kind, reason = int(event["kind"]), int(event["reason"])
        why = "" if not reason else f" ({'expired' if reason == EXPIRED else _words(_name(Reason, reason))})"
        return f"{_SHARD_EVENTS.get(kind) or _name(EventKind, kind)}{why}"

    def reject_kind(self, reject: np.void) -> str:
        """The rule that refused."""
        return f"refused: {_words(_name(RiskReason, int(reject['reason'])))}"
