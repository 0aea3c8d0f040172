"""A lane: the customers of one home centre on one shard, who send one request after the other.

One request at a time keeps every account's orders in the order they were sent. A request without a complete answer is sent again with the same
numbers, to the next centre in turn, until every order's fate is known; new orders wait meanwhile, as they do at a broker whose line is down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trading_sim.load.client_book import ClientBook, Operation
from trading_sim.load.links import CentreLinks, NoAnswer, Refused
from trading_sim.load.measures import Measures
from trading_sim.protocol.flow import FlowReply, FlowRequest, Outcome

RETRY_FIRST_S = 0.1
RETRY_MOST_S = 1.0
#: How long a lane stays with the centre it fled to before it tries its home again.
AWAY_S = 10.0


@dataclass
class Fate:
    """What is known of one chain's orders of a request, gathered over attempts."""

    outcomes: np.ndarray
    reasons: np.ndarray
    order_ids: np.ndarray


@dataclass
class Lane:
    """`centres` in order of preference, the home first; `accounts` is a mask over account ids."""

    name: str
    client: int
    shard: int
    centres: Sequence[str]
    accounts: np.ndarray
    links: CentreLinks
    book: ClientBook
    measures: Measures
    clock: Callable[[], float]
    session: Callable[[], dict]
    open_to: Callable[[str], bool] = lambda centre: True
    tick: int = 0
    current: int = 0
    fled_at: float = field(default=-1e9)
    waiting_since: float | None = None

    @property
    def centre(self) -> str:
        """The centre that the next attempt goes to."""
        return self.centres[self.current]

    async def send(
        self, orders: dict[str, np.ndarray], late_s: Mapping[str, np.ndarray] | None = None
    ) -> tuple[Operation, dict[str, Fate], dict[int, np.ndarray]]:
        """Write the request down and deliver it; returns every order's fate and the shard's events.

        `late_s`: how long each order had been due when it was sent (0 by default).
        """
        return await self.deliver(self.book.invoke(self.client, self.shard, orders), late_s=late_s)

    async def deliver(
        self, operation: Operation, attempt: int = 1, late_s: Mapping[str, np.ndarray] | None = None
    ) -> tuple[Operation, dict[str, Fate], dict[int, np.ndarray]]:
        """Ask until every order's fate is known. Start with attempt 2 for a request of a former process."""
        fates: dict[str, Fate] = {}
        self.waiting_since = self.clock()
        delay = RETRY_FIRST_S
        if self.current and self.clock() - self.fled_at > AWAY_S:
            self.current = 0
        while True:
            self._pass_closed()
            centre = self.centre
            try:
                reply = await self.links.flow(centre, self._request(operation, attempt))
                open_orders = self._gather(operation, reply, fates)
                if not open_orders:
                    break
                why = f"{centre} left {open_orders} of {operation.count()} orders open"
            except NoAnswer as error:
                why = str(error)
            except Refused as error:
                self.book.fail(operation, str(error))
                self.measures.refused(operation)
                self.waiting_since = None
                return operation, {}, {}
            self.book.unknown(operation, why)
            self.measures.retries += 1
            self._flee()
            await asyncio.sleep(delay)
            delay = min(2 * delay, RETRY_MOST_S)
            attempt += 1
        self.measures.answered(reply, fates, self.clock() - self.waiting_since, first=attempt == 1, late_s=late_s)
        self.waiting_since = None
        self.book.ok(
            operation,
            {chain: fate.order_ids for chain, fate in fates.items()},
            {chain: fate.outcomes for chain, fate in fates.items()},
        )
        return operation, fates, reply.events

    def _request(self, operation: Operation, attempt: int) -> FlowRequest:
        self.tick += 1
        return FlowRequest(
            tick=self.tick,
            client=operation.client,
            request=operation.request,
            orders=operation.orders,
            shards={chain: np.full(len(records), operation.shard, "u1") for chain, records in operation.orders.items()},
            attempt=attempt,
            session=self.session(),
        )

    def _gather(self, operation: Operation, reply: FlowReply, fates: dict[str, Fate]) -> int:
        """Write what the reply tells into `fates`; returns how many orders are still open.

        An order whose id differs from what an earlier attempt said was executed twice.
        """
        still_open = 0
        for chain, records in operation.orders.items():
            outcomes = reply.outcomes.get(chain)
            if outcomes is None or len(outcomes) != len(records):
                raise NoAnswer(f"{reply.centre} did not answer for {chain}")
            ids = reply.order_ids[chain]
            fate = fates.setdefault(
                chain,
                Fate(
                    np.full(len(records), Outcome.UNKNOWN, "u1"),
                    np.zeros(len(records), "u1"),
                    np.zeros(len(records), "<u8"),
                ),
            )
            told = outcomes != Outcome.UNKNOWN
            before = fate.outcomes != Outcome.UNKNOWN
            twice = told & before & (fate.order_ids != ids) & (fate.order_ids != 0) & (ids != 0)
            self.book.duplicates += int(twice.sum())
            new = told & ~before
            fate.outcomes[new], fate.order_ids[new] = outcomes[new], ids[new]
            fate.reasons[new] = reply.reasons[chain][new]
            still_open += int((fate.outcomes == Outcome.UNKNOWN).sum())
        return still_open

    def _pass_closed(self) -> None:
        """Go to the next centre whose entrance is open; one always is."""
        for _ in self.centres:
            if self.open_to(self.centre):
                return
            self.current = (self.current + 1) % len(self.centres)

    def _flee(self) -> None:
        self.current = (self.current + 1) % len(self.centres)
        self.fled_at = self.clock()
        self.measures.failovers += 1
