"""The ledger alone: rows it refuses, freezes that always pay, a conservation check that finds a single wrong unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_sim.ledger.conservation import conservation, sums
from trading_sim.ledger.records import ACCOUNT, POSITION, SYMBOL, LedgerError
from trading_sim.ledger.settlement import settle_day
from trading_sim.risk.limits import RiskLimits
from trading_sim.risk.opening import open_desk

PRICES = {"reference": 100, "low": 90, "high": 110, "lot": 1}
SYMBOLS = [{**PRICES, "commission_ppm": 250}, {**PRICES, "commission_ppm": 250, "same_day": True}]
ACCOUNTS = [{"account": 5, "cash": 1000, "positions": {"0": 30}}, {"account": 3, "cash": 0, "positions": {}}]


def small_desk(accounts=ACCOUNTS, symbols=SYMBOLS):
    return open_desk(accounts, symbols, RiskLimits(), 10)


def test_records_fill_cache_lines():
    assert (ACCOUNT.itemsize, SYMBOL.itemsize, POSITION.itemsize) == (64, 64, 32)
    desk = small_desk()
    assert {array.ctypes.data % 64 for array in (desk.accounts, desk.positions, desk.symbols)} == {0}


@pytest.mark.parametrize(
    ("accounts", "message"),
    [
        ([], "no accounts"),
        ([{"account": 1, "cash": -1}], "cash must not be negative"),
        ([{"account": 1, "cash": 1, "positions": {"2": 1}}], "symbols are 0 … 1"),
        ([{"account": 1, "cash": 1, "positions": {"0": -1}}], "not negative"),
        ([{"account": 1, "cash": 1, "positions": {"0": 2**31}}], "at most"),
        ([{"account": 1, "cash": 1}, {"account": 1, "cash": 1}], "twice"),
        ([{"account": 0, "cash": 1}], "must be 1"),
        ([{"account": 1, "cash": 1, "credit_line": -5}], "credit_line must be a whole number"),
        ([{"account": 1, "cash": 1, "rate_max": 1.5}], "rate_max must be a whole number"),
    ],
)
def test_accounts_that_cannot_be_are_refused(accounts, message):
    with pytest.raises(LedgerError, match=message):
        small_desk(accounts)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"commission_ppm": 1_000_001}, "commission_ppm"),
        ({"multiplier": 0}, "at least one share"),
        ({"margin_ppm": 120_000}, "same_day"),
        ({"lendable": 5}, "say the margin"),
        ({"high": 2**31}, "do not fit"),
    ],
)
def test_symbols_that_cannot_be_are_refused(changes, message):
    with pytest.raises(LedgerError, match=message):
        small_desk(symbols=[{**PRICES, **changes}] * 2)


@pytest.mark.parametrize("name", ["cash", "frozen", "sellable", "held", "today"])
def test_conservation_finds_a_single_wrong_unit(name):
    desk = small_desk()
    expected = sums(desk)
    assert conservation(desk, expected).ok
    (desk.accounts if name in ACCOUNT.names else desk.positions)[name][0] += 1
    problems = conservation(desk, expected).problems()
    assert len(problems) == 1
    assert "(+1)" in problems[0]


def test_conservation_names_negative_balances_that_sum_up():
    desk = small_desk()
    expected = sums(desk)
    desk.accounts["frozen"][0] -= 5
    desk.accounts["cash"][0] += 5
    assert conservation(desk, expected).problems() == ["negative frozen"]


def test_a_day_with_open_orders_cannot_be_settled():
    desk = small_desk()
    desk.positions["buying"][1] = 100
    with pytest.raises(LedgerError, match="expire them"):
        settle_day(desk)


def needed(price, quantity, ppm):
    return price * quantity + price * quantity * ppm // 1_000_000


@given(st.integers(1, 300_000), st.lists(st.integers(1, 5000), min_size=1, max_size=8), st.integers(0, 3000), st.data())
def test_a_freeze_always_pays_for_its_parts(price, parts, ppm, data):
    """Whatever the sizes and better prices of the fills, what a freeze releases covers notional and fee."""
    left = sum(parts)
    free, frozen = 0, needed(price, left, ppm)
    for part in parts:
        paid = data.draw(st.integers(1, price)) * part
        left -= part
        free += frozen - needed(price, left, ppm) - paid - paid * ppm // 1_000_000
        frozen = needed(price, left, ppm)
        assert free >= 0
    assert frozen == 0
