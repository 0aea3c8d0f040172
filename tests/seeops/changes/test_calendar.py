"""The exchange's calendar and freezes that recur by it, as pure logic."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeops.changes import calendar, closing, exchange
from seeops.changes.calendar import SHANGHAI, Interval, Recurrence, TradingCalendar, expand, merged, next_allowed

KNOWN = TradingCalendar(*exchange.announced())
SESSION = Recurrence(calendar.SESSION, from_time=dt.time(9, 15), until_time=dt.time(15, 0))


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("moment", "phase"),
    [
        ("2024-03-05 08:29", "closed"),
        ("2024-03-05 08:30", "pre_open"),
        ("2024-03-05 09:15", "opening_auction"),
        ("2024-03-05 09:30", "continuous"),
        ("2024-03-05 11:30", "lunch"),
        ("2024-03-05 13:00", "continuous"),
        ("2024-03-05 14:57", "closing_auction"),
        ("2024-03-05 15:00", "settlement"),
        ("2024-03-05 18:00", "closed"),
        ("2024-02-12 10:00", "closed"),  # Spring Festival
        ("2024-10-01 10:00", "closed"),  # National Day
        ("2024-03-09 10:00", "closed"),  # a Saturday
    ],
)
def test_phases_of_the_session(moment, phase):
    assert KNOWN.phase(at(moment)) == phase


def test_a_weekday_that_is_not_announced_is_unknown_and_treated_as_trading():
    beyond = KNOWN.known_until + dt.timedelta(days=30)
    monday = beyond + dt.timedelta(days=-beyond.weekday())
    assert KNOWN.trading(monday) is None
    assert KNOWN.trading(monday + dt.timedelta(days=5)) is False
    assert KNOWN.phase(dt.datetime.combine(monday, dt.time(10), SHANGHAI)) == "unknown"
    assert expand(SESSION, KNOWN, monday, monday)
    corrected = TradingCalendar(KNOWN.days, KNOWN.known_from, KNOWN.known_until, {monday: False})
    assert not expand(SESSION, corrected, monday, monday)
    assert KNOWN.next_trading_day(KNOWN.known_until) is None


def test_an_override_wins_over_what_was_announced():
    day = dt.date(2024, 3, 5)
    assert KNOWN.trading(day)
    assert TradingCalendar(KNOWN.days, KNOWN.known_from, KNOWN.known_until, {day: False}).trading(day) is False


def test_before_long_closures_means_spring_festival_and_national_day():
    rule = Recurrence(calendar.BEFORE_BREAK, sessions=2, break_days=7)
    found = expand(rule, KNOWN, dt.date(2024, 1, 1), dt.date(2024, 12, 31))
    assert [(item.start.date(), item.end.date()) for item in found] == [
        (dt.date(2024, 2, 7), dt.date(2024, 2, 9)),  # closed from the 9th
        (dt.date(2024, 9, 27), dt.date(2024, 10, 1)),  # a Friday and a Monday
    ]


def test_a_yearly_freeze_goes_over_the_end_of_the_year():
    rule = Recurrence(calendar.YEARLY, first=(12, 30), last=(1, 2))
    found = expand(rule, KNOWN, dt.date(2024, 1, 1), dt.date(2024, 12, 31))
    assert [item.holds(at(moment)) for item in found for moment in ("2024-01-02 23:59", "2024-12-30 00:00")] == [
        True, False, False, True,
    ]  # fmt: skip


FIRST, LAST = dt.datetime(2023, 1, 1), dt.datetime(2026, 6, 1)  # noqa: DTZ001 - hypothesis wants bounds without a zone
moments = st.datetimes(FIRST, LAST, timezones=st.just(SHANGHAI))
intervals = st.lists(
    st.tuples(moments, st.integers(1, 60 * 24 * 9)).map(lambda p: Interval(p[0], p[0] + dt.timedelta(minutes=p[1]))),
    max_size=8,
)


@given(intervals, moments)
def test_merging_keeps_every_moment_and_no_two_touch(items, moment):
    joined = merged(items)
    assert any(item.holds(moment) for item in items) == any(item.holds(moment) for item in joined)
    assert all(one.end < two.start for one, two in zip(joined, joined[1:], strict=False))


@given(intervals, moments, st.integers(0, 60 * 24 * 3))
def test_the_next_allowed_moment_is_free_long_enough_and_the_first_such(items, moment, minutes):
    needs = dt.timedelta(minutes=minutes)
    found = next_allowed(items, moment, needs)
    assert found >= moment
    assert not any(item.holds(found) for item in items)
    assert not any(found < item.start < found + needs for item in items)
    # No earlier one: either nothing was in the way, or it is the very end of what was.
    assert found == moment or any(item.end == found for item in items)
    if found > moment:
        blocked = [item for item in merged(items) if item.end == found]
        assert (
            blocked[0].start < moment + needs
            or blocked[0].holds(moment)
            or any(item.end <= blocked[0].start for item in merged(items))
        )


@given(moments)
def test_a_session_freeze_holds_exactly_between_its_times_on_trading_days(moment):
    local = moment.astimezone(SHANGHAI)
    found = expand(SESSION, KNOWN, local.date(), local.date())
    inside = KNOWN.maybe_trading(local.date()) and dt.time(9, 15) <= local.time() < dt.time(15)
    assert any(item.holds(moment) for item in found) == inside


@given(moments, st.integers(1, 72))
def test_phases_of_a_span_hold_the_phase_of_every_moment_in_it(moment, hours):
    end = moment + dt.timedelta(hours=hours)
    found = KNOWN.phases(moment, end)
    for step in range(0, hours * 60, 7):
        assert KNOWN.phase(moment + dt.timedelta(minutes=step)) in found


@given(
    st.integers(1, 400), st.integers(1, 50), st.floats(0, 600), st.none() | st.floats(0, 300), moments,
    st.integers(0, 86_400),
)  # fmt: skip
def test_a_batch_that_fits_still_fits_when_there_is_less_to_do_or_more_time(nodes, at_once, soak, turn, moment, left):
    needs = closing.batch_needs_s(nodes=nodes, at_once=at_once, soak_s=soak, turn_s=turn)
    fewer = closing.batch_needs_s(nodes=max(1, nodes - 1), at_once=at_once + 1, soak_s=soak, turn_s=turn)
    assert fewer <= needs
    closes = moment + dt.timedelta(seconds=left)
    if closing.fits(moment, closes, needs):
        assert closing.fits(moment, closes, fewer)
        assert closing.fits(moment, closes + dt.timedelta(seconds=1), needs)
    assert closing.fits(moment, None, needs)


def test_measured_turns_are_the_median_and_unmeasured_ones_are_long():
    measured = [closing.Measured(4, 2, 10.0), closing.Measured(1, 1, 5.0), closing.Measured(2, 2, 900.0)]
    assert closing.per_turn_s(measured) == 5.0
    assert closing.per_turn_s([]) is None
    assert closing.batch_needs_s(nodes=4, at_once=2, soak_s=0, turn_s=None) == 2 * closing.UNMEASURED_NODE_S
