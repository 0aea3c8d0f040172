"""Lanes over links that lose requests and answers: nothing lost, nothing twice, every account's orders in order, any crash survived."""

import asyncio
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.polling import let_others_run
from tests.trading_sim.load.load_world import MemoryLinks, MemoryShard
from trading_sim.load import lane as lane_module
from trading_sim.load.audit import Auditor
from trading_sim.load.client_book import ClientBook
from trading_sim.load.flow import ORDER_CHAINS, ShardFlow
from trading_sim.load.lane import Lane
from trading_sim.load.measures import Measures
from trading_sim.market import ACCOUNTS, shard_config

CONFIG = shard_config(0)
EVERYBODY = np.ones(ACCOUNTS + 1, dtype=bool)
RATES = {"cash-order": 5.0, "institution-order": 3.0, "options-order": 2.0, "order-cancel": 2.0}
CENTRES = ["SZ-A", "SZ-B", "WH-A"]


class Ticks:
    """A clock that moves when it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.01
        return self.now


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(lane_module, "RETRY_FIRST_S", 0.0)
    monkeypatch.setattr(lane_module, "RETRY_MOST_S", 0.0)


def open_book(directory, **kwargs) -> ClientBook:
    return ClientBook(directory, 1, ACCOUNTS, Ticks(), lambda: 1 << 20, **kwargs)


def make_lane(book, links) -> Lane:
    return Lane(
        "SZ-A/0",
        book.base_client,
        0,
        CENTRES,
        EVERYBODY,
        links,
        book,
        Measures(ORDER_CHAINS),
        Ticks(),
        lambda: {"phase": 3},
    )


def learn(flow, operation, fates, events) -> None:
    for chain, fate in fates.items():
        flow.customers.note_orders(operation.orders[chain], fate.order_ids, fate.outcomes, fate.reasons)
    for happened in events.values():
        flow.customers.note_events(happened)


async def trade(lane, flow, requests: int) -> None:
    for _ in range(requests):
        flow.step(0.001)
        orders = flow.make(RATES, EVERYBODY, 3)
        if orders:
            learn(flow, *await lane.send(orders))


def audit(book, shard) -> Auditor:
    auditor = Auditor(book, [shard], ACCOUNTS, Ticks())
    book.baseline[:] = np.maximum(book.baseline, 0)

    async def all_accounts() -> None:
        for account in range(1, ACCOUNTS + 1):
            await auditor.check(0, account)

    asyncio.run(all_accounts())
    return auditor


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([None, None, "down", "reply", "open", "void"]), min_size=20, max_size=60),
    st.integers(0, 999),
)
def test_whatever_gets_lost_on_the_way_every_order_is_executed_once(tmp_path_factory, mishaps, seed):
    directory = tmp_path_factory.mktemp("history")
    shard, queue = MemoryShard(CONFIG), list(mishaps)
    links = MemoryLinks([shard], lambda centre, request: queue.pop() if queue else None)
    book, flow = open_book(directory), ShardFlow(CONFIG, seed)
    asyncio.run(trade(make_lane(book, links), flow, 15))
    requests = [request for _, request, _ in shard.journal]
    assert requests == sorted(set(requests)), "a request was executed twice or out of order"
    assert not book.pending
    auditor = audit(book, shard)
    assert (book.lost, book.duplicates, auditor.audited) == (0, 0, ACCOUNTS)
    assert (book.known == book.invoked).all()
    seen = Counter(
        commands["account"][commands["kind"] == 1].tolist()[0]
        for _, _, commands in shard.journal
        if 1 in commands["kind"]
    )
    assert all(book.known[0, account] > 0 for account in seen)
    book.close()


@pytest.mark.parametrize("after", ["down", "reply"])
def test_a_killed_process_goes_on_with_its_open_request(tmp_path, after):
    shard = MemoryShard(CONFIG)
    trouble = {"now": None}
    links = MemoryLinks([shard], lambda centre, request: trouble["now"])
    flow = ShardFlow(CONFIG, 4)

    async def die_with_an_open_request() -> None:
        book = open_book(tmp_path)
        lane = make_lane(book, links)
        await trade(lane, flow, 5)
        trouble["now"] = after
        task = asyncio.ensure_future(lane.send(flow.make(RATES, EVERYBODY, 3)))
        while len(links.asked) < 10:
            await let_others_run()
        task.cancel()

    asyncio.run(die_with_an_open_request())
    trouble["now"] = None
    book = open_book(tmp_path)
    (operation,) = book.pending.values()
    assert book.base_client == 1 << 20
    lane = make_lane(book, links)

    async def go_on() -> None:
        learn(flow, *await lane.deliver(operation, attempt=2))
        await trade(lane, flow, 3)

    asyncio.run(go_on())
    assert [request for _, request, _ in shard.journal] == list(range(1, 10))
    audit(book, shard)
    assert (book.lost, book.duplicates) == (0, 0)


def test_a_shard_that_executes_twice_is_found_out(tmp_path):
    shard = MemoryShard(CONFIG, once=False)
    queue = [None, None, "reply", None]
    links = MemoryLinks([shard], lambda centre, request: queue.pop() if queue else None)
    book = open_book(tmp_path)
    asyncio.run(trade(make_lane(book, links), ShardFlow(CONFIG, 4), 6))
    audit(book, shard)
    assert book.duplicates > 0
    assert book.lost == 0


def test_a_shard_that_forgets_orders_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr("trading_sim.load.audit.AGAIN_S", 0.0)
    shard = MemoryShard(CONFIG)
    links = MemoryLinks([shard], lambda centre, request: None)
    book = open_book(tmp_path)
    asyncio.run(trade(make_lane(book, links), ShardFlow(CONFIG, 4), 6))
    victim = int(book.known[0].argmax())
    shard.machine.desk.accounts["orders"][victim - 1] -= 1
    audit(book, shard)
    assert (book.lost, book.duplicates) == (1, 0)
    audit(book, shard)
    book.close()
    assert open_book(tmp_path).lost >= 1, "a finding survives a restart"


def test_a_lane_flees_from_a_dead_centre_and_returns_home(tmp_path):
    dead = {"SZ-A"}
    links = MemoryLinks([MemoryShard(CONFIG)], lambda centre, request: "down" if centre in dead else None)
    lane = make_lane(open_book(tmp_path), links)
    flow = ShardFlow(CONFIG, 4)
    asyncio.run(trade(lane, flow, 3))
    assert (lane.centre, lane.measures.failovers) == ("SZ-B", 1)
    dead.clear()
    lane.clock.now += lane_module.AWAY_S
    asyncio.run(trade(lane, flow, 1))
    assert lane.centre == "SZ-A"


def test_a_refused_request_fails_without_being_counted(tmp_path):
    links = MemoryLinks([MemoryShard(CONFIG)], lambda centre, request: "refuse")
    book = open_book(tmp_path)
    asyncio.run(trade(make_lane(book, links), ShardFlow(CONFIG, 4), 2))
    assert not book.pending
    assert book.invoked.sum() == 0
