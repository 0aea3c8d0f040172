"""Episodes of manipulation in the running cluster, on demand: a fault kind of the load process, off unless somebody asks.

{"kind": "episode", "params": {"pattern": "spoofing", "seconds": 60, "shard": 0}, "lease_s", "owner", "key"}: the accounts of one lane play the script
beside their ordinary orders, through the same chains as everybody. The lease ends it at its time and takes back what stands; a restart ends it too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trading_sim.load.episodes import MANIPULATIONS
from trading_sim.load.episodes_script import CANCEL, NEW, Actor, Quote, quote_from
from trading_sim.load.flow import ShardFlow
from trading_sim.load.lane import Fate, Lane
from trading_sim.load.rates import MAX_LEASE_S, SettingsError
from trading_sim.market.accounts import GROUPS
from trading_sim.protocol.flow import Outcome
from trading_sim.protocol.records import COMMAND
from trading_sim.shard.attempts import ShardRejected, ShardUnavailable

KIND = "episode"
CHAINS = {NEW: "cash-order", CANCEL: "order-cancel"}
QUOTE_EVERY_S = 0.25
MOST = 8

log = logging.getLogger(__name__)
Query = Callable[[int], Awaitable[dict[str, Any]]]


@dataclass
class Episode:
    """One episode on its way. `expires_at` is Unix time in seconds; `lane` the name of the lane whose accounts play it."""

    lease: str
    pattern: str
    shard: int
    lane: str
    owner: str
    expires_at: float
    actor: Actor
    key: str | None = None
    quote: Quote | None = None

    def describe(self, now: float) -> dict[str, Any]:
        """As HTTP shows it."""
        return {
            "lease": self.lease,
            "kind": KIND,
            "params": {"pattern": self.pattern, "shard": self.shard, "symbol": self.actor.symbol, "accounts": list(self.actor.accounts)},
            "owner": self.owner,
            "expires_at": self.expires_at,
            "remaining_s": round(max(0.0, self.expires_at - now), 3),
            "orders": self.actor.sent,
        }  # fmt: skip


class Episodes:
    """All live episodes. `now` gives Unix time in seconds."""

    def __init__(
        self,
        flows: Sequence[ShardFlow],
        usual: Mapping[int, np.ndarray],
        generator: np.random.Generator,
        now: Callable[[], float],
    ) -> None:
        self._flows = {flow.shard: flow for flow in flows}
        self._usual, self._generator, self._now = usual, generator, now
        self.live: dict[str, Episode] = {}

    def begin(self, body: Mapping[str, Any], lease: str, lanes: Sequence[Lane]) -> Episode:
        """Cast and start one; with the "key" of a live one, that one is answered. Raises SettingsError."""
        params, owner, key = body.get("params") or {}, body.get("owner"), body.get("key")
        pattern, seconds = params.get("pattern"), params.get("seconds", body.get("lease_s"))
        shard = params.get("shard", 0)
        if pattern not in MANIPULATIONS:
            raise SettingsError(f"pattern must be one of {', '.join(MANIPULATIONS)}, not {pattern!r}")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= MAX_LEASE_S:
            raise SettingsError(f"seconds must be a number up to {MAX_LEASE_S:g}, not {seconds!r}")
        if shard not in self._flows:
            raise SettingsError(f"shard must be one of {', '.join(map(str, self._flows))}, not {shard!r}")
        if not isinstance(owner, str) or not owner:
            raise SettingsError("owner must say who asks for the episode")
        for episode in self.live.values():
            if key is not None and episode.key == key:
                return episode
        if len(self.live) >= MOST:
            raise SettingsError(f"{MOST} episodes are played already: wait until one has ended")
        lane, actor = self._cast(pattern, shard, [lane for lane in lanes if lane.shard == shard])
        episode = Episode(lease, pattern, shard, lane.name, owner, self._now() + seconds, actor, key)
        self.live[lease] = episode
        return episode

    def _cast(self, pattern: str, shard: int, lanes: Sequence[Lane]) -> tuple[Lane, Actor]:
        make, least, most, group = MANIPULATIONS[pattern]
        count = int(self._generator.integers(least, most + 1))
        span = next(one for one in GROUPS if one.name == group)
        flow = self._flows[shard]
        shares = [s for s, board in enumerate(flow.market.boards) if board in ("main", "growth")]
        playing = {account for episode in self.live.values() for account in episode.actor.accounts}
        for symbol in self._generator.permutation(shares).tolist():
            for lane in lanes:
                able = [
                    account
                    for account in range(span.first, span.last + 1)
                    if lane.accounts[account]
                    and account not in playing
                    and flow.customers.sellable[account, symbol] >= 40 * flow.market.lots[symbol]
                ]
                if len(able) >= count:
                    accounts = tuple(int(a) for a in self._generator.choice(able, count, replace=False))
                    draw = np.random.default_rng(self._generator.integers(1 << 62))
                    return lane, Actor(pattern, pattern, accounts, symbol, make(accounts, draw), 0.0)
        raise SettingsError(f"no customers of shard {shard} hold enough of a security to play {pattern}")

    def end(self, lease: str) -> bool:
        """End an episode early; what stands is taken back at the lane's next turn. False when it has gone."""
        episode = self.live.get(lease)
        if episode is not None:
            episode.expires_at = min(episode.expires_at, self._now())
        return episode is not None

    async def watch_quotes(self, clients: Mapping[int, Query]) -> None:
        """Keep the quotes of live episodes fresh until cancelled; `clients[shard]` answers `query_symbol`."""
        while True:
            for episode in list(self.live.values()):
                symbol = episode.actor.symbol
                try:
                    row = await clients[episode.shard](symbol)
                except (ShardUnavailable, ShardRejected) as error:
                    episode.quote = None  # nobody trades on a price that is not known
                    log.info("no quote for the episode %s: %s", episode.pattern, error)
                    continue
                episode.quote = quote_from(row, int(self._usual[episode.shard][symbol]), time.monotonic())
            await asyncio.sleep(QUOTE_EVERY_S)

    # -- in a lane's turn ----------------------------------------------------------------------------------------------

    def add(self, lane: Lane, orders: dict[str, np.ndarray]) -> list[tuple[Episode, np.ndarray]]:
        """Append this turn's commands of the lane's episodes to `orders`, behind the ordinary ones; returns what was added by whom."""
        added = []
        for lease, episode in list(self.live.items()):
            if episode.lane != lane.name:
                continue
            over = episode.expires_at <= self._now()
            if over:
                del self.live[lease]
                commands = episode.actor.end()
            else:
                commands = episode.actor.step(episode.quote) if episode.quote else np.zeros(0, COMMAND)
            if not over and episode.actor.ended_s is not None and not len(commands):
                episode.expires_at = self._now()  # the script is over
            for kind, chain in CHAINS.items():
                mine = commands[commands["kind"] == kind]
                if len(mine):
                    orders[chain] = np.concatenate([orders[chain], mine]) if chain in orders else mine
            if len(commands):
                added.append((episode, commands))
        return added

    def learn(self, added: Sequence[tuple[Episode, np.ndarray]], fates: Mapping[str, Fate]) -> list[int]:
        """Tell the actors what became of the commands that `add` appended, before `note` brings the events of the same reply.

        Returns their order ids, which the ordinary customers must forget: nobody else cancels or moves them.
        """
        known: list[int] = []
        taken_from = dict.fromkeys(CHAINS.values(), 0)
        for _, commands in added:
            for kind, chain in CHAINS.items():
                taken_from[chain] += int((commands["kind"] == kind).sum())
        start = {chain: len(fates[chain].outcomes) - count for chain, count in taken_from.items() if chain in fates}
        for episode, commands in added:
            ids, taken = np.zeros(len(commands), "u8"), np.zeros(len(commands), bool)
            for kind, chain in CHAINS.items():
                places = np.flatnonzero(commands["kind"] == kind)
                if chain not in fates or not len(places):
                    continue
                span = slice(start[chain], start[chain] + len(places))
                ids[places], taken[places] = fates[chain].order_ids[span], fates[chain].outcomes[span] == Outcome.OK
                start[chain] += len(places)
            known += ids.tolist()
            episode.actor.learn(ids, taken)
        return known

    def note(self, shard: int, events: np.ndarray) -> None:
        """EVENT records of a shard: fills of the actors' orders."""
        for episode in self.live.values():
            if episode.shard == shard:
                episode.actor.note(events)
