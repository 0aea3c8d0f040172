"""What leaves a centre: hops served by another centre, and batches of orders for the shards, with the links' faults."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import numpy as np

from trading_sim.protocol.topology import Topology

PEER_TIMEOUT_S = 1.0
PEER_REST_S = 2.0  # a peer that did not answer is not asked again for this long
SHARD_TIMEOUT_S = 3.0
LOST_REPLY_TRIES = 3
CLIENTS_KEPT = 16


class ShardLost(Exception):
    """No answer from a shard: its orders may or may not have been executed."""


class ShardRefused(Exception):
    """The shard said no before executing anything."""


@dataclass
class LinkState:
    """Faults of this centre's links; set from the centre-wide fault leases. Delay in seconds one way, drop as a ratio."""

    cut: bool = False
    delay_s: float = 0.0
    drop: float = 0.0


class ShardReplyLike(Protocol):
    """What the chain needs of a shard's reply; `seq` is that of the batch's first command."""

    events: np.ndarray
    rejects: np.ndarray
    order_ids: np.ndarray
    seq: int


class Shards:
    """The shards behind this centre's links. `connect(shard, client_id)` makes a client with `async submit(commands,
    request)` and `async close()`; `lost` and `refused` are the exception types by which it says so; a `lost` whose `outcome_unknown` is false executed nothing."""

    def __init__(self, connect, lost: type[Exception], refused: type[Exception], links: LinkState, rng):
        self.connect, self.lost, self.refused, self.links, self.rng = connect, lost, refused, links, rng
        self._clients: OrderedDict[tuple[int, int], object] = OrderedDict()

    async def _client(self, shard: int, client_id: int):
        key = (shard, client_id)
        if key not in self._clients:
            self._clients[key] = self.connect(shard, client_id)
            if len(self._clients) > CLIENTS_KEPT:
                _, oldest = self._clients.popitem(last=False)
                await oldest.close()
        self._clients.move_to_end(key)
        return self._clients[key]

    async def submit(self, shard: int, commands: np.ndarray, client_id: int, request: int) -> ShardReplyLike:
        """The shard's reply to one batch. A reply that the link loses is asked for again with the same pair, which
        executes nothing twice. Raises ShardLost (outcome unknown) or ShardRefused (nothing executed)."""
        if self.links.cut:
            raise ShardRefused(f"shard {shard}: this centre is cut off from the shards")
        client = await self._client(shard, client_id)
        for _ in range(LOST_REPLY_TRIES):
            if self.links.delay_s:
                await asyncio.sleep(2 * self.links.delay_s)
            try:
                reply = await client.submit(commands, request)
            except self.refused as error:
                raise ShardRefused(f"shard {shard}: {error}") from error
            except self.lost as error:
                if not getattr(error, "outcome_unknown", True):
                    raise ShardRefused(f"shard {shard}: {error}") from error
                raise ShardLost(f"shard {shard}: {error}") from error
            if self.rng.random() >= self.links.drop:
                return reply
        raise ShardLost(f"shard {shard}: {LOST_REPLY_TRIES} replies in a row were lost on the link")

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()
        self._clients.clear()


class Peers:
    """The other centres, asked for a hop when this centre has no instance of a service; the nearest is asked first."""

    def __init__(self, topology: Topology, centre: str, urls: dict[str, str], links: LinkState, rng):
        self.service_centres = {service.name: set(service.nodes) for service in topology.services.values()}
        nearest = sorted((name for name in urls if name != centre), key=lambda n: topology.latency_between(centre, n))
        self.order = [(name, urls[name], topology.latency_between(centre, name) / 1e3) for name in nearest]
        self.links, self.rng = links, rng
        self._session: aiohttp.ClientSession | None = None
        self._rests_until: dict[str, float] = {}

    async def call(self, service: str, count: int) -> tuple[np.ndarray, np.ndarray]:
        """(seconds, ok) of `count` requests served elsewhere; all failed when no other centre serves them."""
        spent = 0.0
        now = asyncio.get_running_loop().time()
        for name, url, latency_s in self.order:
            if self.links.cut or name not in self.service_centres[service] or now < self._rests_until.get(name, 0.0):
                continue
            answer = await self._ask(name, url, service, count)
            if answer is None:
                spent += 2 * latency_s
                continue
            seconds = np.array(answer["seconds"]) + spent + 2 * (latency_s + self.links.delay_s)
            return seconds, np.array(answer["ok"], bool) & (self.rng.random(count) >= self.links.drop)
        return np.full(count, spent), np.zeros(count, bool)

    async def _ask(self, name: str, url: str, service: str, count: int) -> dict | None:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PEER_TIMEOUT_S))
        try:
            async with self._session.post(f"{url}/hop", json={"service": service, "count": count}) as response:
                return await response.json() if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError):
            self._rests_until[name] = asyncio.get_running_loop().time() + PEER_REST_S
            return None

    async def close(self) -> None:
        if self._session:
            await self._session.close()
