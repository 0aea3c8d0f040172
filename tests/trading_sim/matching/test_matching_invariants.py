"""What must hold after every single message: checked from outside by a watcher, from inside by the audit of the arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading_sim.matching.matching_audit import audit
from tests.trading_sim.matching.matching_streams import MIXED_TABLE, random_stream, table_of
from tests.trading_sim.matching.matching_watcher import Watcher
from trading_sim.matching.core import Core
from trading_sim.matching.records import COMMAND, EventKind, Kind, Phase, Reason, Side
from trading_sim.matching.snapshot import decode
from trading_sim.matching.twin import TwinCore

ENGINES = pytest.mark.parametrize("engine", [Core, TwinCore])
SMALL = table_of((100, 90, 110, 1), (50, 40, 60, 5))


def orders(rows: list[tuple[int, int, int]], first_id: int = 1) -> np.ndarray:
    """NEW LIMIT DAY commands of symbol 0 from (side, price, qty)."""
    commands = np.zeros(len(rows), COMMAND)
    commands["kind"], commands["type"], commands["tif"] = Kind.NEW, 1, 1
    commands["order_id"] = commands["seq"] = np.arange(first_id, first_id + len(rows))
    for name, column in zip(("side", "price", "qty"), zip(*rows, strict=True), strict=True):
        commands[name] = column
    return commands


def phase(to: Phase, seq: int = 0) -> np.ndarray:
    command = np.zeros(1, COMMAND)
    command["seq"], command["kind"], command["price"] = seq, Kind.PHASE, to
    return command


@ENGINES
@pytest.mark.parametrize("seed", range(6))
def test_every_message_keeps_every_promise(engine, seed):
    options = [{}, {"phase_rate": 0.1}, {"width": 1}, {"width": 9}, {"phase_rate": 0.05, "width": 7}, {"max_qty": 2}]
    commands = random_stream(seed, 600, garbage=0.004, centres=np.array([100, 50]), **options[seed])
    commands["seq"] = np.arange(1, len(commands) + 1)
    core, watcher = engine(SMALL, max_order_id=700, max_live=40), Watcher(SMALL)
    for command in commands.reshape(-1, 1):
        before = core.state_hash()
        events = core.step(command)
        watcher.watch(command[0], events)
        if engine is Core:
            audit(core)
        if len(events) == 1 and events["kind"][0] == EventKind.REJECTED:
            assert core.state_hash() == before, "a refusal changed the state"
    assert resting_of(core) == {order.order_id: order.qty for order in watcher.orders.values()}


def resting_of(core) -> dict[int, int]:
    rows = decode(core.table, core.snapshot()).orders
    return dict(zip(rows["order_id"].tolist(), rows["qty"].tolist(), strict=True))


@ENGINES
@pytest.mark.parametrize("seed", range(4))
def test_within_a_price_orders_stand_in_the_order_of_their_arrival(engine, seed):
    commands = random_stream(seed, 1_500, garbage=0.0, phase_rate=0.02, width=2)
    commands["kind"][commands["kind"] == Kind.REPLACE] = Kind.CANCEL  # then the order of ids is that of arrival
    core = engine(MIXED_TABLE, 2_000, 2_000)
    for part in np.array_split(commands, 30):
        core.step(part)
        rows = decode(MIXED_TABLE, core.snapshot()).orders
        same = (rows["symbol"][1:] == rows["symbol"][:-1]) & (rows["side"][1:] == rows["side"][:-1])
        same &= rows["price"][1:] == rows["price"][:-1]
        assert (rows["order_id"][1:][same] > rows["order_id"][:-1][same]).all()


AUCTION_ORDERS = st.lists(
    st.tuples(st.sampled_from([1, 2]), st.integers(90, 110), st.integers(1, 9)), min_size=1, max_size=14
)


@ENGINES
@settings(max_examples=60, deadline=None)
@given(rows=AUCTION_ORDERS)
def test_auctions_execute_the_most_at_one_price_and_leave_no_crossed_book(engine, rows):
    core, watcher = engine(SMALL, 100, 100), Watcher(SMALL)
    for command in np.concatenate([phase(Phase.AUCTION, 1), orders(rows, 2), phase(Phase.CONTINUOUS, 99)]).reshape(
        -1, 1
    ):
        watcher.watch(command[0], core.step(command))
    assert resting_of(core) == {order.order_id: order.qty for order in watcher.orders.values()}


@settings(max_examples=80, deadline=None)
@given(rows=AUCTION_ORDERS, seed=st.integers(0, 2**16))
def test_an_auction_does_not_depend_on_who_came_first_except_at_the_margin(rows, seed):
    """Price, volume and what each order gets stay, but for orders at the marginal price, whose sum stays."""
    results = []
    for order in (np.arange(len(rows)), np.random.default_rng(seed).permutation(len(rows))):
        commands = orders(rows)
        commands = commands[order]
        core = Core(SMALL, 100, 100)
        core.step(np.concatenate([phase(Phase.AUCTION), commands]))
        trades = core.step(phase(Phase.CONTINUOUS))
        trades = trades[trades["kind"] == EventKind.TRADE]
        filled = dict.fromkeys(range(1, len(rows) + 1), 0)
        for trade in trades:
            filled[int(trade["order_id"])] += int(trade["qty"])
            filled[int(trade["maker_id"])] += int(trade["qty"])
        price = int(trades["price"][0]) if len(trades) else 0
        off = {i: qty for i, qty in filled.items() if rows[i - 1][1] != price}
        at = [sum(q for i, q in filled.items() if rows[i - 1][:2] == (side, price)) for side in Side]
        results.append((price, off, at))
    # At the margin the rationed orders are those of one price; off it, only ties of price are rationed by time.
    assert results[0][0] == results[1][0]
    assert results[0][2] == results[1][2]
    assert by_price(results[0][1], rows) == by_price(results[1][1], rows)


def by_price(filled: dict[int, int], rows: list[tuple[int, int, int]]) -> dict[tuple[int, int], int]:
    sums: dict[tuple[int, int], int] = {}
    for order_id, qty in filled.items():
        key = rows[order_id - 1][:2]
        sums[key] = sums.get(key, 0) + qty
    return sums


@ENGINES
def test_no_cancel_is_accepted_while_the_auction_is_locked(engine):
    core = engine(SMALL, 100, 100)
    core.step(np.concatenate([phase(Phase.AUCTION), orders([(1, 100, 5), (2, 99, 5)]), phase(Phase.AUCTION_LOCKED)]))
    changes = np.zeros(4, COMMAND)
    changes["kind"], changes["order_id"] = (Kind.CANCEL, Kind.REPLACE) * 2, (1, 1, 2, 2)
    changes["price"], changes["qty"] = 100, 1
    before = core.state_hash()
    assert core.step(changes)["reason"].tolist() == [Reason.BAD_PHASE] * 4
    assert core.state_hash() == before


@ENGINES
def test_the_second_cancel_is_refused_and_changes_nothing(engine):
    core = engine(SMALL, 100, 100)
    core.step(orders([(1, 100, 5), (1, 100, 7)]))
    cancel = np.zeros(1, COMMAND)
    cancel["kind"], cancel["order_id"] = Kind.CANCEL, 1
    assert core.step(cancel)["kind"].tolist() == [EventKind.CANCELLED]
    before = core.state_hash()
    assert core.step(cancel)["reason"].tolist() == [Reason.UNKNOWN_ORDER]
    assert core.state_hash() == before


@ENGINES
@pytest.mark.parametrize("price", [90, 110])
def test_the_limits_of_the_day_can_be_traded_at_but_not_beyond(engine, price):
    core = engine(SMALL, 100, 100)
    events = core.step(orders([(1, price, 5), (2, price, 5)]))
    assert events["price"][events["kind"] == EventKind.TRADE].tolist() == [price]
    beyond = price + (1 if price == 110 else -1)
    assert core.step(orders([(1, beyond, 5)], 3))["reason"].tolist() == [Reason.PRICE_LIMIT]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_mirrored_sides_and_prices_give_mirrored_auctions(seed):
    """Where no two prices are equally near the reference: the tie that remains is broken upwards, which has no mirror."""
    table = table_of((100, 80, 120, 1))
    commands = random_stream(seed, 120, centres=np.array([100]), garbage=0.0, phase_rate=0.1, width=3)
    commands["side"][commands["kind"] == Kind.PHASE] = 0
    mirrored = commands.copy()
    moving = commands["kind"] != Kind.PHASE
    mirrored["side"][moving] = 3 - commands["side"][moving]
    mirrored["price"][moving] = 200 - commands["price"][moving]
    one, other = Core(table), Core(table)
    for command, reflection in zip(commands.reshape(-1, 1), mirrored.reshape(-1, 1), strict=True):
        events, reflected = one.step(command), other.step(reflection)
        prices = set(events["price"][events["flags"] == 1].tolist())
        if prices != {200 - price for price in reflected["price"][reflected["flags"] == 1].tolist()}:
            (price,) = prices
            (image,) = set(reflected["price"][reflected["flags"] == 1].tolist())
            assert price == image == max(price, 200 - price), "only a tie may be broken unlike its mirror"
            return
        assert len(events) == len(reflected)
        assert (events["qty"] == reflected["qty"]).all() or (events["flags"] == 1).any()
    bids, asks = one.depth(0, Side.BUY, 99), one.depth(0, Side.SELL, 99)
    assert [(200 - p, q, n) for p, q, n in bids] == other.depth(0, Side.SELL, 99)
    assert [(200 - p, q, n) for p, q, n in asks] == other.depth(0, Side.BUY, 99)
