"""The flow against a real machine: trades happen steadily, few orders are refused, it is seeded, phases are respected."""

import numpy as np
import pytest

from tests.trading_sim.load.load_world import MemoryShard
from trading_sim.load.flow import ShardFlow
from trading_sim.market import ACCOUNTS, shard_config
from trading_sim.matching.records import EventKind

CONFIG = shard_config(1)
EVERYBODY = np.ones(ACCOUNTS + 1, dtype=bool)
PEAKS = {"cash-order": 78, "institution-order": 24, "margin-order": 18, "options-order": 14, "order-cancel": 26}


def run(shard, flow, ticks, phase=3):
    new = trades = refused = 0
    for tick in range(ticks):
        flow.step(1 / 3000)
        for orders in flow.make({chain: rate / 4 for chain, rate in PEAKS.items()}, EVERYBODY, phase).values():
            _, ids, result = shard.submit(1, shard.seq + tick + 1, orders)
            outcomes, reasons = np.zeros(len(orders), "u1"), np.zeros(len(orders), "u1")
            at = result.rejects["seq"].astype(int) - (shard.seq - len(orders) + 1)
            outcomes[at], reasons[at] = 1, result.rejects["reason"]
            rejected = result.events[result.events["kind"] == EventKind.REJECTED]["seq"].astype(int)
            outcomes[rejected - (shard.seq - len(orders) + 1)] = 2
            flow.customers.note_orders(orders, ids, outcomes, reasons)
            flow.customers.note_events(result.events)
            new += int((orders["kind"] == 1).sum())
            trades += int((result.events["kind"] == EventKind.TRADE).sum())
            refused += len(result.rejects)
    return new, trades, refused


def test_trades_happen_steadily_and_few_orders_are_refused():
    shard, flow = MemoryShard(CONFIG), ShardFlow(CONFIG, 11)
    new, trades, refused = run(shard, flow, 300)
    assert 0.5 <= trades / new <= 0.7
    assert refused / new < 0.02
    assert shard.machine.conservation().ok
    assert flow.customers.trades == trades
    mine = {
        order["order_id"]
        for account in range(1, ACCOUNTS + 1)
        for order in shard.machine.query_account(account)["open_orders"]
    }
    assert set(flow.customers.open) == mine


def test_equal_seeds_give_equal_orders():
    flows = [ShardFlow(CONFIG, 5), ShardFlow(CONFIG, 5), ShardFlow(CONFIG, 6)]
    made = [flow.make({"cash-order": 50.0}, EVERYBODY, 3)["cash-order"].tobytes() for flow in flows]
    assert made[0] == made[1] != made[2]


@pytest.mark.parametrize("phase", [1, 2])
def test_an_auction_gets_limit_day_orders_that_trade_at_its_end(phase):
    shard, flow = MemoryShard(CONFIG), ShardFlow(CONFIG, 11)
    close = np.zeros(1, dtype=flow.make({"cash-order": 30.0}, EVERYBODY, 3)["cash-order"].dtype)
    close["kind"], close["symbol"], close["price"] = 4, 0xFFFFFFFF, phase
    shard.submit(2, 1, close)
    new, trades, refused = run(shard, flow, 20, phase)
    assert (trades, refused) == (0, 0)
    assert new > 50
    close["price"] = 3
    _, _, result = shard.submit(2, 2, close)
    assert (result.events["kind"] == EventKind.TRADE).sum() > 10


def test_a_closed_market_gets_nothing():
    assert ShardFlow(CONFIG, 1).make({"cash-order": 50.0}, EVERYBODY, 4) == {}


def test_a_new_day_makes_what_was_bought_sellable():
    shard, flow = MemoryShard(CONFIG), ShardFlow(CONFIG, 11)
    run(shard, flow, 60)
    bought = int(flow.customers.today.sum())
    sellable = int(flow.customers.sellable.sum())
    waiting = sum(order[4] for order in flow.customers.open.values() if order[2] == 2)
    flow.customers.start_day()
    assert bought > 0
    assert flow.customers.sellable.sum() == sellable + bought + waiting
    assert not flow.customers.open


def test_the_flow_takes_over_what_a_shard_says():
    shard, flow = MemoryShard(CONFIG), ShardFlow(CONFIG, 11)
    run(shard, flow, 40)
    late = ShardFlow(CONFIG, 12)
    for account in range(1, ACCOUNTS + 1):
        late.customers.take_over(shard.machine.query_account(account))
    assert set(late.customers.open) == set(flow.customers.open)
    assert (late.customers.sellable == flow.customers.sellable).all()
    assert (late.customers.today == flow.customers.today).all()
