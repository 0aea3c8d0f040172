"""A replica looks again for a little while messages follow closely, and sleeps at once when they do not."""

from __future__ import annotations

import pytest

from trading_sim.shard import spin
from trading_sim.shard.spin import SPIN_NS, Spinner


class Loop:
    """Counts what is due at once."""

    def __init__(self) -> None:
        self.due: list = []

    def call_soon(self, act: object) -> None:
        self.due.append(act)

    def turn(self) -> bool:
        """One turn; False when the loop would sleep."""
        due, self.due = self.due, []
        for act in due:
            act()
        return bool(due)


class Clock:
    def __init__(self) -> None:
        self.now_ns = 1 << 40

    def monotonic_ns(self) -> int:
        return self.now_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(spin, "time", clock)
    return clock


def touches(spinner: Spinner, clock: Clock, gap_ns: int, count: int = 100) -> None:
    for _ in range(count):
        clock.now_ns += gap_ns
        spinner.touch()


def test_an_idle_replica_sleeps_at_once(clock: Clock) -> None:
    loop = Loop()
    touches(Spinner(loop, "adaptive"), clock, gap_ns=100_000_000)
    assert not loop.turn()


def test_close_messages_keep_the_loop_looking_for_a_bounded_time(clock: Clock) -> None:
    loop = Loop()
    spinner = Spinner(loop, "adaptive")
    touches(spinner, clock, gap_ns=20_000)
    assert len(loop.due) == 1, "one turn at a time"
    assert loop.turn() and loop.due
    clock.now_ns += SPIN_NS + 1
    assert loop.turn()
    assert not loop.turn()
    touches(spinner, clock, gap_ns=1_000_000_000, count=1)
    assert not loop.turn(), "the first long gap ends it"


def test_busy_never_sleeps_and_none_always_does(clock: Clock) -> None:
    busy, none = Loop(), Loop()
    Spinner(busy, "busy")
    touches(Spinner(none, "none"), clock, gap_ns=10)
    assert all(busy.turn() for _ in range(50))
    assert not none.turn()
