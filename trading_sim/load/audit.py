"""Asks the shards, account by account, how many orders they ever saw, and compares with the customers' own book.

The bounds hold without stopping the flow: what was known before the question must be in the answer, and nothing can be in the answer that had
not been sent when it came back. A replica that answers from an old state could look like a loss, so a loss
counts only when it is still there after several questions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from trading_sim.load.client_book import ClientBook
from trading_sim.shard.async_client import AsyncShardClient
from trading_sim.shard.client import ShardRejected, ShardUnavailable

QUESTIONS = 4
AGAIN_S = 1.5

log = logging.getLogger(__name__)


@dataclass
class Auditor:
    """`clients[shard]` asks; `interval_s` between two accounts of one shard."""

    book: ClientBook
    clients: Sequence[AsyncShardClient]
    accounts: int
    clock: Callable[[], float]
    interval_s: float = 0.5
    audited: int = 0
    audited_at: float | None = None
    reported: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    async def run(self, shard: int) -> None:
        """Go round the accounts of a shard until cancelled; a shard that does not answer is asked later."""
        account = 1
        while True:
            await asyncio.sleep(self.interval_s)
            try:
                await self.check(shard, account)
            except (ShardUnavailable, ShardRejected):
                continue
            account = account % self.accounts + 1

    async def check(self, shard: int, account: int) -> None:
        """Compare one account. Raises ShardUnavailable when the shard does not answer."""
        for question in range(QUESTIONS):
            if question:
                await asyncio.sleep(AGAIN_S)
            known = int(self.book.known[shard, account])
            total = (await self.clients[shard].query_account(account))["orders_total"]
            total -= int(self.book.baseline[shard, account])
            lost = max(0, known - total)
            duplicate = max(0, total - int(self.book.invoked[shard, account]))
            if not lost:
                break
        self.audited += 1
        self.audited_at = self.clock()
        self._report(shard, account, lost, duplicate)

    def _report(self, shard: int, account: int, lost: int, duplicate: int) -> None:
        """Add what is new since the last audit of this account to the counters, and keep it on disk."""
        before = self.reported.get((shard, account), (0, 0))
        if lost <= before[0] and duplicate <= before[1]:
            return
        self.book.lost += max(0, lost - before[0])
        self.book.duplicates += max(0, duplicate - before[1])
        self.reported[shard, account] = (max(lost, before[0]), max(duplicate, before[1]))
        self.book.checkpoint()
        log.error("shard %d, account %d: %d orders lost, %d executed twice", shard, account, lost, duplicate)
