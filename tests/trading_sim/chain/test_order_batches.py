"""Orders to shards and back: places kept, retries told the truth, nothing ever ok without a shard's word."""

import asyncio
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_sim.chain.arrays import NodeArrays
from trading_sim.chain.hop import HopCaller
from trading_sim.chain.links import LinkState, Peers, ShardLost, ShardRefused, Shards
from trading_sim.chain.run import ChainRunner, FlowError
from trading_sim.protocol import topology_file
from trading_sim.protocol.flow import VOID, FlowRequest, Outcome
from trading_sim.protocol.records import COMMAND, EVENT

TOPOLOGY = topology_file.load(scale=0.05)
REJECT = np.dtype([("seq", "<u8"), ("order_id", "<u8"), ("reason", "u1")])
Reply = namedtuple("Reply", "events rejects order_ids seq")


class Lost(Exception):
    pass


class No(Exception):
    pass


class MemoryShard:
    """Executes a batch once per request and answers repeats from memory: price 1 is accepted, 2 is refused by matching,
    3 by risk, 4 trades. Loses the next `lose` replies after executing."""

    def __init__(self):
        self.replies, self.executed, self.seq, self.lose, self.refuse = {}, [], 1, 0, False

    async def submit(self, commands, request):
        if self.refuse:
            raise No("not now")
        if request not in self.replies:
            self.replies[request] = self._execute(commands, request)
        if self.lose:
            self.lose -= 1
            raise Lost("no reply")
        return self.replies[request]

    def _execute(self, commands, request) -> Reply:
        first, events, rejects, ids = self.seq, [], [], np.zeros(len(commands), "u8")
        for place, command in enumerate(commands):
            seq = first + place
            if command["kind"] == VOID:
                continue
            self.executed.append((request, int(command["qty"])))
            ids[place] = seq * 10
            if command["price"] == 3:
                rejects.append((seq, seq * 10, 7))
                continue
            kinds = {1: [1], 2: [2], 4: [1, 3]}[int(command["price"])]
            for kind in kinds:
                event = np.zeros(1, EVENT)
                event["seq"], event["order_id"], event["kind"] = seq, seq * 10, kind
                event["price"], event["qty"] = command["price"], command["qty"]
                event["reason"] = 8 if kind == 2 else 0
                events.append(event)
        self.seq += len(commands)
        joined = np.concatenate(events) if events else np.zeros(0, EVENT)
        return Reply(joined, np.array(rejects, REJECT), ids, first)

    async def close(self):
        pass


def make(with_shards=True, error_rate=0.0):
    rng = np.random.default_rng(5)
    arrays, links = NodeArrays(TOPOLOGY, "SZ-A"), LinkState()
    arrays.in_rotation[:] = arrays.answering[:] = True
    arrays.error_rate[:] = error_rate
    shards = {0: MemoryShard(), 1: MemoryShard()}
    gate = Shards(lambda shard, client: shards[shard], Lost, No, links, rng) if with_shards else None
    peers = Peers(TOPOLOGY, "SZ-A", {}, links, rng)
    return ChainRunner(TOPOLOGY, "SZ-A", arrays, HopCaller(arrays, rng), peers, gate, links), shards


def orders(prices, chain="cash-order", request=1, attempt=1) -> FlowRequest:
    commands = np.zeros(len(prices), COMMAND)
    commands["kind"], commands["price"], commands["qty"] = 1, prices, np.arange(len(prices)) + 1
    return FlowRequest(
        1, 9, request, {chain: commands}, {chain: (np.arange(len(prices)) % 2).astype("u1")}, attempt=attempt
    )


def run(runner, request):
    return asyncio.run(runner.run(request))


def test_each_order_gets_its_own_outcome_reason_and_id():
    runner, _ = make()
    reply = run(runner, orders([1, 2, 3, 4, 4, 1]))
    assert reply.outcomes["cash-order"].tolist() == [0, 2, 1, 0, 0, 0]
    assert reply.reasons["cash-order"].tolist() == [0, 8, 7, 0, 0, 0]
    assert reply.order_ids["cash-order"].tolist() == [10, 10, 20, 20, 30, 30]
    assert (reply.latency_us["cash-order"] > 1000).all()
    assert runner.counters.trades == 2 and runner.counters.turnover_fen == 4 * 4 + 4 * 5
    assert runner.counters.orders.tolist() == [4, 1, 1, 0, 0]


def test_without_a_shard_no_order_is_ok():
    runner, _ = make(with_shards=False)
    assert set(run(runner, orders([1, 1])).outcomes["cash-order"]) == {Outcome.FAILED}


def test_a_shard_that_refuses_means_failed_and_one_that_is_silent_means_unknown():
    runner, shards = make()
    shards[0].refuse, shards[1].lose = True, 1
    reply = run(runner, orders([1, 1, 1]))
    assert reply.outcomes["cash-order"].tolist() == [Outcome.FAILED, Outcome.UNKNOWN, Outcome.FAILED]
    reply = run(runner, orders([1, 1, 1], attempt=2))
    assert reply.outcomes["cash-order"].tolist()[1] == Outcome.OK
    assert reply.outcomes["cash-order"].tolist()[0] == Outcome.UNKNOWN, "an earlier attempt may have got through"


def test_replies_lost_on_the_link_are_asked_for_again_and_nothing_runs_twice():
    runner, shards = make()
    runner.links.drop = 0.4
    for number in range(30):
        run(runner, orders([1, 4, 1, 4], request=number))
    executed = shards[0].executed + shards[1].executed
    assert 60 < len(executed) <= 120 and len(set(executed)) == len(executed)


@settings(max_examples=40, deadline=None)
@given(
    prices=st.lists(st.integers(1, 4), min_size=1, max_size=30),
    rate=st.sampled_from([0.0, 0.3, 0.8]),
    lose=st.integers(0, 2),
)
def test_whatever_is_lost_retries_find_the_truth_of_the_first_execution(prices, rate, lose):
    runner, shards = make(error_rate=rate)
    shards[0].lose = shards[1].lose = lose
    attempt = 0
    while True:
        attempt += 1
        outcomes = run(runner, orders(prices, attempt=attempt)).outcomes["cash-order"]
        if not (outcomes == Outcome.UNKNOWN).any():
            break
        runner.arrays.error_rate[:] = 0.0
    executed = sorted(qty for shard in shards.values() for _, qty in shard.executed)
    assert executed == sorted(set(executed)), "executed once at most"
    assert executed == (np.flatnonzero(outcomes != Outcome.FAILED) + 1).tolist()


def test_a_cut_centre_sends_nothing_to_its_shards():
    runner, shards = make()
    runner.links.cut = True
    assert set(run(runner, orders([1, 1])).outcomes["cash-order"]) == {Outcome.FAILED}
    assert shards[0].executed == []


def test_counted_chains_are_counted_completely():
    runner, _ = make(error_rate=0.5)
    reply = run(runner, FlowRequest(1, 1, 1, counts={"login": 200, "quote-push": 300}))
    for chain, count in (("login", 200), ("quote-push", 300)):
        found = reply.counts[chain]
        assert found.ok + found.failed == count and found.ok == found.buckets.sum() and found.failed > 0


@pytest.mark.parametrize(
    "request_",
    [
        FlowRequest(1, 1, 1, counts={"nothing": 1}),
        FlowRequest(1, 1, 1, counts={"cash-order": 1}),
        FlowRequest(1, 1, 1, counts={"login": 10**9}),
        FlowRequest(1, 1, 1, {"login": np.zeros(1, COMMAND)}, {"login": np.zeros(1, "u1")}),
        FlowRequest(1, 1, 1, {"cash-order": np.zeros(1, COMMAND)}, {"cash-order": np.full(1, 7, "u1")}),
    ],
)
def test_a_request_for_what_is_not_there_is_refused(request_):
    runner, _ = make()
    with pytest.raises(FlowError):
        run(runner, request_)


def test_the_gate_to_the_shards_tells_unknown_from_refused():
    links = LinkState()
    shard = MemoryShard()
    gate = Shards(lambda number, client: shard, Lost, No, links, np.random.default_rng(1))
    commands = np.zeros(1, COMMAND)
    shard.lose = 1
    with pytest.raises(ShardLost):
        asyncio.run(gate.submit(0, commands, 1, 1))
    shard.refuse = True
    with pytest.raises(ShardRefused):
        asyncio.run(gate.submit(0, commands, 1, 1))
