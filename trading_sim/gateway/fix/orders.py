"""Orders and reports as FIX 4.4 writes them."""

from __future__ import annotations

from trading_sim.gateway import reports
from trading_sim.gateway.fix.codec import INCORRECT, FieldError, Fields, stamp, yuan
from trading_sim.gateway.instruments import Instruments
from trading_sim.gateway.orders import Ask, Kind
from trading_sim.gateway.reasons import RISK_AT, GatewayReason
from trading_sim.gateway.reports import Report
from trading_sim.matching.records import OrderType, Reason, Side, Tif
from trading_sim.risk.reasons import RiskReason

_SIDES = {"1": Side.BUY, "2": Side.SELL}
_TYPES = {"1": OrderType.MARKET, "2": OrderType.LIMIT}
_TIMES = {"0": Tif.DAY, "3": Tif.IOC, "4": Tif.FOK}
_FIX_SIDE = {1: "1", 2: "2"}
_FIX_TYPE = {1: "2", 2: "1"}
_FIX_TIME = {1: "0", 2: "3", 3: "4", 4: "0"}
_PARTICIPATE = "6"  # ExecInst "participate, don't initiate": post-only
_KIND_TYPES = {Kind.NEW: "D", Kind.CANCEL: "F", Kind.REPLACE: "G"}
LONGEST_ID = 32

# OrdRejReason (103): 1 unknown symbol, 2 exchange closed, 3 exceeds limit, 5 unknown order, 11 unsupported, 13 incorrect quantity,
# 15 unknown account, 99 other.
_REJECT_REASONS = {
    Reason.BAD_SYMBOL: 1, Reason.BAD_PHASE: 2, Reason.HALTED: 2, Reason.BAD_QTY: 13, Reason.BAD_LOT: 13, Reason.BAD_FIELD: 11,
    RISK_AT + RiskReason.UNKNOWN_ACCOUNT: 15, RISK_AT + RiskReason.ORDER_QUANTITY: 13, RISK_AT + RiskReason.ORDER_NOTIONAL: 3,
    RISK_AT + RiskReason.ORDER_RATE: 3, RISK_AT + RiskReason.INSUFFICIENT_CASH: 3, RISK_AT + RiskReason.INSUFFICIENT_POSITION: 3,
    GatewayReason.UNKNOWN_INSTRUMENT: 1, GatewayReason.UNKNOWN_ORDER: 5, GatewayReason.NOT_YOUR_ACCOUNT: 15,
    GatewayReason.MESSAGE_RATE: 3, GatewayReason.TOO_MANY_IN_FLIGHT: 3, GatewayReason.TOO_MANY_OPEN_ORDERS: 3,
    GatewayReason.TOO_MANY_TODAY: 3,
}  # fmt: skip
# CxlRejReason (102): 0 too late, 1 unknown order, 2 exchange option, 99 other.
_CANCEL_REASONS = {
    Reason.UNKNOWN_ORDER: 0, RISK_AT + RiskReason.UNKNOWN_ORDER: 0, Reason.BAD_PHASE: 2, GatewayReason.UNKNOWN_ORDER: 1,
    GatewayReason.NOTHING_LEFT: 0,
}  # fmt: skip


def read_order(fields: Fields, instruments: Instruments, default_account: int) -> Ask:
    """What D, F or G asks for. Raises FieldError."""
    client_id = fields.text(11, longest=LONGEST_ID)
    fields.time(60)
    side = fields.choice(54, _SIDES)
    symbol = fields.text(55)
    if fields.kind == "F":
        return Ask(Kind.CANCEL, client_id, fields.text(41, longest=LONGEST_ID), side=side)
    order_type = fields.choice(40, _TYPES)
    price = fields.price(44) if order_type == OrderType.LIMIT else 0
    qty = fields.quantity(38)
    if fields.kind == "G":
        if order_type != OrderType.LIMIT:
            raise FieldError(40, INCORRECT, "only limit orders rest, and only to limit orders can they be changed")
        return Ask(Kind.REPLACE, client_id, fields.text(41, longest=LONGEST_ID), side=side, price=price, qty=qty)
    tif = fields.choice(59, _TIMES, "0")
    if 18 in fields:
        fields.choice(18, {_PARTICIPATE: True})
        if tif != Tif.DAY or order_type != OrderType.LIMIT:
            raise FieldError(18, INCORRECT, "only a limit order for the day can be post-only")
        tif = Tif.POST_ONLY
    instrument = instruments.by_code(symbol)
    shard, index = (instrument.shard, instrument.symbol) if instrument else (-1, -1)
    account = fields.number(1, default_account)
    return Ask(
        Kind.NEW,
        client_id,
        "",
        min(account, 0xFFFFFFFF),
        shard,
        index,
        int(side),
        int(order_type),
        int(tif),
        price,
        qty,
    )


def unknown_status(client_id: str, now_ns: int) -> Report:
    """The answer about an order that this session does not have today."""
    return Report(
        reports.EXECUTION, now_ns, "0", reports.STATUS, reports.REJECTED, client_id, "", 0, -1, -1, 0, 1, 1, 1, 0, 0,
        reason=GatewayReason.UNKNOWN_ORDER, text="this session has no such order today",
    )  # fmt: skip


def write_report(report: Report, instruments: Instruments) -> tuple[str, list[tuple[int, object]]]:
    """(message type, fields) of a report."""
    if report.kind == reports.REFUSED:
        return "j", [
            (372, _KIND_TYPES.get(report.replaces, "D")), (379, report.client_id), (380, 0), (58, report.text),
        ]  # fmt: skip
    order_id = f"{report.shard}-{report.order_id}" if report.order_id else "NONE"
    if report.kind == reports.CANCEL_REJECT:
        return "9", [
            (37, order_id), (11, report.client_id), (41, report.original_id), (39, report.status),
            (434, 1 if report.replaces == Kind.CANCEL else 2), (102, _CANCEL_REASONS.get(report.reason, 99)),
            (60, stamp(report.time_ns / 1e9)), (58, report.text or None),
        ]  # fmt: skip
    return "8", _execution(report, order_id, instruments)


def _execution(report: Report, order_id: str, instruments: Instruments) -> list[tuple[int, object]]:
    place = instruments.at(report.shard, report.symbol)
    limit = report.type == OrderType.LIMIT
    traded = report.exec_type == reports.TRADE
    rejected = report.status == reports.REJECTED
    average = report.notional / report.cum / 100 if report.cum else 0
    return [
        (37, order_id), (11, report.client_id), (41, report.original_id or None), (17, report.exec_id),
        (150, report.exec_type), (39, report.status),
        (103, _REJECT_REASONS.get(report.reason, 99) if rejected else None),
        (1, report.account or None), (55, place.code if place else "[N/A]"), (54, _FIX_SIDE.get(report.side, "1")),
        (38, report.qty), (40, _FIX_TYPE.get(report.type, "2")), (44, yuan(report.price) if limit else None),
        (59, _FIX_TIME.get(report.tif, "0")), (18, _PARTICIPATE if report.tif == Tif.POST_ONLY else None),
        (32, report.last_qty if traded else None), (31, yuan(report.last_price) if traded else None),
        (151, report.leaves), (14, report.cum), (6, f"{average:.4f}"), (60, stamp(report.time_ns / 1e9)),
        (58, report.text or None),
    ]  # fmt: skip
