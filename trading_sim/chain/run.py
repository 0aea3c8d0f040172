"""Takes the requests of one tick through their chains and says what became of each."""

from __future__ import annotations

import asyncio
import time

import numpy as np

from trading_sim.chain.arrays import NodeArrays
from trading_sim.chain.counters import Counters
from trading_sim.chain.hop import HopCaller
from trading_sim.chain.links import LinkState, Peers, ShardLost, ShardRefused, Shards
from trading_sim.chain.orders import OrderBatch, ShardBatch, read_reply, shard_batches
from trading_sim.protocol.flow import CountOutcome, FlowReply, FlowRequest, Outcome
from trading_sim.protocol.metrics import histogram_us
from trading_sim.protocol.topology import Chain, Hop, Topology

MAX_REQUESTS = 200_000  # of one chain in one tick


class FlowError(ValueError):
    """A flow request that this cluster cannot carry out; the text says which chain or shard and why."""


class ChainRunner:
    """Runs ticks of one centre. `shards` is None while no shard is connected: then no order is ever answered as ok."""

    def __init__(
        self,
        topology: Topology,
        centre: str,
        arrays: NodeArrays,
        caller: HopCaller,
        peers: Peers,
        shards: Shards | None,
        links: LinkState,
    ):
        self.topology, self.centre, self.arrays, self.caller = topology, centre, arrays, caller
        self.peers, self.shards, self.links = peers, shards, links
        self.counters = Counters(topology)
        shard_service = topology.shards[0].nodes
        self.shard_service = topology.nodes[next(iter(shard_service.values()))].service
        self.shard_node = {number: arrays.index[shard.nodes[centre]] for number, shard in topology.shards.items()}
        self.shard_hop = {
            chain.name: next(hop.order for hop in chain.hops if hop.service == self.shard_service)
            for chain in topology.chains.values()
            if chain.kind == "orders"
        }

    def check(self, request: FlowRequest) -> None:
        """Raises FlowError for chains, shards or sizes that this cluster does not have."""
        for chain in (*request.orders, *request.counts):
            if chain not in self.topology.chains:
                raise FlowError(f"there is no chain {chain!r}; there are {', '.join(self.topology.chains)}")
            wanted = "orders" if chain in request.orders else "requests"
            if self.topology.chains[chain].kind != wanted:
                raise FlowError(f"chain {chain} is of kind {self.topology.chains[chain].kind}, sent as {wanted}")
        for chain, shards in request.shards.items():
            if len(shards) and int(shards.max()) not in self.topology.shards:
                raise FlowError(f"chain {chain}: there is no shard {int(shards.max())}")
        for chain, count in request.counts.items():
            if count > MAX_REQUESTS:
                raise FlowError(f"chain {chain}: {count} requests in one tick, at most {MAX_REQUESTS}")

    def serve_hop(self, service: str, count: int) -> tuple[np.ndarray, np.ndarray] | None:
        """A hop for another centre; None when this centre has no instance in rotation either."""
        return self.caller.call(self.arrays.service_index[service], count)

    async def _hop(self, chain: str, hop: Hop, count: int) -> tuple[np.ndarray, np.ndarray]:
        answer = self.caller.call(self.arrays.service_index[hop.service], count)
        if answer is None:
            answer = await self.peers.call(hop.service, count)
        self.counters.hop(self.counters.hop_row[chain, hop.name], *answer)
        return answer

    async def _requests(self, chain: Chain, count: int) -> CountOutcome:
        """A chain without orders. Asynchronous hops cost their nodes, not the caller: what fails there is delivered again."""
        seconds = np.zeros(count)
        alive = np.arange(count)
        if self.links.drop:
            alive = alive[self.caller.rng.random(count) >= self.links.drop]
        for hop in chain.hops:
            if not len(alive):
                break
            spent, ok = await self._hop(chain.name, hop, len(alive))
            if hop.mode == "sync":
                seconds[alive] += spent
                alive = alive[ok]
        outcomes = np.full(count, Outcome.FAILED, np.uint8)
        outcomes[alive] = Outcome.OK
        done = seconds[alive]
        self.counters.chain(chain.name, outcomes, done)
        return CountOutcome(len(alive), count - len(alive), histogram_us(done * 1e6), int(done.sum() * 1e6))

    async def _order_hops(self, batch: OrderBatch, hops: list[Hop], outcome: Outcome) -> None:
        for hop in hops:
            positions = np.flatnonzero(batch.alive)
            if not len(positions):
                return
            spent, ok = await self._hop(batch.chain, hop, len(positions))
            if hop.mode == "sync":
                batch.seconds[positions] += spent
                if not ok.all():
                    batch.lose(positions[~ok], outcome, hop.order)

    async def _submit(self, batch: ShardBatch, request: FlowRequest, reply: FlowReply) -> None:
        """One shard's batch. A first attempt that lost every order before the shard has nothing to ask; a retry always
        asks, because an earlier attempt may have got through."""
        if request.attempt == 1 and not any(part.alive[positions].any() for part, positions in batch.parts):
            return
        started = time.perf_counter()
        answer, lost = None, Outcome.UNKNOWN
        try:
            if self.shards is None:
                raise ShardRefused("no shard is connected to this centre")
            answer = await self.shards.submit(batch.shard, batch.commands, request.client, request.request)
        except ShardRefused:
            lost = Outcome.FAILED if request.attempt == 1 else Outcome.UNKNOWN
        except ShardLost:
            lost = Outcome.UNKNOWN
        seconds = time.perf_counter() - started
        self._count_shard(batch, seconds, answer is not None)
        if answer is None:
            for part, positions in batch.parts:
                if request.attempt == 1:
                    positions = positions[part.alive[positions]]
                part.seconds[positions] += seconds
                part.lose(positions, lost, self.shard_hop[part.chain])
            return
        read_reply(batch, answer, seconds, self.shard_hop)
        reply.events[batch.shard] = answer.events
        self.counters.market((batch.shard, request.client, request.request), answer.events)

    def _count_shard(self, batch: ShardBatch, seconds: float, ok: bool) -> None:
        node = self.shard_node[batch.shard]
        for part, positions in batch.parts:
            sent = int(part.alive[positions].sum())
            spent, failed = np.full(sent, seconds), np.full(sent, not ok)
            self.arrays.count(np.full(sent, node), spent, failed)
            row = self.counters.hop_row[part.chain, self._shard_hop_name(part.chain)]
            self.counters.hop(row, spent, ~failed)

    def _shard_hop_name(self, chain: str) -> str:
        return self.topology.chains[chain].hops[self.shard_hop[chain] - 1].name

    async def _orders(self, request: FlowRequest, reply: FlowReply) -> None:
        batches = [
            OrderBatch(chain, np.array(commands), np.asarray(request.shards[chain]))
            for chain, commands in request.orders.items()
            if len(commands)
        ]
        for batch in batches:
            if self.links.drop and request.attempt == 1:
                dropped = np.flatnonzero(self.caller.rng.random(len(batch.commands)) < self.links.drop)
                batch.lose(dropped, Outcome.FAILED, 1)
            hops = self.topology.chains[batch.chain].hops
            await self._order_hops(batch, list(hops[: self.shard_hop[batch.chain] - 1]), Outcome.FAILED)
        await asyncio.gather(*(self._submit(batch, request, reply) for batch in shard_batches(batches)))
        for batch in batches:
            hops = self.topology.chains[batch.chain].hops
            await self._order_hops(batch, list(hops[self.shard_hop[batch.chain] :]), Outcome.UNKNOWN)
            self.counters.orders += np.bincount(batch.outcomes, minlength=len(Outcome))
            answered = batch.outcomes < Outcome.FAILED
            self.counters.chain(batch.chain, batch.outcomes, batch.seconds[answered])
        for batch in batches:
            reply.outcomes[batch.chain], reply.reasons[batch.chain] = batch.outcomes, batch.reasons
            reply.latency_us[batch.chain] = np.minimum(batch.seconds * 1e6, 2**32 - 1).astype(np.uint32)
            reply.order_ids[batch.chain] = batch.order_ids

    async def run(self, request: FlowRequest) -> FlowReply:
        """Raises FlowError for a request that names what is not there."""
        self.check(request)
        if request.session:
            self.counters.session = request.session
        reply = FlowReply(request.tick, self.centre, session=self.counters.session)
        for chain, count in request.counts.items():
            reply.counts[chain] = await self._requests(self.topology.chains[chain], count)
        await self._orders(request, reply)
        return reply
