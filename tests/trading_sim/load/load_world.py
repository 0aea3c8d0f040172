"""Centres and shards in memory for tests of the customers: the real machine, sessions as replication keeps them, links that fail on demand."""

from collections.abc import Callable

import numpy as np

from trading_sim.load.links import NoAnswer, Refused
from trading_sim.protocol.flow import FlowReply, FlowRequest, Outcome
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.machine import ShardMachine


class MemoryShard:
    """A shard without replication: stamps, executes once per (client, request), keeps the journal as (client, request, commands)."""

    def __init__(self, config: ShardConfig, once: bool = True) -> None:
        self.machine = ShardMachine(config)
        self.once = once
        self.seq = self.order_id = self.now = 0
        self.answers: dict[tuple[int, int], tuple] = {}
        self.journal: list[tuple[int, int, np.ndarray]] = []

    def submit(self, client: int, request: int, commands: np.ndarray) -> tuple:
        key = (client, request)
        if key in self.answers and self.once:
            return self.answers[key]
        commands = commands.copy()
        first = self.seq + 1
        commands["seq"] = np.arange(first, first + len(commands))
        new = commands["kind"] == 1
        commands["order_id"][new] = np.arange(self.order_id + 1, self.order_id + 1 + new.sum())
        self.seq, self.order_id, self.now = self.seq + len(commands), self.order_id + int(new.sum()), self.now + 10**8
        result = self.machine.apply(commands, self.now)
        self.journal.append((client, request, commands))
        self.answers[key] = (first, commands["order_id"].copy(), result)
        return self.answers[key]

    async def query_account(self, account: int) -> dict:
        return self.machine.query_account(account)

    async def query_symbol(self, symbol: int) -> dict:
        return self.machine.query_symbol(symbol)


class MemoryLinks:
    """Plays all centres. `mishap(centre, request)` says what goes wrong: None, "down" (before), "reply" (after), "open", "refuse"."""

    def __init__(self, shards: list[MemoryShard], mishap: Callable[[str, FlowRequest], str | None]) -> None:
        self.shards = shards
        self.mishap = mishap
        self.asked: list[tuple[str, int, int]] = []

    async def flow(self, centre: str, request: FlowRequest) -> FlowReply:
        self.asked.append((centre, request.request, request.attempt))
        trouble = self.mishap(centre, request)
        if trouble == "down":
            raise NoAnswer(f"{centre} is down")
        if trouble == "refuse":
            raise Refused(f"{centre} refuses")
        reply = FlowReply(request.tick, centre)
        self._execute(request, reply, trouble)
        if trouble == "reply":
            raise NoAnswer(f"{centre} lost the answer")
        if trouble == "open":
            reply.outcomes = {chain: np.full_like(array, Outcome.UNKNOWN) for chain, array in reply.outcomes.items()}
        return reply

    def _execute(self, request: FlowRequest, reply: FlowReply, trouble: str | None) -> None:
        chains = sorted(request.orders)
        shard = int(request.shards[chains[0]][0])
        commands = np.concatenate([request.orders[chain] for chain in chains])
        if trouble == "void":
            commands["kind"][0] = 0
        first, ids, result = self.shards[shard].submit(request.client, request.request, commands)
        outcomes, reasons = np.full(len(commands), Outcome.FAILED, "u1"), np.zeros(len(commands), "u1")
        outcomes[result.events["seq"].astype(int) - first] = Outcome.OK
        rejected = result.events[result.events["kind"] == 2]
        at = rejected["seq"].astype(int) - first
        outcomes[at], reasons[at] = Outcome.REJECTED_MATCHING, rejected["reason"]
        at = result.rejects["seq"].astype(int) - first
        outcomes[at], reasons[at] = Outcome.REJECTED_RISK, result.rejects["reason"]
        start = 0
        for chain in chains:
            part = slice(start, start + len(request.orders[chain]))
            reply.outcomes[chain], reply.reasons[chain] = outcomes[part], reasons[part]
            reply.order_ids[chain] = np.where(outcomes[part] == Outcome.FAILED, 0, ids[part])
            reply.latency_us[chain] = np.full(len(outcomes[part]), 900, "u4")
            start = part.stop
        reply.events[shard] = result.events
