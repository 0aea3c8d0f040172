"""The ledger alone: rows it refuses, events no order explains, and a conservation check that finds a single wrong unit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_sim.ledger import kernel
from trading_sim.ledger.book import Ledger
from trading_sim.ledger.state import LedgerError
from trading_sim.matching.records import EVENT, EventKind

SYMBOLS = [{"commission_ppm": 250}, {"commission_ppm": 250, "same_day": True}]
ACCOUNTS = [{"account": 5, "cash": 1000, "positions": {"0": 30}}, {"account": 3, "cash": 0, "positions": {}}]


@pytest.mark.parametrize(
    ("accounts", "message"),
    [
        ([], "no accounts"),
        ([{"account": 1, "cash": -1}], "cash must not be negative"),
        ([{"account": 1, "cash": 1, "positions": {"2": 1}}], "symbols are 0 … 1"),
        ([{"account": 1, "cash": 1, "positions": {"0": -1}}], "not negative"),
        ([{"account": 1, "cash": 1}, {"account": 1, "cash": 1}], "twice"),
        ([{"account": 0, "cash": 1}], "must be 1"),
    ],
)
def test_rows_that_cannot_be_are_refused(accounts, message):
    with pytest.raises(LedgerError, match=message):
        Ledger(accounts, SYMBOLS, 10)


@pytest.mark.parametrize("kind", [EventKind.TRADE, EventKind.CANCELLED, EventKind.REPLACED])
def test_an_event_that_no_open_order_explains_is_an_error(kind):
    events = np.zeros(1, dtype=EVENT)
    events["kind"], events["order_id"] = kind, 4
    with pytest.raises(LedgerError, match="core and ledger disagree"):
        Ledger(ACCOUNTS, SYMBOLS, 10).post(events)


@pytest.mark.parametrize("name", ["cash", "frozen", "sellable", "held", "today"])
def test_conservation_finds_a_single_wrong_unit(name):
    ledger = Ledger(ACCOUNTS, SYMBOLS, 10)
    assert ledger.conservation().ok
    getattr(ledger.state, name).flat[0] += 1
    problems = ledger.conservation().problems()
    assert len(problems) == 1
    assert "(+1)" in problems[0]


def test_conservation_names_negative_balances_that_sum_up():
    ledger = Ledger(ACCOUNTS, SYMBOLS, 10)
    ledger.state.frozen[0] -= 5
    ledger.state.cash[0] += 5
    assert ledger.conservation().problems() == ["negative frozen"]


@given(st.integers(1, 300_000), st.lists(st.integers(1, 5000), min_size=1, max_size=8), st.integers(0, 3000), st.data())
def test_a_freeze_always_pays_for_its_parts(price, parts, ppm, data):
    """Whatever the sizes and better prices of the fills, what a freeze releases covers notional and fee."""
    needed = kernel.cash_needed.py_func
    left = sum(parts)
    free, frozen = 0, needed(price, left, ppm)
    for part in parts:
        paid = data.draw(st.integers(1, price)) * part
        left -= part
        free += frozen - needed(price, left, ppm) - paid - paid * ppm // 1_000_000
        frozen = needed(price, left, ppm)
        assert free >= 0
    assert frozen == 0
