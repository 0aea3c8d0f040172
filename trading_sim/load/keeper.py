"""Brings one shard to where the session clock says, and tells the flow when a new day began."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from trading_sim.load.flow import ShardFlow
from trading_sim.load.session import SETTLE, SessionClock, ShardState, next_step, phase_command
from trading_sim.shard.async_client import AsyncShardClient
from trading_sim.shard.client import ShardRejected, ShardUnavailable

ROUND_S = 0.25
PAUSE_S = 1.0

log = logging.getLogger(__name__)


@dataclass
class ShardKeeper:
    """`state` is None while nobody knows: then no orders are sent to this shard."""

    shard: int
    client: AsyncShardClient
    clock: SessionClock
    flow: ShardFlow
    request_number: Callable[[], int]
    state: ShardState | None = None
    commands: int = 0

    @property
    def phase(self) -> int | None:
        """The shard's phase, if known."""
        return self.state.phase if self.state else None

    async def run(self) -> None:
        """Keep the shard in step until cancelled."""
        while True:
            try:
                busy = await self.round()
            except (ShardUnavailable, ShardRejected) as error:
                if self.state is not None:
                    log.warning("shard %d does not answer: %s", self.shard, error)
                self.state = None
                await asyncio.sleep(PAUSE_S)
                continue
            if not busy:
                await asyncio.sleep(ROUND_S)

    async def round(self) -> bool:
        """One comparison and at most one command; true when there may be more to do at once."""
        if self.state is None:
            await self.observe()
            return True
        step = next_step(self.state, self.clock.day, self.clock.moment())
        if step is None:
            return False
        reply = await self.client.submit(phase_command(step), self.request_number())
        self.commands += 1
        self.flow.customers.note_events(reply.events)
        if len(reply.rejects):
            log.warning("shard %d refused phase %d, reason %d", self.shard, step, reply.rejects["reason"][0])
            await asyncio.sleep(PAUSE_S)
        if step == SETTLE or len(reply.rejects):
            await self.observe()
        else:
            self.state = ShardState(self.state.day, step)
        return True

    async def observe(self) -> None:
        """Ask the shard where it stands; a day that is new to the flow brings new bands."""
        rows = [await self.client.query_symbol(symbol) for symbol in range(len(self.flow.market.lots))]
        if self.state is None:
            self.clock.join(rows[0]["day"])
        new_day = self.state is None or rows[0]["day"] != self.state.day
        if new_day:
            if self.state is not None:
                self.flow.customers.start_day()
            self.flow.start_day(rows)
        phases = {row["phase"] for row in rows}
        # Symbols in different phases (a halt, a command that reached only some) are no phase of the shard: set it anew.
        self.state = ShardState(rows[0]["day"], phases.pop() if len(phases) == 1 else 0)
