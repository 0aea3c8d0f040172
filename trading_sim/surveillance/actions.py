"""Carries out actions: gives accounts their status on every shard, once.

Every order to a shard was written down with its request number before it is sent, and is sent with that number until the shard has answered;
the shard's session table makes the second attempt harmless, also after a kill of this process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, Protocol

from trading_sim.protocol.operator import account_command
from trading_sim.risk.reasons import RiskReason
from trading_sim.shard.answers import ShardReply
from trading_sim.shard.attempts import ShardRejected, ShardUnavailable
from trading_sim.shard.outcomes import Refusal
from trading_sim.surveillance.book import EXECUTED, REFUSED, UNKNOWN, CaseBook

log = logging.getLogger(__name__)

AGAIN_S = 0.5
TIMEOUT_S = 3.0


class Client(Protocol):
    """What an action needs of a shard's client."""

    async def submit(self, commands: Any, request: int, timeout_s: float | None = None) -> ShardReply:
        """Execute commands once."""

    async def query_account(self, account: int) -> dict:
        """The account as the leader holds it."""


class Enforcer:
    """`clients[shard]` reaches a shard. `took_s`: seconds from request to execution of the last ones."""

    def __init__(self, book: CaseBook, clients: Mapping[int, Client]) -> None:
        self._book, self._clients = book, clients
        self._wake = {shard: asyncio.Event() for shard in clients}
        self.took_s: list[float] = []

    def poke(self) -> None:
        """There may be something to do."""
        for event in self._wake.values():
            event.set()

    async def run(self, shard: int) -> None:
        """Carry out what is due on a shard until cancelled, one after the other, oldest first."""
        self._wake[shard].set()
        while True:
            await self._wake[shard].wait()
            self._wake[shard].clear()
            for order in self._book.unsettled(shard):
                if not await self._send(shard, order):
                    self._wake[shard].set()
                    await asyncio.sleep(AGAIN_S)
                    break

    async def _send(self, shard: int, order: Mapping[str, Any]) -> bool:
        """True when the outcome is known."""
        account, status, action = order["account"], order["status"], order["action_id"]
        client = self._clients[shard]
        try:
            reply = await client.submit(account_command(account, status), order["request"], TIMEOUT_S)
        except ShardUnavailable as error:
            if order["outcome"] != UNKNOWN:
                self._book.settle(action, shard, UNKNOWN, str(error))
            return False
        except ShardRejected as error:
            return await self._after_rejection(shard, order, error)
        if len(reply.rejects):
            reason = RiskReason(int(reply.rejects["reason"][0])).name
            self._book.settle(action, shard, REFUSED, f"the shard refused: {reason}")
            return True
        self._book.settle(action, shard, EXECUTED, f"entry {reply.index}")
        self.took_s = [*self.took_s[-999:], max(0.0, time.time() - order["asked_at"])]
        log.info("account %d has status %d on shard %d (entry %d)", account, status, shard, reply.index)
        return True

    async def _after_rejection(self, shard: int, order: Mapping[str, Any], error: ShardRejected) -> bool:
        """STALE: the shard has forgotten this number, so it is asked what the account's status is."""
        outcome, detail = REFUSED, str(error)
        if error.refusal is Refusal.STALE:
            try:
                found = (await self._clients[shard].query_account(order["account"]))["status"]
            except ShardUnavailable:
                return False
            except ShardRejected as gone:
                found, detail = None, str(gone)
            if found == order["status"]:
                outcome, detail = EXECUTED, "found so when asked"
        self._book.settle(order["action_id"], shard, outcome, detail)
        return True
