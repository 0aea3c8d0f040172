"""The time range of a page: its address restores it, and what cannot be is said."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeops.monitoring import timerange

ZONE = ZoneInfo("Asia/Shanghai")
NOW = dt.datetime(2026, 5, 11, 6, 0, tzinfo=dt.UTC)


def test_without_anything_it_is_live_and_a_quarter_of_an_hour() -> None:
    span = timerange.parse({}, NOW, ZONE)
    assert (span.live, span.seconds, span.end) == (True, 900, NOW)


def test_times_without_an_offset_are_those_of_the_exchange() -> None:
    span = timerange.parse({"from": "2026-05-11T09:30", "to": "2026-05-11T11:30"}, NOW, ZONE)
    assert span.start == dt.datetime(2026, 5, 11, 1, 30, tzinfo=dt.UTC)
    assert not span.live


def test_the_future_is_cut_off() -> None:
    assert timerange.parse({"from": "2026-05-11T09:30", "to": "2026-05-11T23:30"}, NOW, ZONE).end == NOW


@pytest.mark.parametrize(
    "params",
    [
        {"range": "7y"},
        {"from": "yesterday"},
        {"from": "2026-05-11T10:00", "to": "2026-05-11T09:00"},
        {"from": "2026-04-01T10:00", "to": "2026-05-11T09:00"},
        {"to": "2026-05-11T09:00"},
        {"from": "0001-01-01T00:00"},
        {"from": "9999-12-31T23:59:59"},
    ],
)
def test_what_cannot_be_is_refused(params: dict[str, str]) -> None:
    with pytest.raises(timerange.RangeInvalid):
        timerange.parse(params, NOW, ZONE)


@given(
    st.integers(0, 9 * 86400).map(lambda s: dt.datetime(2026, 5, 1, tzinfo=ZONE) + dt.timedelta(seconds=s)),
    st.integers(1, 24 * 3600),
)
def test_the_address_restores_a_fixed_range(start: dt.datetime, seconds: int) -> None:
    span = timerange.TimeRange(start, start + dt.timedelta(seconds=seconds))
    assert timerange.parse(span.query(), NOW, ZONE) == span


@pytest.mark.parametrize("key", list(timerange.CHOICES))
def test_the_address_restores_a_live_range(key: str) -> None:
    span = timerange.parse({"range": key}, NOW, ZONE)
    assert timerange.parse(span.query(), NOW, ZONE) == span
