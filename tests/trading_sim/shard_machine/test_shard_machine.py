"""The state machine of a shard: what is checked, frozen, traded, settled, and that replicas agree."""

import numpy as np
import pytest

from tests.trading_sim.shard_machine.machine_world import CANCEL, REPLACE, SELL, Sequencer, small_config
from trading_sim.matching.records import EventKind
from trading_sim.risk.limits import RiskLimits
from trading_sim.risk.reasons import RiskReason
from trading_sim.shard.machine import EXPIRED, SETTLE, ShardMachine
from trading_sim.shard.snapshot import MachineSnapshotError


@pytest.fixture
def sequencer():
    return Sequencer()


@pytest.fixture
def machine():
    return ShardMachine(small_config())


def only_reason(result) -> RiskReason:
    assert len(result.events) == 0
    assert len(result.rejects) == 1
    return RiskReason(int(result.rejects["reason"][0]))


def cash(machine, account):
    return machine.query_account(account)["cash"]


def test_a_buy_freezes_price_times_quantity_and_commission(machine, sequencer):
    machine.apply(sequencer.batch({"price": 990, "qty": 200}), 1)
    assert cash(machine, 1) == {"free": 3_000_000 - 198_049, "frozen": 198_049}  # 198,000 + floor(49.5)


def test_a_market_buy_freezes_at_the_upper_band_and_releases_the_rest(machine, sequencer):
    machine.apply(sequencer.batch({"side": SELL, "account": 2, "price": 1010}), 1)
    machine.apply(sequencer.batch({"type": 2, "qty": 100, "price": 0, "account": 7}), 2)
    notional = 100 * 1010
    assert cash(machine, 7) == {"free": 2_000_000 - notional - notional * 250 // 10**6, "frozen": 0}
    assert cash(machine, 2)["free"] == 500_000 + notional - notional * 250 // 10**6 - notional * 500 // 10**6
    assert machine.conservation().ok


def test_shares_bought_today_sell_tomorrow(machine, sequencer):
    machine.apply(sequencer.batch({"side": SELL, "account": 2, "qty": 300}, {"account": 7, "qty": 300}), 1)
    assert (
        only_reason(machine.apply(sequencer.batch({"side": SELL, "account": 7}), 2)) == RiskReason.INSUFFICIENT_POSITION
    )
    machine.apply(np.concatenate([sequencer.phase(4), sequencer.phase(SETTLE), sequencer.phase(3)]), 3)
    result = machine.apply(sequencer.batch({"side": SELL, "account": 7, "qty": 300}), 4)
    assert result.events["kind"].tolist() == [EventKind.ACCEPTED]


def test_options_bought_today_sell_today(machine, sequencer):
    option = {"symbol": 2, "price": 5000, "qty": 10}
    machine.apply(sequencer.batch({**option, "side": SELL, "account": 1}, {**option, "account": 2, "qty": 5}), 1)
    result = machine.apply(sequencer.batch({**option, "side": SELL, "account": 2, "qty": 5}), 2)
    assert result.events["kind"].tolist() == [EventKind.ACCEPTED]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"account": 5}, RiskReason.UNKNOWN_ACCOUNT),
        ({"account": 2**32 - 1}, RiskReason.UNKNOWN_ACCOUNT),
        ({"account": 8}, RiskReason.CANCEL_ONLY),
        ({"account": 9}, RiskReason.ACCOUNT_SUSPENDED),
        ({"side": 3}, RiskReason.MALFORMED),
        ({"type": 0}, RiskReason.MALFORMED),
        ({"symbol": 3}, RiskReason.MALFORMED),
        ({"qty": 0}, RiskReason.MALFORMED),
        ({"price": -1}, RiskReason.MALFORMED),
        ({"price": 2**62}, RiskReason.MALFORMED),
        ({"kind": 9}, RiskReason.MALFORMED),
        ({"qty": 5100}, RiskReason.ORDER_QUANTITY),
        ({"qty": 4500}, RiskReason.ORDER_NOTIONAL),
        ({"price": 1101}, RiskReason.PRICE_COLLAR),
        ({"price": 899, "side": SELL}, RiskReason.PRICE_COLLAR),
        ({"account": 2, "qty": 600}, RiskReason.INSUFFICIENT_CASH),
        ({"account": 2, "qty": 301, "side": SELL}, RiskReason.INSUFFICIENT_POSITION),
        ({"kind": 4, "price": 3}, RiskReason.NOT_OPERATOR),
        ({"kind": 4, "price": 6, "account": 0}, RiskReason.MALFORMED),
        ({"kind": 4, "price": SETTLE, "account": 0, "symbol": 0xFFFFFFFF}, RiskReason.NOT_CLOSED),
        ({"kind": 4, "price": SETTLE, "account": 1, "symbol": 0xFFFFFFFF}, RiskReason.NOT_OPERATOR),
        ({"kind": CANCEL, "order_id": 77}, RiskReason.UNKNOWN_ORDER),
        ({"kind": REPLACE, "order_id": 2**64 - 1}, RiskReason.UNKNOWN_ORDER),
    ],
)
def test_what_the_checks_refuse_changes_no_balance(machine, sequencer, row, reason):
    before = {account: machine.query_account(account)["cash"] for account in (1, 2, 7, 8, 9)}
    assert only_reason(machine.apply(sequencer.batch(row), 1)) == reason
    assert {account: machine.query_account(account)["cash"] for account in (1, 2, 7, 8, 9)} == before


def test_an_order_id_that_does_not_rise_is_refused(machine, sequencer):
    batch = sequencer.batch({})
    machine.apply(batch, 1)
    assert only_reason(machine.apply(batch, 1)) == RiskReason.ORDER_ID


def test_order_ids_of_a_day_are_bounded(sequencer):
    machine = ShardMachine(small_config(max_order_id=2))
    result = machine.apply(sequencer.batch({}, {}, {}), 1)
    assert result.rejects["reason"].tolist() == [RiskReason.CAPACITY]
    assert machine.last_order_id == 3


def test_a_market_buy_without_a_band_has_no_bound(sequencer):
    rows = [{"reference": 1000, "low": 0, "high": 0, "lot": 100}]
    machine = ShardMachine(
        small_config(symbols=rows, accounts=[{"account": 1, "cash": 10**6, "positions": {"0": 100}}])
    )
    assert only_reason(machine.apply(sequencer.batch({"type": 2}), 1)) == RiskReason.NO_UPPER_BOUND
    assert len(machine.apply(sequencer.batch({"type": 2, "side": SELL}), 1).rejects) == 0


def test_order_rate_counts_per_account_and_window(sequencer):
    machine = ShardMachine(small_config(limits=RiskLimits(rate_max=2, rate_window_ns=100)))
    result = machine.apply(sequencer.batch({}, {}, {}, {"account": 7}), 1050)
    assert [(r["account"], r["reason"]) for r in result.rejects] == [(1, RiskReason.ORDER_RATE)]
    assert len(machine.apply(sequencer.batch({}), 1099).rejects) == 1
    assert len(machine.apply(sequencer.batch({}), 1100).rejects) == 0
    assert len(machine.apply(sequencer.batch({}, {}), 500).rejects) == 1, "time must not step back"


def test_only_the_owner_cancels_and_replaces(machine, sequencer):
    machine.apply(sequencer.batch({"price": 950}), 1)
    result = machine.apply(sequencer.batch({"kind": CANCEL, "order_id": 1, "account": 2}), 1)
    assert only_reason(result) == RiskReason.NOT_OWNER
    result = machine.apply(sequencer.batch({"kind": REPLACE, "order_id": 1, "account": 2}), 1)
    assert only_reason(result) == RiskReason.NOT_OWNER
    result = machine.apply(sequencer.batch({"kind": CANCEL, "order_id": 1, "symbol": 1}), 1)
    assert only_reason(result) == RiskReason.UNKNOWN_ORDER
    result = machine.apply(sequencer.batch({"kind": CANCEL, "order_id": 1}), 1)
    assert result.events["kind"].tolist() == [EventKind.CANCELLED]
    assert cash(machine, 1) == {"free": 3_000_000, "frozen": 0}


def test_a_replace_that_raises_the_exposure_is_checked_and_frozen_again(machine, sequencer):
    machine.apply(sequencer.batch({"account": 2, "price": 900, "qty": 200}), 1)
    bigger = {"kind": REPLACE, "order_id": 1, "account": 2, "price": 950}
    machine.apply(sequencer.batch({**bigger, "qty": 300}), 2)
    assert cash(machine, 2)["frozen"] == 285_000 + 71
    assert only_reason(machine.apply(sequencer.batch({**bigger, "qty": 600}), 3)) == RiskReason.INSUFFICIENT_CASH
    assert cash(machine, 2)["frozen"] == 285_000 + 71
    machine.apply(sequencer.batch({**bigger, "qty": 100}), 4)
    assert cash(machine, 2)["frozen"] == 95_000 + 23


def test_a_replace_the_core_refuses_gives_the_extra_freeze_back(machine, sequencer):
    machine.apply(sequencer.batch({"price": 1000}), 1)
    machine.apply(sequencer.phase(2), 2)
    result = machine.apply(sequencer.batch({"kind": REPLACE, "order_id": 1, "price": 1000, "qty": 900}), 3)
    assert result.events["kind"].tolist() == [EventKind.REJECTED]
    assert cash(machine, 1)["frozen"] == 100_025


def test_a_replace_in_the_batch_of_its_order_sees_what_is_still_open(machine, sequencer):
    machine.apply(sequencer.batch({"side": SELL, "account": 2, "qty": 300}), 1)
    rows = [{"account": 7, "qty": 400}, {"kind": REPLACE, "order_id": 2, "account": 7, "qty": 200, "price": 990}]
    result = machine.apply(sequencer.batch(*rows), 2)
    assert result.events["kind"].tolist() == [EventKind.ACCEPTED, EventKind.TRADE, EventKind.REPLACED]
    assert cash(machine, 7)["frozen"] == 198_000 + 49


def test_a_cancel_only_account_cancels(sequencer):
    accounts = [{"account": 1, "cash": 10**6, "positions": {}}]
    machine = ShardMachine(small_config(accounts=accounts))
    machine.apply(sequencer.batch({}), 1)
    machine.desk.accounts["status"][0] = 1
    assert only_reason(machine.apply(sequencer.batch({"kind": REPLACE, "order_id": 1}), 1)) == RiskReason.CANCEL_ONLY
    assert machine.apply(sequencer.batch({"kind": CANCEL, "order_id": 1}), 1).events["kind"].tolist() == [4]


def test_a_void_command_leaves_no_trace(machine, sequencer):
    before = machine.query_account(1)
    result = machine.apply(sequencer.batch({"kind": 0, "order_id": 0}), 1)
    assert (len(result.events), len(result.rejects)) == (0, 0)
    assert machine.query_account(1) == before


def test_settlement_expires_orders_and_opens_a_new_day(machine, sequencer):
    machine.apply(
        sequencer.batch({"price": 980}, {"price": 995, "account": 7}, {"price": 995, "side": SELL, "account": 2}), 1
    )
    machine.apply(sequencer.phase(4), 2)
    result = machine.apply(sequencer.phase(SETTLE), 3)
    assert result.events["order_id"].tolist() == [1, 0]
    assert result.events["reason"].tolist() == [EXPIRED, 0]
    assert result.events["price"].tolist() == [980, SETTLE]
    assert (machine.day, machine.day_base) == (1, 3)
    symbol = machine.query_symbol(0)
    assert (symbol["reference"], symbol["low"], symbol["high"], symbol["phase"]) == (995, 896, 1095, 4)
    assert cash(machine, 1) == {"free": 3_000_000, "frozen": 0}
    assert machine.conservation().ok
    stale = machine.apply(sequencer.batch({"kind": CANCEL, "order_id": 1}), 4)
    assert only_reason(stale) == RiskReason.UNKNOWN_ORDER
    machine.apply(sequencer.phase(3), 5)
    result = machine.apply(sequencer.batch({}, {"kind": CANCEL, "order_id": 4}), 6)
    assert result.events["order_id"].tolist() == [4, 4]
    assert result.events["kind"].tolist() == [EventKind.ACCEPTED, EventKind.CANCELLED]


def test_a_trade_of_a_later_day_names_both_orders_by_their_ids(machine, sequencer):
    machine.apply(sequencer.batch({}), 1)
    machine.apply(np.concatenate([sequencer.phase(4), sequencer.phase(SETTLE), sequencer.phase(3)]), 2)
    result = machine.apply(sequencer.batch({"side": SELL, "account": 2}, {"account": 7}), 3)
    trade = result.events[result.events["kind"] == EventKind.TRADE][0]
    assert (trade["order_id"], trade["maker_id"]) == (3, 2)


def test_a_snapshot_restores_the_machine_across_days(machine, sequencer):
    machine.apply(sequencer.batch({}, {"side": SELL, "account": 2, "qty": 300}), 1)
    machine.apply(np.concatenate([sequencer.phase(4), sequencer.phase(SETTLE), sequencer.phase(3)]), 2)
    machine.apply(sequencer.batch({"price": 990}, {"side": SELL, "account": 2, "price": 1010}), 3)
    copy = ShardMachine.restore(machine.config, machine.snapshot())
    assert copy.state_hash() == machine.state_hash()
    later = sequencer.batch({"side": SELL, "account": 2, "price": 990}, {"kind": CANCEL, "order_id": 4, "account": 2})
    assert copy.apply(later, 4).events.tobytes() == machine.apply(later, 4).events.tobytes()
    assert copy.state_hash() == machine.state_hash()


@pytest.mark.parametrize("position", [0.02, 0.5, 0.75, 0.98])
def test_a_damaged_snapshot_is_refused(machine, sequencer, position):
    machine.apply(sequencer.batch({}, {"side": SELL, "account": 2, "price": 1001}), 1)
    data = bytearray(machine.snapshot())
    data[int(len(data) * position)] ^= 0x41
    with pytest.raises(MachineSnapshotError):
        ShardMachine.restore(machine.config, bytes(data))
    with pytest.raises(MachineSnapshotError):
        ShardMachine.restore(machine.config, bytes(data[: len(data) // 2]))
    with pytest.raises(MachineSnapshotError, match="configuration"):
        ShardMachine.restore(small_config(shard=1), machine.snapshot())


def test_any_tampering_changes_the_state_hash(machine, sequencer):
    machine.apply(sequencer.batch({}), 1)
    before = machine.state_hash()
    machine.desk.accounts["cash"][0] += 1
    machine.desk.accounts["cash"][1] -= 1
    assert machine.conservation().ok
    assert machine.state_hash() != before


def test_queries_name_what_does_not_exist(machine):
    with pytest.raises(KeyError, match="account 5 does not exist"):
        machine.query_account(5)
    with pytest.raises(KeyError, match="symbol 3 does not exist"):
        machine.query_symbol(3)


def test_a_query_lists_orders_balances_and_book(machine, sequencer):
    machine.apply(sequencer.batch({"price": 990}, {"price": 991, "qty": 200}, {"side": SELL, "price": 1001}), 1)
    account = machine.query_account(1)
    assert [order["order_id"] for order in account["open_orders"]] == [1, 2, 3]
    assert account["orders_total"] == 3
    assert account["positions"][0] == {"symbol": 0, "sellable": 1900, "held": 100, "today": 0}
    symbol = machine.query_symbol(0)
    assert (symbol["bid"], symbol["ask"], symbol["bids"]) == (991, 1001, [[991, 200, 1], [990, 100, 1]])
