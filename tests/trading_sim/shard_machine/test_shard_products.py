"""Margin financing, written options, funds, and rules that change while orders flow: each with its own checks on the same path."""

import numpy as np
import pytest

from tests.trading_sim.shard_machine.desk_world import rich_config
from tests.trading_sim.shard_machine.machine_world import ALL, CANCEL, SELL, Sequencer
from trading_sim.matching.records import EventKind
from trading_sim.protocol.operator import (
    OperatorEvent,
    OperatorKind,
    RuleField,
    RuleScope,
    account_command,
    mark_command,
    phase_command,
    rule_command,
)
from trading_sim.risk.reasons import RiskReason
from trading_sim.shard.machine import SETTLE, ShardMachine

OPTION = {"symbol": 2, "price": 50, "qty": 10}
FUND = {"symbol": 3, "price": 200}


class Shard:
    """A machine and its sequencer."""

    def __init__(self, **changes) -> None:
        self.machine = ShardMachine(rich_config(**changes))
        self.sequencer = Sequencer()

    def send(self, *rows):
        return self.machine.apply(self.sequencer.batch(*rows), 1)

    def operate(self, command: np.ndarray):
        self.sequencer.seq += 1
        command["seq"] = self.sequencer.seq
        return self.machine.apply(command, 1)

    def reason(self, *rows) -> RiskReason | None:
        rejects = self.send(*rows).rejects
        return RiskReason(int(rejects["reason"][-1])) if len(rejects) else None

    def cash(self, account: int) -> tuple[int, int]:
        cash = self.machine.query_account(account)["cash"]
        return cash["free"], cash["frozen"]

    def margin(self, account: int) -> dict:
        return self.machine.query_account(account)["margin"]

    def end_day(self) -> None:
        for phase in (4, SETTLE, 3):
            self.operate(phase_command(ALL, phase))
        assert self.machine.conservation().problems() == []


@pytest.fixture
def shard():
    return Shard()


def test_credit_is_what_equity_covers(shard):
    # 60,000 cash + 70 % of 2,900 shares at 1,000
    assert shard.margin(3) == {"allowed": True, "debt": 0, "credit": 2_000_000, "closing_only": False}
    shard.operate(rule_command(RuleScope.ACCOUNT, 3, RuleField.INITIAL_PPM, 2_000_000))
    assert shard.margin(3)["credit"] == (60_000 + 2_900 * 1000 * 7 // 10) // 2


def test_a_purchase_on_credit_is_a_debt_that_bears_interest(shard):
    shard.send({"side": SELL, "account": 1, "qty": 1000}, {"account": 3, "qty": 1000})
    notional, fee = 1_000_000, 250
    assert shard.margin(3)["debt"] == notional + fee - 60_000
    assert shard.machine.conservation().ok
    assert shard.machine.conservation().debt == 940_250
    shard.end_day()
    assert shard.margin(3)["debt"] == 940_250 + 940_250 * 300 // 10**6
    assert shard.machine.conservation().fees == 2 * fee + 500 + 282


def test_a_customer_without_a_line_buys_for_cash_only(shard):
    assert shard.reason({"account": 2, "qty": 400}) is RiskReason.INSUFFICIENT_CASH
    assert shard.reason({"account": 3, "qty": 2100}) is RiskReason.INSUFFICIENT_CASH
    assert shard.reason({"account": 3, "qty": 2000}) is None


def test_below_maintenance_only_closing_orders_pass(shard):
    shard.send({"side": SELL, "account": 1, "qty": 1000}, {"account": 3, "qty": 1000})
    shard.operate(rule_command(RuleScope.ACCOUNT, 3, RuleField.MAINTENANCE_PPM, 5_000_000))
    assert shard.margin(3)["closing_only"]
    assert shard.reason({"account": 3, "qty": 100}) is RiskReason.MARGIN_CALL
    assert shard.reason({"account": 3, "qty": 100, "side": SELL}) is None
    shard.operate(rule_command(RuleScope.ACCOUNT, 3, RuleField.MAINTENANCE_PPM, 0))
    assert not shard.margin(3)["closing_only"]


def test_a_falling_price_calls_the_margin_at_the_mark(shard):
    shard.operate(rule_command(RuleScope.SHARD, 0, RuleField.MAINTENANCE_PPM, 4_000_000))
    shard.send({"side": SELL, "account": 1, "qty": 1000}, {"account": 3, "qty": 1000})
    shard.send({"side": SELL, "account": 2, "price": 930}, {"account": 1, "price": 930})
    assert not shard.margin(3)["closing_only"], "between two marks the numbers stay"
    result = shard.operate(mark_command())
    assert (int(result.events["kind"][0]), int(result.events["qty"][0])) == (OperatorEvent.MARK, 1)
    assert shard.margin(3)["closing_only"]


def test_a_written_option_freezes_margin_until_it_is_bought_back(shard):
    unit = 50 * 100 * 3 // 2
    shard.send({**OPTION, "account": 4, "side": SELL})
    assert shard.cash(4) == (700_000 - 5 * unit, 5 * unit), "five were owned, five are written"
    shard.send({**OPTION, "account": 1})
    premium = 10 * 50 * 100
    assert shard.cash(4) == (700_000 - 5 * unit + premium - premium * 300 // 10**6, 5 * unit)
    shard.send({**OPTION, "account": 1, "qty": 5, "side": SELL}, {**OPTION, "account": 4, "qty": 5})
    assert shard.cash(4)[1] == 0
    assert shard.machine.conservation().problems() == []


def test_a_cancelled_offer_gives_its_margin_back(shard):
    before = shard.cash(4)
    shard.send({**OPTION, "account": 4, "side": SELL}, {"kind": CANCEL, "order_id": 1, "account": 4, "symbol": 2})
    assert shard.cash(4) == before


def test_who_writes_no_options_sells_only_what_it_owns(shard):
    assert shard.reason({**OPTION, "account": 1, "side": SELL, "qty": 41}) is RiskReason.INSUFFICIENT_POSITION
    assert shard.reason({**OPTION, "account": 4, "side": SELL, "qty": 110}) is RiskReason.INSUFFICIENT_CASH


def test_written_options_are_margined_anew_at_settlement(shard):
    shard.send({**OPTION, "account": 4, "side": SELL}, {**OPTION, "account": 1})
    shard.send(
        {**OPTION, "account": 1, "qty": 1, "side": SELL, "price": 54}, {**OPTION, "account": 1, "qty": 1, "price": 54}
    )
    shard.end_day()
    assert shard.cash(4)[1] == 5 * (54 * 100 * 3 // 2)


def test_a_margin_call_of_a_writer_ends_with_the_closing_purchase():
    accounts = [
        {"account": 1, "cash": 10**7, "positions": {}},
        {"account": 4, "cash": 120_000, "positions": {}, "writes_options": True},
    ]
    shard = Shard(accounts=accounts)
    shard.send({**OPTION, "account": 4, "side": SELL, "qty": 14}, {**OPTION, "account": 1, "qty": 14})
    shard.send(
        {**OPTION, "account": 1, "qty": 1, "side": SELL, "price": 54}, {**OPTION, "account": 1, "qty": 1, "price": 54}
    )
    shard.operate(rule_command(RuleScope.SYMBOL, 2, RuleField.MARGIN_PPM, 3_000_000))
    shard.end_day()
    assert shard.margin(4)["closing_only"]
    assert shard.cash(4)[0] < 0
    assert shard.reason({**OPTION, "account": 4, "side": SELL, "qty": 1}) is RiskReason.MARGIN_CALL
    assert shard.reason({**OPTION, "account": 4, "qty": 15, "price": 54}) is RiskReason.MARGIN_CALL
    shard.send({**OPTION, "account": 1, "side": SELL, "qty": 9, "price": 54})
    assert shard.reason({**OPTION, "account": 4, "qty": 9, "price": 54}) is None
    shard.operate(mark_command())
    assert not shard.margin(4)["closing_only"]
    assert shard.cash(4)[0] >= 0


def test_a_fund_trades_at_its_nav_only(shard):
    assert shard.reason({**FUND, "price": 201, "qty": 100}) is RiskReason.NOT_AT_NAV
    assert shard.reason({**FUND, "qty": 10}) is RiskReason.MINIMUM_AMOUNT
    assert shard.reason({**FUND, "qty": 100, "account": 2}) is RiskReason.INVESTOR_GRADE
    assert shard.reason({**FUND, "qty": 100, "type": 2}) is RiskReason.NOT_AT_NAV
    assert shard.reason({**FUND, "qty": 10, "side": SELL}) is None, "a redemption has no minimum"
    assert shard.reason({**FUND, "qty": 100, "account": 3}) is None
    shard.operate(rule_command(RuleScope.SYMBOL, 3, RuleField.NEXT_NAV, 203))
    assert shard.reason({**FUND, "price": 200, "qty": 100}) is None
    shard.end_day()
    assert shard.reason({**FUND, "price": 200, "qty": 100}) is RiskReason.NOT_AT_NAV
    assert shard.reason({**FUND, "price": 203, "qty": 100}) is None
    assert shard.machine.query_symbol(3)["reference"] == 203


def test_a_rule_holds_from_the_next_command_on_and_raises_the_version(shard):
    assert shard.machine.query_account(1)["rules_version"] == 0
    change = rule_command(RuleScope.SHARD, 0, RuleField.MAX_QUANTITY, 200)
    batch = np.concatenate(
        [shard.sequencer.batch({"qty": 300}), change, shard.sequencer.batch({"qty": 300}, {"qty": 200})]
    )
    result = shard.machine.apply(batch, 1)
    assert result.events["kind"].tolist() == [EventKind.ACCEPTED, OperatorEvent.RULE, EventKind.ACCEPTED]
    assert (int(result.events["price"][1]), int(result.events["qty"][1])) == (200, 1)
    assert result.rejects["reason"].tolist() == [RiskReason.ORDER_QUANTITY]
    answer = shard.machine.query_account(1)
    assert (answer["rules_version"], answer["limits"]["max_quantity"]) == (1, 200)
    copy = ShardMachine.restore(shard.machine.config, shard.machine.snapshot())
    assert copy.query_account(1) == answer


def test_limits_of_symbol_and_account(shard):
    shard.operate(rule_command(RuleScope.SYMBOL, 0, RuleField.MAX_QUANTITY, 400))
    shard.operate(rule_command(RuleScope.ACCOUNT, 2, RuleField.MAX_QUANTITY, 100))
    assert shard.machine.query_symbol(0)["limits"]["max_quantity"] == 400
    assert shard.reason({"qty": 500}) is RiskReason.ORDER_QUANTITY
    assert shard.reason({"account": 2, "qty": 200}) is RiskReason.ORDER_QUANTITY
    assert shard.reason({"account": 2, "qty": 100}) is None
    shard.operate(rule_command(RuleScope.SYMBOL, 0, RuleField.MAX_QUANTITY, 0))
    shard.operate(rule_command(RuleScope.SYMBOL, 0, RuleField.COLLAR_PPM, 10_000))
    assert shard.reason({"qty": 500, "price": 1010}) is None
    assert shard.reason({"qty": 100, "price": 1011}) is RiskReason.PRICE_COLLAR


def test_an_account_is_stopped_and_let_go_again(shard):
    result = shard.operate(account_command(1, 2))
    event = result.events[0]
    assert (event["kind"], event["symbol"], event["price"], event["order_id"]) == (OperatorEvent.ACCOUNT, 1, 2, 0)
    assert shard.reason({}) is RiskReason.ACCOUNT_SUSPENDED
    shard.operate(account_command(1, 0))
    assert shard.reason({}) is None


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (account_command(6, 1), RiskReason.UNKNOWN_ACCOUNT),
        (account_command(1, 3), RiskReason.MALFORMED),
        (rule_command(RuleScope.SHARD, 0, RuleField.CREDIT_LINE, 5), RiskReason.MALFORMED),
        (rule_command(RuleScope.SHARD, 1, RuleField.RATE_MAX, 5), RiskReason.MALFORMED),
        (rule_command(RuleScope.SHARD, 0, RuleField.RATE_MAX, 0), RiskReason.MALFORMED),
        (rule_command(RuleScope.ACCOUNT, 6, RuleField.RATE_MAX, 5), RiskReason.MALFORMED),
        (rule_command(RuleScope.SYMBOL, 9, RuleField.MAX_QUANTITY, 5), RiskReason.MALFORMED),
        (rule_command(RuleScope.SYMBOL, 0, RuleField.NEXT_NAV, 5), RiskReason.MALFORMED),
        (rule_command(RuleScope.SYMBOL, 0, RuleField.MAX_QUANTITY, -1), RiskReason.MALFORMED),
    ],
)
def test_operations_that_cannot_be_change_nothing(shard, command, reason):
    before = shard.machine.desk.control.copy()
    result = shard.operate(command.copy())
    assert (len(result.events), result.rejects["reason"].tolist()) == (0, [reason])
    assert shard.machine.desk.control.tobytes() == before.tobytes()


@pytest.mark.parametrize("kind", list(OperatorKind))
def test_operations_come_from_the_operator(shard, kind):
    assert shard.reason({"kind": kind, "symbol": ALL, "account": 1}) is RiskReason.NOT_OPERATOR


def test_fills_of_the_day_are_listed_until_the_list_is_full(shard):
    shard.operate(rule_command(RuleScope.SHARD, 0, RuleField.RATE_MAX, 10_000))
    shard.send({"side": SELL, "account": 2, "qty": 300}, {"account": 1, "qty": 300})
    answer = shard.machine.query_account(1)
    assert answer["fills"] == [
        {"seq": 3, "order_id": 2, "symbol": 0, "side": "BUY", "price": 1000, "quantity": 300, "auction": False}
    ]
    assert (answer["fills_total"], answer["fills_cut"]) == (1, False)
    assert shard.machine.query_account(2)["fills"][0]["side"] == "SELL"
    assert answer["today"]["own"] == 1, "accounts 1 and 2 belong together"
    shard.end_day()
    assert shard.machine.query_account(1)["fills"] == []


def test_a_long_list_of_fills_says_that_it_is_cut():
    accounts = [{"account": each, "cash": 10**9, "positions": {"0": 10**6}} for each in (1, 2)]
    shard = Shard(accounts=accounts)
    shard.operate(rule_command(RuleScope.SHARD, 0, RuleField.RATE_MAX, 10_000))
    shard.send(*({"side": 1 + at % 2, "account": 1 + at % 2} for at in range(500)))
    answer = shard.machine.query_account(1)
    assert (len(answer["fills"]), answer["fills_total"], answer["fills_cut"]) == (200, 250, True)


def test_a_short_sale_borrows_shares_against_margin_until_they_are_returned(shard):
    unit = 1000 * 13 // 10
    short = {"symbol": 1, "side": SELL, "account": 3}
    assert shard.reason({**short, "account": 2, "qty": 901}) is RiskReason.ORDER_QUANTITY
    shard.send({**short, "qty": 900})
    assert shard.reason({**short, "account": 4, "qty": 900}) is RiskReason.INSUFFICIENT_CASH
    assert shard.reason({**short, "qty": 300}) is None, "three hundred are borrowed"
    assert shard.cash(3) == (60_000 - 300 * unit, 300 * unit)
    assert shard.reason({**short, "qty": 700}) is RiskReason.NOT_LENDABLE
    assert shard.reason({**short, "account": 5, "qty": 900}) is RiskReason.ORDER_NOTIONAL
    shard.send({"symbol": 1, "account": 1, "qty": 900}, {"symbol": 1, "account": 1, "qty": 300})
    shard.send({"symbol": 1, "account": 2, "side": SELL, "qty": 300}, {"symbol": 1, "account": 3, "qty": 300})
    assert shard.cash(3)[1] == 300 * unit, "what was bought today returns the loan at settlement"
    shard.end_day()
    assert shard.cash(3)[1] == 0
    assert shard.machine.desk.terms["lent"].tolist() == [0, 0, 0, 0]
    assert shard.machine.conservation().problems() == []
