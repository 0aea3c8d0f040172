"""Follows the feeds of the shards, the leader's first: it knows of a commit before the others do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

from trading_sim.shard.async_client import AsyncShardClient
from trading_sim.shard.attempts import ShardError
from trading_sim.shard.feed import Fed, FeedGone, follow

log = logging.getLogger(__name__)


class ShardFeed:
    """`next_index()` tells where to go on (0 = now), `take(fed)` gets every entry, `lost()` mends what a gap in the feed leaves open."""

    def __init__(
        self,
        shard: int,
        addresses: Sequence[str],
        client: AsyncShardClient,
        next_index: Callable[[], int],
        take: Callable[[Fed], None],
        lost: Callable[[], Awaitable[None]],
    ) -> None:
        self.shard, self._addresses, self._client = shard, list(addresses), client
        self._next_index, self._take, self._lost = next_index, take, lost
        self.heard_at: float | None = None
        self.gaps = self.connects = 0

    async def run(self) -> None:
        """Until cancelled."""
        await self._find_leader()
        while True:
            leader = self._client.preferred
            self.connects += 1
            try:
                await self._follow([leader, *(one for one in self._addresses if one != leader)])
            except FeedGone as error:
                log.error("shard %d: %s", self.shard, error)
                self.gaps += 1
                await self._lost()

    async def _find_leader(self) -> None:
        """Only the leader answers a question about a symbol; whoever answered is preferred from then on."""
        told = False
        while True:
            try:
                await self._client.query_symbol(0)
                return
            except ShardError as error:
                if not told:
                    log.info("shard %d has no leader yet: %s", self.shard, error)
                told = True

    async def _follow(self, addresses: list[str]) -> None:
        """Returns when another replica leads."""
        loop = asyncio.get_running_loop()
        async with aclosing(
            follow(addresses, self.shard, self._next_index(), name="gateway", heartbeats=True)
        ) as stream:
            async for fed in stream:
                self.heard_at = loop.time()
                self._take(fed)
                if self._client.preferred != addresses[0]:
                    return
