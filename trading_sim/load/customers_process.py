"""All customers together: session clock, keepers of the shards, lanes, counted requests, auditor."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from pathlib import Path
from typing import Any

import numpy as np

from trading_sim.load.audit import Auditor
from trading_sim.load.calendar import SessionCalendar
from trading_sim.load.client_book import ClientBook, Operation
from trading_sim.load.entrances import Entrances
from trading_sim.load.episodes_live import Episodes
from trading_sim.load.flow import ShardFlow
from trading_sim.load.fx_shock import FxShocks
from trading_sim.load.halts import Halts, listen
from trading_sim.load.keeper import ShardKeeper
from trading_sim.load.lane import AWAY_S, Fate, Lane
from trading_sim.load.links import CentreLinks, NoAnswer, Refused
from trading_sim.load.measures import Measures
from trading_sim.load.peak import PeakWatch
from trading_sim.load.rates import Rates, lane_accounts
from trading_sim.load.responses import lateness
from trading_sim.load.session import SessionClock
from trading_sim.market.accounts import customers_of
from trading_sim.market.usual import usual_sizes
from trading_sim.protocol.flow import FlowRequest
from trading_sim.protocol.topology import Topology
from trading_sim.shard.async_client import AsyncShardClient
from trading_sim.shard.client import ShardRejected, ShardUnavailable
from trading_sim.shard.config import ShardConfig

ORDER_TICK_S = 0.25
COUNT_TICK_S = 0.5
#: Customers wait this long for their line; what they would have sent beyond it is counted as unavailable.
PATIENCE_S = 2.0
#: Client numbers of one book: lanes from 0, keepers and counted requests above.
KEEPERS_AT = 1 << 12
COUNTED_AT = 1 << 13


class CustomersProcess:
    """Everything but HTTP and signals. `endpoints` is the content of endpoints.json; `state` this process' folder."""

    def __init__(
        self,
        state: Path,
        endpoints: dict[str, Any],
        topology: Topology,
        configs: list[ShardConfig],
        day_s: float,
        seed: int,
    ) -> None:
        self._state = state
        self.topology = topology
        self.accounts = max(customers_of(config.accounts) for config in configs)
        chains = topology.chains.values()
        self.order_chains = [chain.name for chain in chains if chain.kind == "orders"]
        self.counted_chains = [chain.name for chain in chains if chain.kind != "orders"]
        self.rates = Rates(
            {chain.name: chain.peak_rate_per_s for chain in chains}, frozenset(self.order_chains), time.time
        )
        self._settings_path = state / "settings.json"
        if self._settings_path.exists():
            self.rates.take_over(json.loads(self._settings_path.read_text(encoding="utf-8")))
        self.peak = PeakWatch(state / "peak.json")
        self.clock = SessionClock(state / "session.json", SessionCalendar(day_s), time.time)
        self.measures = Measures(self.rates.peaks)
        self.book = ClientBook(
            state / "history", len(configs), self.accounts, time.monotonic, lambda: secrets.randbits(47) << 16
        )
        self.links = CentreLinks(endpoints["centres"])
        self.entrances = Entrances(state / "entrances.json", list(topology.centres), time.time)
        self.generator = np.random.default_rng((seed, 99))
        self.flows = [ShardFlow(config, seed) for config in configs]
        addresses = [
            [replica["address"] for replica in endpoints["shards"][str(config.shard)].values()] for config in configs
        ]
        self.clients = [
            AsyncShardClient(
                listed, self.book.base_client + KEEPERS_AT + config.shard, timeout_s=3.0, shard=config.shard
            )
            for config, listed in zip(configs, addresses, strict=True)
        ]
        self.keepers = [
            ShardKeeper(
                flow.shard,
                client,
                self.clock,
                flow,
                self._control_number,
                halts=Halts(flow.shard, flow.rows, time.monotonic),
            )
            for flow, client in zip(self.flows, self.clients, strict=True)
        ]
        self._addresses = addresses
        self.shocks = FxShocks(state / "fx-shock.json", self.keepers, time.time)
        usual = {config.shard: usual_sizes(config.symbols) for config in configs}
        self.episodes = Episodes(self.flows, usual, np.random.default_rng((seed, 101)), time.time)
        self.lanes = self._lanes()
        self.auditor = Auditor(self.book, self.clients, self.accounts, time.monotonic)
        self.ready = False
        self._last_control = 0
        self._tasks: list[asyncio.Task] = []

    def _lanes(self) -> list[Lane]:
        centres = list(self.topology.centres.values())
        self.shares = [centre.flow_share / sum(c.flow_share for c in centres) for centre in centres]
        masks = lane_accounts(self.shares, self.accounts)
        lanes = []
        for home, centre in enumerate(centres):
            order = [centres[(home + step) % len(centres)].name for step in range(len(centres))]
            for flow in self.flows:
                lanes.append(
                    Lane(
                        name=f"{centre.name}/{flow.shard}",
                        client=self.book.base_client + len(lanes),
                        shard=flow.shard,
                        centres=order,
                        accounts=np.array(masks[home]),
                        links=self.links,
                        book=self.book,
                        measures=self.measures,
                        clock=time.monotonic,
                        session=self.clock.describe,
                        open_to=self.entrances.is_open,
                    )
                )
        return lanes

    def _control_number(self) -> int:
        """Rising across restarts: milliseconds of the clock. A phase command repeated under a new number changes nothing."""
        self._last_control = max(self._last_control + 1, time.time_ns() // 1_000_000)
        return self._last_control

    # -- running -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until cancelled; the failure of any part ends all, so that the supervisor starts this process again."""
        await self.links.open()
        try:
            async with asyncio.TaskGroup() as group:
                for keeper, listed in zip(self.keepers, self._addresses, strict=True):
                    group.create_task(keeper.run())
                    group.create_task(listen(keeper.halts, listed, keeper.forget))
                group.create_task(self._turn_days())
                group.create_task(self._move_prices())
                group.create_task(self._trade())
                group.create_task(self.episodes.watch_quotes({c.shard: c.client.query_symbol for c in self.keepers}))
                for home in range(len(self.shares)):
                    group.create_task(self._count_requests(home))
        finally:
            await self.links.close()
            self.book.close()

    async def _trade(self) -> None:
        """Learn what the shards hold, then let all lanes and the auditor work."""
        for keeper, client in zip(self.keepers, self.clients, strict=True):
            await self._take_over(keeper, client)
        self.book.checkpoint()
        self.ready = True
        pending = sorted(self.book.pending.values(), key=lambda operation: operation.op)
        async with asyncio.TaskGroup() as group:
            for index, lane in enumerate(self.lanes):
                mine = [operation for operation in pending if operation.client == lane.client]
                group.create_task(self._run_lane(lane, self.shares[index // len(self.flows)] / len(self.flows), mine))
            for shard in range(len(self.flows)):
                group.create_task(self.auditor.run(shard))

    async def _take_over(self, keeper: ShardKeeper, client: AsyncShardClient) -> None:
        account = 1
        while account <= self.accounts:
            try:
                if keeper.state is None:
                    raise ShardUnavailable(f"shard {keeper.shard} has not been seen yet", outcome_unknown=False)
                row = await client.query_account(account)
            except (ShardUnavailable, ShardRejected):
                await asyncio.sleep(0.5)
                continue
            keeper.flow.customers.take_over(row)
            if self.book.baseline[keeper.shard, account] < 0:
                self.book.set_baseline(keeper.shard, account, row["orders_total"])
            account += 1

    async def _turn_days(self) -> None:
        while True:
            self.clock.turn()
            self.shocks.turn()
            self.peak.note(time.time(), self.measures.orders_answered, self.rates.usual)
            await asyncio.sleep(0.1)

    async def _move_prices(self) -> None:
        part = ORDER_TICK_S / self.clock.calendar.day_s
        while True:
            for flow in self.flows:
                flow.step(part)
            await asyncio.sleep(ORDER_TICK_S)

    async def _run_lane(self, lane: Lane, share: float, pending: list[Operation]) -> None:
        for operation in pending:
            self._learn(lane, *await lane.deliver(operation, attempt=2))
        flow, keeper = self.flows[lane.shard], self.keepers[lane.shard]
        last = time.monotonic()
        while True:
            await asyncio.sleep(max(0.0, last + ORDER_TICK_S - time.monotonic()))
            now = time.monotonic()
            passed, last = now - last, now
            moment = self.clock.moment()
            due = {chain: self.rates.rate(chain, moment) * share for chain in self.order_chains}
            able = min(passed, PATIENCE_S) if keeper.phase else 0.0
            for chain, rate in due.items():
                self._count_unavailable(chain, rate * (passed - able))
            if keeper.phase and able:
                orders = flow.make({chain: rate * able for chain, rate in due.items()}, lane.accounts, keeper.phase)
                added = self.episodes.add(lane, orders)
                if orders:
                    operation, fates, events = await lane.send(orders, self._late(orders, passed, able))
                    played = self.episodes.learn(added, fates)
                    self._learn(lane, operation, fates, events)
                    for order_id in played:
                        flow.customers.open.pop(order_id, None)

    def _late(self, orders: dict[str, np.ndarray], passed: float, able: float) -> dict[str, np.ndarray] | None:
        """How long each order has been due, when its lane was kept waiting; None when it was not."""
        if passed < 2 * ORDER_TICK_S:
            return None
        return {
            chain: lateness(passed - able * self.generator.random(len(records)), passed, ORDER_TICK_S)
            for chain, records in orders.items()
        }

    def _count_unavailable(self, chain: str, expected: float) -> None:
        if expected > 0:
            self.measures.unavailable(chain, int(self.generator.poisson(expected)))

    def _learn(self, lane: Lane, operation: Operation, fates: dict[str, Fate], events: dict[int, np.ndarray]) -> None:
        customers = self.flows[lane.shard].customers
        for chain, fate in fates.items():
            customers.note_orders(operation.orders[chain], fate.order_ids, fate.outcomes, fate.reasons)
        for happened in events.values():
            customers.note_events(happened)
            self.episodes.note(lane.shard, happened)

    async def _count_requests(self, home: int) -> None:
        """Requests without orders of one home centre; they move to the next centre when theirs does not answer."""
        names = list(self.topology.centres)
        current, fled_at, request, last = home, 0.0, 0, time.monotonic()
        while True:
            await asyncio.sleep(max(0.0, last + COUNT_TICK_S - time.monotonic()))
            now = time.monotonic()
            passed, last = min(now - last, 4 * COUNT_TICK_S), now
            moment = self.clock.moment()
            counts = {
                chain: int(self.generator.poisson(self.rates.rate(chain, moment) * self.shares[home] * passed))
                for chain in self.counted_chains
            }
            counts = {chain: count for chain, count in counts.items() if count}
            if not counts:
                continue
            if current != home and now - fled_at > AWAY_S:
                current = home
            while not self.entrances.is_open(names[current]):
                current = (current + 1) % len(names)
            request += 1
            frame = FlowRequest(
                tick=request,
                client=self.book.base_client + COUNTED_AT + home,
                request=request,
                counts=counts,
                session=self.clock.describe(),
            )
            try:
                self.measures.counted(await self.links.flow(names[current], frame))
            except (NoAnswer, Refused):
                self.measures.lost_in_transit(counts)
                current, fled_at = (current + 1) % len(names), time.monotonic()

    # -- what others see -----------------------------------------------------------------------------------------------

    def save_settings(self) -> None:
        """Keep settings and surges for the next process, atomically."""
        beside = self._settings_path.with_suffix(".tmp")
        beside.write_text(json.dumps(self.rates.state()), encoding="utf-8")
        beside.replace(self._settings_path)

    def session(self) -> dict[str, Any]:
        """The session with what every shard is known to be (null: unknown)."""
        shards = {
            str(keeper.shard): (
                {"day": keeper.state.day, "phase": keeper.state.phase, "halted": keeper.halts.halted()}
                if keeper.state
                else None
            )
            for keeper in self.keepers
        }
        return {**self.clock.describe(), "shards": shards}

    def responses_seen(self) -> dict[str, Any]:
        """Counts since the start that a capacity test takes the differences of; see `load.responses` for the buckets."""
        moment = self.clock.moment()
        requests: dict[str, dict[str, int]] = {}
        for (chain, outcome), count in self.measures.requests.items():
            requests.setdefault(chain, {})[outcome] = count
        return {
            "at": time.time(),
            "phase": moment.phase,
            "order_rate": moment.order_rate,
            "phase_ends_in_s": moment.ends_in_s,
            "responses": self.measures.responses.as_dict(),
            "requests": requests,
            "duration_buckets": {chain: self.measures.buckets[chain].tolist() for chain in self.counted_chains},
            "lost": self.book.lost,
            "duplicates": self.book.duplicates,
            "usual": self.rates.usual,
            "paused": self.rates.paused,
            "level": self.rates.level.describe(time.time()) if self.rates.level else None,
        }

    def status(self) -> dict[str, Any]:
        """Counters, lanes, findings. "ready" is false until the shards have been asked what they hold."""
        now = time.monotonic()
        requests: dict[str, dict[str, int]] = {}
        for (chain, outcome), count in sorted(self.measures.requests.items()):
            requests.setdefault(chain, {})[outcome] = count
        offered = self.rates.offered(self.clock.moment())
        return {
            "ready": self.ready,
            "session": self.session(),
            "settings": {"rate_factor": self.rates.rate_factor, "paused": self.rates.paused},
            "entrances": self.entrances.describe(),
            "surges": [surge.describe(time.time()) for surge in self.rates.surges.values()],
            "offered_rate": {chain: round(rate, 3) for chain, rate in offered.items()},
            "offered_orders_per_s": round(sum(offered[chain] for chain in self.order_chains), 3),
            "peak": self.peak.best,
            "requests": requests,
            "duration_buckets": {chain: counts.tolist() for chain, counts in self.measures.buckets.items()},
            "trades": sum(flow.customers.trades for flow in self.flows),
            "turnover_fen": sum(flow.customers.turnover for flow in self.flows),
            "open_orders": sum(len(flow.customers.open) for flow in self.flows),
            "lost": self.book.lost,
            "duplicates": self.book.duplicates,
            "audits": self.auditor.audited,
            "seconds_since_audit": None if self.auditor.audited_at is None else round(now - self.auditor.audited_at, 3),
            "pending": len(self.book.pending),
            "retries": self.measures.retries,
            "failovers": self.measures.failovers,
            "longest_wait_s": round(self.measures.longest_wait_s, 3),
            "lanes": [
                {
                    "name": lane.name,
                    "centre": lane.centre,
                    "waiting_s": None if lane.waiting_since is None else round(now - lane.waiting_since, 3),
                }
                for lane in self.lanes
            ],
        }
