"""Levels hold the rates for a lease and no longer; response times count from when orders were due; the peak is what customers did by themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_sim.load.calendar import SessionCalendar
from trading_sim.load.peak import PeakWatch
from trading_sim.load.rates import Rates, SettingsError
from trading_sim.load.responses import Responses, bucket_counts, counts_from, lateness, quantile_s

CALENDAR = SessionCalendar(1800.0)
OPEN, LUNCH = CALENDAR.at(600.0), CALENDAR.at(880.0)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def rates(clock):
    return Rates({"cash-order": 80.0, "login": 20.0}, frozenset({"cash-order"}), clock, rate_factor=0.1)


def level(value=2.0, owner="ramp", seconds=10.0, chains=()):
    return {"kind": "level", "params": {"level": value, "chains": list(chains)}, "lease_s": seconds, "owner": owner}


def test_a_level_holds_all_rates_until_its_lease_ends(rates, clock):
    before = rates.offered(OPEN)
    rates.hold_level(level(), "a")
    assert rates.offered(OPEN) == {"cash-order": 160.0, "login": 40.0}
    assert not rates.usual
    clock.now += 10.0
    assert rates.offered(OPEN) == before
    assert rates.usual


def test_chains_of_orders_are_silent_while_the_market_is_closed(rates):
    assert LUNCH.order_rate == 0
    rates.hold_level(level(chains=["cash-order"]), "a")
    assert rates.rate("cash-order", LUNCH) == 0.0
    assert 0 < rates.rate("login", LUNCH) < 20.0, "a chain that is not covered goes on as usual"


def test_one_owner_at_a_time_and_no_surge_beside_it(rates, clock):
    rates.hold_level(level(2.0), "a")
    assert rates.hold_level(level(3.0), "b").lease == "a", "the owner's next level takes the place of the former"
    with pytest.raises(SettingsError, match="ramp holds the level"):
        rates.hold_level(level(owner="other"), "c")
    surge = {"kind": "surge", "params": {"factor": 2}, "lease_s": 5, "owner": "x"}
    with pytest.raises(SettingsError, match="capacity test"):
        rates.add_surge(surge, "s")
    assert rates.remove("a") and not rates.remove("a")
    rates.add_surge(surge, "s")
    with pytest.raises(SettingsError, match="surge is in force"):
        rates.hold_level(level(), "d")


@pytest.mark.parametrize(
    "body",
    [
        level(0),
        level("many"),
        level(1000),
        level(seconds=0),
        level(seconds=3600),
        level(owner=""),
        level(chains=["no"]),
    ],
)
def test_a_level_that_cannot_be_is_refused_and_changes_nothing(rates, body):
    with pytest.raises(SettingsError):
        rates.hold_level(body, "a")
    assert rates.level is None


@given(st.lists(st.floats(1e-5, 59.0), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_quantiles_are_known_within_four_per_cent_and_never_too_low(seconds, part):
    exact = float(np.quantile(seconds, part, method="inverted_cdf"))
    found = quantile_s(bucket_counts(np.array(seconds)), part)
    assert found >= exact * (1 - 1e-12)
    assert found <= max(exact * 1.0401, 50.001e-6)


def test_what_is_written_is_what_is_read():
    responses = Responses(["a"])
    responses.note("a", np.array([0.001, 0.001, 99.0]))
    assert (counts_from(responses.as_dict()["a"]) == responses.counts["a"]).all()
    assert quantile_s(responses.counts["a"], 1.0) == float("inf")
    assert quantile_s(np.zeros_like(responses.counts["a"]), 0.5) is None


def test_orders_of_a_lane_that_was_kept_waiting_count_from_when_they_were_due():
    due = np.array([0.1, 0.3, 0.9])
    assert lateness(due, 1.0, 0.25) == pytest.approx([0.75, 0.5, 0.0])
    assert (lateness(np.array([0.01, 0.25]), 0.25, 0.25) == 0).all(), "a lane that keeps up is never late"


def test_the_peak_is_the_best_window_of_usual_flow_and_survives_a_restart(tmp_path):
    watch = PeakWatch(tmp_path / "peak.json")
    for second, (answered, usual) in enumerate([(0, True), (500, True), (9_000, False), (9_000, True), (9_200, True)]):
        watch.note(second * 10.0, answered, usual)
    assert watch.best["orders_per_s"] == 50.0, "what a level caused is no peak of the customers"
    assert PeakWatch(tmp_path / "peak.json").best == watch.best
