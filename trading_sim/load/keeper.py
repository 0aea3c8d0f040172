"""Brings one shard to where the session clock says, reopens halted symbols, and tells the flow when a new day began."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from trading_sim.load.calendar import CONTINUOUS
from trading_sim.load.flow import ShardFlow
from trading_sim.load.halts import Halts
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
    given: deque[np.ndarray] = field(default_factory=deque)
    """Commands of the operator that wait to be sent, in order; each batch may be repeated without harm."""
    halts: Halts | None = None
    """What is halted; None for a shard without breakers."""

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
        if self.given:
            if len(self.given[0]):
                await self._send(self.given[0])
            self.given.popleft()
            return True
        step = next_step(self.state, self.clock.day, self.clock.moment())
        if step is None:
            return await self._reopen()
        rejected = await self._send(phase_command(step))
        if step == SETTLE or rejected:
            await self.observe()
        else:
            self.state = ShardState(self.state.day, step)
            if self.halts:
                self.halts.clear()
        return True

    def give(self, commands: np.ndarray) -> None:
        """Send these COMMAND records of the operator before anything else."""
        self.given.append(commands)

    def hold(self, symbols: list[int], seconds: float) -> None:
        """Do not reopen these symbols for so long."""
        if self.halts:
            self.halts.hold(symbols, seconds)

    def forget(self) -> None:
        """What is known may be wrong: ask anew in the next round."""
        self.state = None

    async def _reopen(self) -> bool:
        """Let one symbol trade again that a breaker halted long enough ago; true when there was one."""
        if self.halts is None or self.state is None or self.state.phase != CONTINUOUS:
            return False
        symbol = self.halts.due()
        if symbol is None:
            return False
        await self._send(phase_command(CONTINUOUS, symbol))
        self.halts.reopened(symbol)
        return True

    async def _send(self, command: np.ndarray) -> bool:
        """Send commands of the operator; true when the shard refused one."""
        reply = await self.client.submit(command, self.request_number())
        self.commands += 1
        self.flow.customers.note_events(reply.events)
        if self.halts:
            self.halts.note_events(reply.events)
        if len(reply.rejects):
            price, reason = command["price"][0], reply.rejects["reason"][0]
            log.warning("shard %d refused a command of price %d, reason %d", self.shard, price, reason)
            await asyncio.sleep(PAUSE_S)
        return bool(len(reply.rejects))

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
        phases = [row["phase"] for row in rows]
        # Symbols in different phases (a command that reached only some) are no phase of the shard: set it anew.
        common = self.halts.common_phase(phases) if self.halts else phases[0] if len(set(phases)) == 1 else 0
        self.state = ShardState(rows[0]["day"], common)
