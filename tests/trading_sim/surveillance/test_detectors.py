"""Each pattern by hand, what looks like it and is not, and properties that hold for every tape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading_sim.surveillance.tape import BUY, SELL, SYMBOLS, Tape, furthest
from trading_sim.surveillance.thresholds import Memory, Thresholds

LARGE = 2_000


def bluff(tape: Tape, account: int, at: float, *, levels: int = 1, traded: bool = True, symbol: int = 0) -> None:
    """Large buys, a small sale meanwhile, and the buys are gone."""
    buys = [tape.place(at, account, BUY, 990 - level, LARGE // levels, symbol) for level in range(levels)]
    if traded:
        bid = tape.place(at + 0.2, 50, BUY, 995, 100, symbol)
        tape.trade(at + 0.5, tape.place(at + 0.5, account, SELL, 995, 100, symbol), bid, 100)
    for order in buys:
        tape.cancel(at + 1.0, order)


def opened() -> Tape:
    tape = Tape()
    tape.phase(0.0, 3)
    return tape


@pytest.mark.parametrize(("levels", "pattern"), [(1, "spoofing"), (2, "spoofing"), (4, "layering")])
def test_large_orders_that_vanish_around_trades_escalate_step_by_step(levels: int, pattern: str) -> None:
    tape = opened()
    for cycle in range(4):
        bluff(tape, 7, 1.0 + 6 * cycle, levels=levels)
    steps = [one.step for one in tape.watch() if one.pattern == pattern and one.accounts == (7,)]
    assert steps[0] == 1
    assert sorted(set(steps)) == [1, 2, 3]


def test_large_orders_that_only_come_and_go_are_at_most_watched() -> None:
    tape = opened()
    for cycle in range(8):
        bluff(tape, 7, 1.0 + 6 * cycle, traded=False)
    assert max(furthest(tape.watch()).values(), default=0) <= 1


def test_a_maker_who_moves_both_quotes_is_not_a_spoofer() -> None:
    tape = opened()
    for cycle in range(20):
        at = 1.0 + 2 * cycle
        bid, ask = tape.place(at, 3, BUY, 990, LARGE), tape.place(at, 3, SELL, 1010, LARGE)
        tape.trade(at + 0.5, tape.place(at + 0.5, 60, BUY, 1010, 100), ask, 100)
        tape.cancel(at + 1.0, bid)
        tape.cancel(at + 1.0, ask)
    assert (("spoofing", (3,), 0) not in furthest(tape.watch())) and (
        ("layering", (3,), 0) not in furthest(tape.watch())
    )


@pytest.mark.parametrize("accounts", [(5, 5), (5, 9)])
def test_trades_to_and_fro_are_wash_trades(accounts: tuple[int, int]) -> None:
    tape = opened()
    for turn in range(8):
        tape.cross(1.0 + 2 * turn, accounts[turn % 2], accounts[1 - turn % 2], 1000, 300)
    assert furthest(tape.watch())["wash", tuple(sorted(set(accounts))), 0] == 3


def test_a_position_handed_over_in_parts_is_no_wash_trade() -> None:
    tape = opened()
    for turn in range(8):
        tape.cross(1.0 + 2 * turn, 5, 9, 1000, 300)
    assert not furthest(tape.watch())


def test_a_ring_of_accounts_is_found_as_a_whole() -> None:
    tape = opened()
    for turn in range(24):
        tape.cross(1.0 + turn, 11 + turn % 4, 11 + (turn + 1) % 4, 1000, 200)
    assert furthest(tape.watch())["coordinated", (11, 12, 13, 14), 0] == 3


def test_customers_of_one_maker_are_no_ring() -> None:
    tape = opened()
    for turn in range(40):
        customer = 100 + turn % 10
        seller, buyer = (1, customer) if turn % 3 else (customer, 1)
        tape.cross(1.0 + turn, seller, buyer, 1000, 200)
    assert not [key for key in furthest(tape.watch()) if key[0] == "coordinated"]


@pytest.mark.parametrize(("times", "step"), [(3, 0), (25, 1), (80, 3)])
def test_an_order_is_oversized_by_the_symbols_own_measure(times: int, step: int) -> None:
    tape = opened()
    tape.place(1.0, 9, BUY, 990, 100 * times)
    assert furthest(tape.watch()).get(("oversized", (9,), 0), 0) == step


def ramp(tape: Tape) -> None:
    for turn in range(12):
        at, price = 30.0 + 2 * turn, 1000 + 2 * turn
        maker = tape.place(at, 30 + turn, SELL, price, 300)
        tape.trade(at + 0.1, tape.place(at + 0.1, 8, BUY, price, 300), maker, 300)


def test_ramping_is_acted_on_at_the_close_and_not_before() -> None:
    tape = opened()
    ramp(tape)
    assert furthest(tape.watch()).get(("ramping", (8,), 0), 0) <= 1
    tape.phase(60.0, 2)
    assert furthest(tape.watch())["ramping", (8,), 0] == 3


def test_the_sentence_names_accounts_and_figures() -> None:
    tape = opened()
    tape.place(1.0, 9, BUY, 990, 8_000)
    (found,) = tape.watch()
    assert "Account 9" in found.sentence
    assert str(found.figures["ratio"]) in found.sentence


# -- properties --------------------------------------------------------------------------------------------------------


@st.composite
def moves(draw: st.DrawFn) -> list[tuple[int, ...]]:
    """(what, account, other account, symbol, price, quantity, tenths of a second since the move before)."""
    account = st.integers(1, 6)
    row = st.tuples(
        st.integers(0, 3), account, account, st.integers(0, SYMBOLS - 1), st.integers(980, 1020), st.sampled_from([100, 300, LARGE, 9000]),
        st.integers(0, 30),
    )  # fmt: skip
    return draw(st.lists(row, min_size=1, max_size=60))


def tape_of(rows: list[tuple[int, ...]], *, mirrored: bool = False, symbol: int | None = None) -> Tape:
    """`symbol`: only the moves in it."""
    tape = Tape(mirrored=mirrored)
    tape.phase(0.0, 3)
    at, standing = 1.0, []
    for what, account, other, where, price, qty, wait in rows:
        at += wait / 10
        if symbol is not None and where != symbol:
            continue
        if what in (0, 1):
            standing.append(tape.place(at, account, BUY if what else SELL, price, qty, where))
        elif what == 2:
            tape.cross(at, account, other, price, qty, where)
        elif standing:
            tape.cancel(at, standing.pop())
    return tape


@settings(max_examples=40, deadline=None)
@given(rows=moves(), data=st.data())
def test_how_events_are_cut_into_entries_does_not_matter(rows: list[tuple[int, ...]], data: st.DataObject) -> None:
    tape = tape_of(rows)
    cuts = data.draw(st.lists(st.integers(1, len(tape.rows)), unique=True))
    assert tape.watch(cuts) == tape.watch()


@settings(max_examples=40, deadline=None)
@given(rows=moves())
def test_buyers_and_sellers_are_judged_alike(rows: list[tuple[int, ...]]) -> None:
    straight, turned = (furthest(tape_of(rows, mirrored=mirrored).watch()) for mirrored in (False, True))
    # A move in parts of the price is not the same up and down, so ramping is left out.
    assert {k: v for k, v in straight.items() if k[0] != "ramping"} == {
        k: v for k, v in turned.items() if k[0] != "ramping"
    }


@settings(max_examples=40, deadline=None)
@given(rows=moves(), symbol=st.integers(0, SYMBOLS - 1))
def test_other_symbols_do_not_matter(rows: list[tuple[int, ...]], symbol: int) -> None:
    def cancels_of_own_symbol(rows: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
        return [row for row in rows if row[0] != 3]  # which order a cancel meets would depend on the others

    kept = cancels_of_own_symbol(rows)
    alone = furthest(tape_of(kept, symbol=symbol).watch())
    together = furthest(tape_of(kept).watch())
    assert {k: v for k, v in together.items() if k[2] == symbol} == alone


def test_memory_is_bounded_and_what_does_not_fit_is_counted() -> None:
    from tests.trading_sim.surveillance.tape import START_NS, USUAL
    from trading_sim.surveillance.watch import ShardWatch

    watch = ShardWatch(0, USUAL, Thresholds(memory=Memory(orders=64, cells=64, pairs=64, events=64)))
    tape = opened()
    for account in range(1, 400):
        tape.place(1.0 + account / 1000, account, BUY, 990, 100)
    sizes = [array.nbytes for array in watch.tables]
    for at, event, party in tape.rows:
        watch.feed(START_NS + int(at * 1e9), event, party)
    watch.pass_time(START_NS + 10 * 10**9)
    assert [array.nbytes for array in watch.tables] == sizes
    assert watch.unwatched > 0
    assert np.count_nonzero(watch.tables.cells["key"]) <= 64
