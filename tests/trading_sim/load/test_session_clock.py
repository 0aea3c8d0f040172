"""The compressed day and the level-triggered way shards are brought through it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_sim.load.calendar import DAY, SessionCalendar
from trading_sim.load.session import CLOSED, SETTLE, SessionClock, ShardState, next_step

CALENDAR = SessionCalendar(1800)


def test_the_day_passes_the_stations_of_the_exchange():
    starts, elapsed = [], 0.0
    for segment in DAY:
        starts.append(CALENDAR.at(elapsed + 0.001).market_time[:5])
        elapsed += 1800 * segment.weight / sum(one.weight for one in DAY)
    assert starts == ["09:15", "09:20", "09:25", "09:30", "10:00", "11:30", "13:00", "14:30", "14:57", "15:00"]
    assert CALENDAR.at(1e9).segment == "closed"
    assert CALENDAR.at(-5).segment == "opening-auction"


@given(st.floats(0, 1800))
def test_every_moment_is_whole(elapsed):
    moment = CALENDAR.at(elapsed)
    assert 0 <= moment.order_rate <= 1
    assert 0 <= moment.ends_in_s <= 1800
    assert moment.phase != 3 or moment.order_rate >= 0.5, "continuous trading never rests"


def test_a_day_without_length_is_refused():
    with pytest.raises(ValueError, match="0 s cannot be"):
        SessionCalendar(0)


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4), st.floats(0, 1800))
def test_any_shard_arrives_and_settles_once_per_day(shard_day, phase, day, elapsed):
    moment = CALENDAR.at(elapsed)
    shard, settled = ShardState(shard_day, phase), 0
    for _ in range(20):
        step = next_step(shard, day, moment)
        if step is None:
            break
        if step == SETTLE:
            assert shard.phase == CLOSED
            shard, settled = ShardState(shard.day + 1, CLOSED), settled + 1
        else:
            shard = ShardState(shard.day, step)
    target = day + (moment.segment == "closed")
    assert next_step(shard, day, moment) is None
    assert shard.day == max(target, shard_day)
    assert settled == max(0, target - shard_day)
    assert shard.phase == (moment.phase if shard.day == day else CLOSED)


def test_the_clock_goes_on_after_a_restart_and_turns_days(tmp_path):
    now = [1000.0]
    SessionClock(tmp_path / "session.json", CALENDAR, lambda: now[0])
    now[0] = 1900.0
    again = SessionClock(tmp_path / "session.json", CALENDAR, lambda: now[0])
    assert again.started_at == 1000.0
    assert not again.turn()
    now[0] = 2801.0
    assert again.turn()
    assert (again.day, again.started_at) == (1, 2800.0)
    again.join(7)
    now[0] = 99_999.0
    late = SessionClock(tmp_path / "session.json", CALENDAR, lambda: now[0])
    assert (late.day, late.started_at) == (7, 99_999.0)
    assert late.describe()["market_time"] == "09:15:00"


def test_a_damaged_clock_file_says_what_to_do(tmp_path):
    path = tmp_path / "session.json"
    path.write_text("{")
    with pytest.raises(ValueError, match="remove it to begin a new trading day"):
        SessionClock(path, CALENDAR, lambda: 1.0)
