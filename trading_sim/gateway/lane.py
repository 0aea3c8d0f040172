"""The lane to one shard: one request under way at a time, sent again with its number until it is answered.

While a request is under way instructions gather for the next one, so requests grow with the load and the order of instructions is kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from trading_sim.gateway.order_entry import OrderEntry
from trading_sim.gateway.requests import Batch
from trading_sim.shard.async_client import AsyncShardClient
from trading_sim.shard.attempts import ShardRejected, ShardUnavailable
from trading_sim.shard.outcomes import Refusal

log = logging.getLogger(__name__)

DOUBT_AFTER_S, AGAIN_S = 1.0, 0.1


class Lane:
    """`commit` files everything gathered; `changed` says that reports were made."""

    def __init__(
        self, shard: int, client: AsyncShardClient, entry: OrderEntry, commit: Callable[[], None], changed: Callable[[], None]
    ) -> None:  # fmt: skip
        self.shard, self._client, self._entry, self._commit, self._changed = shard, client, entry, commit, changed
        self._wake = asyncio.Event()
        self.requests = self.retries = self.instructions = 0
        self.doubtful_since: float | None = None

    def wake(self) -> None:
        """Something waits in the queue."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. Nothing goes out before the place in the feed is known, else its reports could be missed."""
        entry = self._entry
        while True:
            batch = None
            if entry.sent[self.shard] is not None:
                batch = entry.sent[self.shard]
            elif entry.places[self.shard].index >= 0 and self.shard not in entry.mending:
                batch = entry.next_batch(self.shard)
            if batch is None:
                self._wake.clear()
                self._changed()  # refusals of queued instructions
                await self._wake.wait()
            else:
                self._commit()
                await self._deliver(batch)
                self._changed()

    async def _deliver(self, batch: Batch) -> None:
        self.requests += 1
        self.instructions += len(batch.instructions)
        loop = asyncio.get_running_loop()
        while True:
            try:
                reply = await self._client.submit(batch.commands, batch.request, timeout_s=DOUBT_AFTER_S)
            except ShardUnavailable as error:
                log.warning("shard %d: %s", self.shard, error)
                self.doubtful_since = self.doubtful_since or loop.time()
                self.retries += 1
                self._entry.in_doubt(batch)
                self._changed()
                await asyncio.sleep(AGAIN_S)
            except ShardRejected as error:
                self._entry.refused(batch, error.refusal is not Refusal.STALE, str(error))
                break
            else:
                self._entry.replied(batch, reply.order_ids.tolist())
                self._entry.answered_late(batch, reply)
                break
        self.doubtful_since = None
