"""Balances rebuilt from what a shard published: every unit agrees, and one that does not is named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading_sim.shard_machine.desk_world import RandomDay, rich_config
from trading_sim.ledger.double_entry import CASH, LEG, interest_legs, trade_legs, unbalanced
from trading_sim.ledger.reconcile import ACCOUNT_FIELDS, POSITION_FIELDS, SYMBOL_FIELDS, Books
from trading_sim.matching.records import EventKind
from trading_sim.protocol.records import EVENT, PARTY
from trading_sim.shard.machine import ShardMachine


def traded(seed: int, batches: int = 20) -> tuple[Books, ShardMachine]:
    config = rich_config()
    machine, day = ShardMachine(config), RandomDay(seed)
    books = Books(config.accounts, config.symbols, config.limits.interest_ppm)
    for now in range(batches):
        commands = day.batch(60)
        result = machine.apply(commands, now * 10**9)
        books.add(commands, result.events, result.parties)
    return books, machine


@pytest.fixture(scope="module")
def finished():
    return traded(5, 40)


@pytest.mark.parametrize("seed", range(8))
def test_every_unit_agrees_after_random_days(seed):
    books, machine = traded(seed)
    assert [str(each) for each in books.differences(machine.desk)] == []


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_one_wrong_unit_anywhere_is_named(finished, data):
    books, machine = finished
    desk = machine.desk
    part, fields = data.draw(
        st.sampled_from(
            [
                (desk.accounts, ACCOUNT_FIELDS),
                (desk.positions, POSITION_FIELDS),
                (desk.symbols, SYMBOL_FIELDS),
                (desk.control, ("fees", "interest")),
            ]
        )
    )
    field, at = data.draw(st.sampled_from(fields)), data.draw(st.integers(0, len(part) - 1))
    unit = data.draw(st.sampled_from([1, -1])) if part[field][at] else 1
    part[field][at] = int(part[field][at]) + unit
    try:
        (difference,) = books.differences(desk)
    finally:
        part[field][at] = int(part[field][at]) - unit
    assert difference.field == field
    assert difference.found - difference.expected == unit
    accounts = [row["account"] for row in machine.config.accounts]
    if part is desk.accounts:
        assert difference.account == accounts[at]
    if part is desk.positions:
        assert (difference.symbol, difference.account) == (at // len(accounts), accounts[at % len(accounts)])
    assert f"({unit:+d})" in str(difference)


def test_cash_moved_between_accounts_names_both(finished):
    books, machine = finished
    machine.desk.accounts["cash"][0] += 7
    machine.desk.accounts["cash"][1] -= 7
    assert machine.conservation().ok, "the sums are right"
    assert [(each.account, each.found - each.expected) for each in books.differences(machine.desk)] == [(1, 7), (2, -7)]
    machine.desk.accounts["cash"][0] -= 7
    machine.desk.accounts["cash"][1] += 7


def test_a_lost_batch_is_found():
    config = rich_config()
    machine, day = ShardMachine(config), RandomDay(3)
    books = Books(config.accounts, config.symbols, config.limits.interest_ppm)
    lost = 0
    for now in range(10):
        commands = day.batch(60)
        result = machine.apply(commands, now * 10**9)
        if now != 4:
            try:
                books.add(commands, result.events, result.parties)
            except ValueError as error:
                assert "not whole" in str(error)
                lost += 1
    assert lost or books.differences(machine.desk)


def test_legs_of_trades_and_interest_sum_to_zero():
    events, parties = np.zeros(2, EVENT), np.zeros(2, PARTY)
    events["kind"], events["price"], events["qty"], events["side"] = EventKind.TRADE, 1000, [300, 7], [1, 2]
    parties["account"], parties["other"] = 4, 6
    legs = trade_legs(events, parties, np.array([[250, 500, 1]]))
    assert unbalanced(legs) == []
    assert legs[legs["asset"] == CASH][["account", "amount"]].tolist() == [
        (4, -300_075), (6, 300_000 - 75 - 150), (-1, 300),
        (6, -7_001), (4, 7_000 - 1 - 3), (-1, 5),
    ]  # fmt: skip
    assert unbalanced(interest_legs(1, np.array([4]), np.array([9]))) == []
    assert unbalanced(np.array([(1, 4, CASH, 5)], LEG)) == [CASH]
