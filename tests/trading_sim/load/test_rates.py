"""Rates: the day's curve, settings, surges with a lease, homes of customers."""

import pytest

from trading_sim.load.calendar import SessionCalendar
from trading_sim.load.rates import Rates, SettingsError, lane_accounts

CALENDAR = SessionCalendar(1800)
OPENING, LUNCH, CLOSE = CALENDAR.at(90), CALENDAR.at(880), CALENDAR.at(1795)


@pytest.fixture
def now():
    return [100.0]


@pytest.fixture
def rates(now):
    peaks = {"cash-order": 100.0, "quote-push": 1150.0, "clearing-settlement": 10.0}
    return Rates(peaks, frozenset(["cash-order"]), lambda: now[0])


def surge(**changes):
    return {"kind": "surge", "params": {"factor": 3}, "lease_s": 10, "owner": "test", **changes}


def test_orders_follow_the_market_and_quotes_never_stop(rates):
    assert rates.rate("cash-order", OPENING) > 90
    assert rates.rate("cash-order", LUNCH) == 0
    assert rates.rate("quote-push", LUNCH) / 240 >= 4, "every push node must see enough for a verdict"
    assert rates.rate("clearing-settlement", CLOSE) == 10 > rates.rate("clearing-settlement", OPENING)


def test_settings_change_all_chains(rates):
    full = rates.offered(OPENING)
    rates.change({"rate_factor": 0.5})
    assert rates.offered(OPENING) == {chain: rate / 2 for chain, rate in full.items()}
    rates.change({"paused": True})
    assert set(rates.offered(OPENING).values()) == {0.0}


@pytest.mark.parametrize(
    "settings",
    [None, {}, [], {"rate": 1}, {"rate_factor": -1}, {"rate_factor": "2"}, {"rate_factor": True}, {"paused": 1}],
)
def test_settings_that_cannot_be_change_nothing(rates, settings):
    before = rates.state()
    with pytest.raises(SettingsError):
        rates.change(settings)
    assert rates.state() == before


def test_a_surge_ends_with_its_lease_also_across_a_restart(rates, now):
    calm = rates.rate("cash-order", OPENING)
    rates.add_surge(surge(params={"factor": 3, "chains": ["cash-order"]}), "a")
    assert rates.rate("cash-order", OPENING) == pytest.approx(3 * calm)
    again = Rates(rates.peaks, rates.order_chains, lambda: now[0])
    again.take_over(rates.state())
    assert again.rate("cash-order", OPENING) == pytest.approx(3 * calm)
    now[0] += 10.1
    assert again.rate("cash-order", OPENING) == pytest.approx(calm)


def test_a_surge_with_the_key_of_a_live_one_is_that_one(rates):
    first = rates.add_surge(surge(key="k"), "a")
    assert rates.add_surge(surge(key="k"), "b") is first


@pytest.mark.parametrize(
    "body",
    [
        None,
        {"kind": "fire"},
        surge(lease_s=0),
        surge(lease_s=10**9),
        surge(owner=""),
        surge(params={"factor": 0}),
        surge(params={"chains": ["x"]}),
    ],
)
def test_a_surge_that_cannot_be_is_refused(rates, body):
    with pytest.raises(SettingsError):
        rates.add_surge(body, "a")
    assert not rates.surges


def test_every_account_has_one_home_and_groups_are_shared_out():
    masks = lane_accounts([0.54, 0.34, 0.12], 400)
    homes = [sum(mask[account] for mask in masks) for account in range(401)]
    assert homes == [0] + [1] * 400
    assert [sum(mask) for mask in masks] == pytest.approx([216, 136, 48], abs=3)
    assert all(any(mask[1:9]) for mask in masks), "a market maker in every centre"
