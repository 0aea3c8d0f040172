"""Episodes beside a lane's ordinary orders: cast from its accounts, told what became of them, over when their lease is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from trading_sim.load.episodes_live import CHAINS, Episodes
from trading_sim.load.episodes_script import quote_from
from trading_sim.load.episodes_stage import STEP_S, Play, Stage
from trading_sim.load.lane import Fate
from trading_sim.load.rates import SettingsError
from trading_sim.protocol.flow import Outcome


class Scene:
    """A lane of one shard with a market behind it; `clock` is Unix time."""

    def __init__(self) -> None:
        self.clock = 1000.0
        self.stage = Stage(Play(seed=5, manipulations=0, look_alikes=0))
        self.lane: Any = SimpleNamespace(name="SZ-A/0", shard=0, accounts=np.ones(500, bool))
        self.episodes = Episodes([self.stage.flow], {0: self.stage.usual}, np.random.default_rng(3), lambda: self.clock)
        for step in range(40):
            self.stage.step_flow(step * STEP_S)

    def begin(self, pattern: str, **changes: Any) -> Any:
        body = {"params": {"pattern": pattern, "seconds": 60}, "owner": "test", "key": pattern} | changes
        return self.episodes.begin(body, f"lease-{pattern}", [self.lane])

    def turn(self) -> int:
        """One turn of the lane; how many commands the episodes added."""
        market = self.stage.market
        self.clock += STEP_S
        for episode in self.episodes.live.values():
            row = market.query_symbol(episode.actor.symbol)
            episode.quote = quote_from(row, int(self.stage.usual[episode.actor.symbol]), self.clock)
        orders: dict[str, np.ndarray] = {}
        added = self.episodes.add(self.lane, orders)
        fates, happened = {}, []
        for chain in sorted(orders):
            done = market.execute(orders[chain].copy(), int(self.clock * 1e9))
            refused = np.isin(done.commands["seq"], done.rejects["seq"])
            outcomes = np.where(refused, Outcome.REJECTED_RISK, Outcome.OK).astype("u1")
            fates[chain] = Fate(outcomes, np.zeros(len(outcomes), "u1"), done.commands["order_id"])
            happened.append(done.events)
        self.episodes.learn(added, fates)
        for events in happened:
            self.episodes.note(0, events)
        return sum(len(commands) for _, commands in added)


@pytest.mark.parametrize("pattern", ["spoofing", "layering", "wash", "coordinated", "oversized"])
def test_an_episode_plays_and_leaves_nothing_behind(pattern: str) -> None:
    scene = Scene()
    episode = scene.begin(pattern)
    sent = sum(scene.turn() for _ in range(160))
    assert sent >= episode.actor.sent > 0  # an ended script takes back what stands
    scene.clock += 100
    scene.turn()
    assert not scene.episodes.live
    machine = scene.stage.market._machine
    standing = {
        order["order_id"]
        for account in episode.actor.accounts
        for order in machine.query_account(account)["open_orders"]
        if order["symbol"] == episode.actor.symbol
    }
    assert not standing & set(episode.actor._open)


def test_the_same_key_is_the_same_episode_and_an_end_is_an_end() -> None:
    scene = Scene()
    assert scene.begin("spoofing") is scene.begin("spoofing")
    assert scene.episodes.end("lease-spoofing")
    scene.turn()
    assert not scene.episodes.live
    assert not scene.episodes.end("lease-spoofing")


@pytest.mark.parametrize(
    "changes",
    [
        {"params": {"pattern": "none"}},
        {"params": {"pattern": "wash", "seconds": -1}},
        {"params": {"pattern": "wash", "seconds": 5, "shard": 9}},
        {"owner": ""},
    ],
)
def test_what_cannot_be_played_is_refused_in_words(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        Scene().begin("wash", **changes)


def test_chains_of_new_orders_and_cancels_are_those_of_customers() -> None:
    assert set(CHAINS.values()) == {"cash-order", "order-cancel"}
