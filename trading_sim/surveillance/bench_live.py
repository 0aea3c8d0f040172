"""Time to action on a real shard: episodes are played into it beside ordinary flow, and the surveillance process watches and acts.

The stage's clock is the wall clock here. Measured per guilty account: from its first order to the executed account command (what the market had to bear),
and from the finding that acts to that command (what the path itself takes), both by the clock of this machine.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import requests

from trading_sim.load.episodes_stage import CONTINUOUS, RATES, STEP_S, Play, Played, Stage
from trading_sim.load.session import phase_command
from trading_sim.protocol.records import PARTY
from trading_sim.shard.client import ShardClient

TIMEOUT_S = 5.0
#: After the last order: for the last findings to be acted on.
SETTLE_S = 3.0


class RemoteMarket:
    """A running shard as a stage's market."""

    def __init__(self, addresses: Sequence[str], client_id: int) -> None:
        self._client = ShardClient(addresses, client_id, timeout_s=TIMEOUT_S)
        self._request = time.time_ns() // 1_000_000

    def query_symbol(self, symbol: int) -> dict[str, Any]:
        """See `episodes_stage.Market`."""
        return self._client.query_symbol(symbol)

    def execute(self, commands: np.ndarray, now_ns: int) -> Played:
        """See `episodes_stage.Market`; the shard stamps. Raises ShardUnavailable."""
        self._request += 1
        reply = self._client.submit(commands, self._request)
        commands["seq"] = np.arange(reply.seq, reply.seq + len(commands))
        commands["order_id"] = reply.order_ids
        return Played(reply.index, now_ns, commands, reply.events, np.zeros(0, PARTY), reply.rejects)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def play_live(addresses: Sequence[str], url: str, seed: int, seconds: float, rate: float = 1.0) -> dict[str, Any]:
    """Play for `seconds`; `url` is the surveillance's. Returns the waits of the accounts that were acted on, and who was not."""
    market = RemoteMarket(addresses, client_id=77 + seed)
    play = Play(seed, warm_s=4.0, close_s=seconds + 90, end_s=seconds, manipulations=2, look_alikes=1, rate=rate)
    stage = Stage(play, market=market)
    actors = [actor for actor in stage.actors if actor.name not in ("ramping", "rebalancing")]
    for actor in actors:
        actor.starts_s = min(actor.starts_s, seconds / 3)
    try:
        market.execute(phase_command(CONTINUOUS), 0)
        begin = time.time()
        while (now := time.time() - begin) < seconds:
            stage.step_flow(now)
            for actor in actors:
                stage.step_actor(actor, now)
            time.sleep(max(0.0, begin + now + STEP_S - time.time()))
    finally:
        market.close()
    time.sleep(SETTLE_S)
    return _waits(stage, actors, begin, url)


def _waits(stage: Stage, actors: list[Any], begin: float, url: str) -> dict[str, Any]:
    whole, path, missed = [], [], []
    for actor in actors:
        for account in actor.accounts if actor.pattern and actor.began_s is not None else ():
            found = requests.get(f"{url}/accounts/{account}", timeout=TIMEOUT_S).json()
            actions = [one for one in found["actions"] if one["outcome"] == "executed" and one["case_id"]]
            if not actions:
                missed.append({"account": account, "pattern": actor.pattern})
                continue
            done = max(one["at"] for one in actions[-1]["shards"].values())
            whole.append(done - begin - actor.began_s)
            path.append(done - _judged(url, actions[-1]["case_id"]))
    return {"first_order_to_action_s": whole, "finding_to_action_s": path, "not_acted_on": missed, "rates": RATES}


def _judged(url: str, case: int) -> float:
    """Unix time at which the case reached the step act."""
    steps = requests.get(f"{url}/cases/{case}", timeout=TIMEOUT_S).json()["steps"]
    return next(step["at_ns"] for step in steps if step["step"] == "act") / 1e9
