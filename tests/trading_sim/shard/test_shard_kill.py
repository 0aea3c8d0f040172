"""Three real replicas: the leader is killed under load again and again; nothing acknowledged is lost, nothing done twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.trading_sim.shard.shard_processes import NAMES, ShardProcesses, eventually
from trading_sim.protocol.records import COMMAND
from trading_sim.shard.client import ShardClient, ShardUnavailable

KILLS = 3
CLIENTS = 3
BATCH = 5


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[ShardProcesses]:
    processes = ShardProcesses(tmp_path)
    try:
        processes.start_all()
        yield processes
    finally:
        processes.stop()


class Customer(threading.Thread):
    """Asks one request after another until told to stop; each again and again, with its number, until it is answered."""

    def __init__(self, addresses: list[str], client_id: int, stop: threading.Event) -> None:
        super().__init__(name=f"customer-{client_id}")
        self._addresses, self._client_id, self._stop_asking = addresses, client_id, stop
        self.acknowledged: dict[int, tuple[int, list[int]]] = {}
        self.errors: list[str] = []

    def run(self) -> None:
        with ShardClient(self._addresses, self._client_id, timeout_s=10.0) as client:
            request = 0
            while not self._stop_asking.is_set():
                request += 1
                commands = np.zeros(BATCH, COMMAND)
                commands["kind"], commands["qty"] = 1, 100
                commands["price"] = np.arange(BATCH) + request * BATCH + self._client_id * 10**9
                try:
                    reply = client.submit(commands, request)
                    again = client.submit(commands, request)
                except ShardUnavailable as error:
                    self.errors.append(str(error))
                    return
                if again.index != reply.index or again.order_ids.tolist() != reply.order_ids.tolist():
                    self.errors.append(f"request {request} was answered differently the second time")
                    return
                self.acknowledged[request] = (reply.index, reply.order_ids.tolist())


def test_killing_the_leader_loses_nothing_and_repeats_nothing(shard: ShardProcesses) -> None:
    stop = threading.Event()
    addresses = list(shard.addresses.values())
    customers = [Customer(addresses, number, stop) for number in range(1, CLIENTS + 1)]
    for customer in customers:
        customer.start()
    try:
        for _ in range(KILLS):
            done = sum(len(customer.acknowledged) for customer in customers)
            eventually("some requests", lambda done=done: sum(len(c.acknowledged) for c in customers) > done + 60)
            leader = shard.leader()
            shard.kill(leader)
            shard.leader(other_than=leader)
            done = sum(len(customer.acknowledged) for customer in customers)
            eventually(
                "requests after the kill", lambda done=done: sum(len(c.acknowledged) for c in customers) > done + 30
            )
            shard.start(leader)
            eventually("the killed replica is back", lambda leader=leader: shard.status(leader).get("leader"))
    finally:
        stop.set()
        for customer in customers:
            customer.join(30)
    assert [error for customer in customers for error in customer.errors] == []
    acknowledged = sum(len(customer.acknowledged) for customer in customers)
    shard.agree()
    with ShardClient(addresses, 99) as client:
        tally = client.query_account(0)
    assert tally["distinct"] == acknowledged * BATCH, "an acknowledged command was lost"
    assert tally["executed"] == tally["distinct"], "a command was executed twice"
    ids = sorted(i for customer in customers for _, order_ids in customer.acknowledged.values() for i in order_ids)
    assert ids == list(range(1, acknowledged * BATCH + 1)), "order ids are not dense"
    assert [shard.status(name)["hash_mismatches"] for name in NAMES] == [{}, {}, {}]
