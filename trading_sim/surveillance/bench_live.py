"""Time to action on a real shard: episodes are played into it beside ordinary flow, and the surveillance process watches and acts.

The stage's clock is the wall clock here. Measured per guilty account, by the clock of this machine: from its first order to the executed account command (what
the market had to bear), and from the last command of the case's evidence before it acted to that command (what the detectors and the path take).
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import requests

from trading_sim.load.episodes_stage import CONTINUOUS, RATES, STEP_S, Play, Played, Stage
from trading_sim.load.session import phase_command
from trading_sim.load.shard_started import StartedShard
from trading_sim.market import shard_config
from trading_sim.protocol.records import PARTY
from trading_sim.shard.client import ShardClient

TIMEOUT_S = 5.0
#: After the last order: for the last findings to be acted on.
SETTLE_S = 3.0
START_S, STOP_S = 90.0, 10.0


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
    whole, crossing, missed = [], [], []
    for actor in actors:
        for account in actor.accounts if actor.pattern and actor.began_s is not None else ():
            found = requests.get(f"{url}/accounts/{account}", timeout=TIMEOUT_S).json()
            actions = [one for one in found["actions"] if one["outcome"] == "executed" and one["case_id"]]
            if not actions:
                missed.append({"account": account, "pattern": actor.pattern})
                continue
            done = max(one["at"] for one in actions[-1]["shards"].values())
            whole.append(done - begin - actor.began_s)
            crossing.append(done - _crossed(url, actions[-1]["case_id"]))
    return {"first_order_to_action_s": whole, "crossing_to_action_s": crossing, "not_acted_on": missed, "rates": RATES}


def _crossed(url: str, case: int) -> float:
    """Unix time of the last event that the case rested on when it reached the step act."""
    found = requests.get(f"{url}/cases/{case}", timeout=TIMEOUT_S).json()
    judged_ns = next(step["at_ns"] for step in found["steps"] if step["step"] == "act")
    return (
        max((row["time_ns"] for row in found["evidence"]["rows"] if row["time_ns"] <= judged_ns), default=judged_ns)
        / 1e9
    )


class Running:
    """Three replicas of a shard and the surveillance's process in `folder`; use as a context. Ports `base_port` … + 10."""

    def __init__(self, folder: Path, base_port: int) -> None:
        self._folder, self._port = folder, base_port + 10
        self._config = shard_config(0)
        self._shard = StartedShard(folder / "shard", self._config, base_port)
        self.addresses = list(self._shard.addresses.values())
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0

    def __enter__(self) -> Running:
        self._shard.__enter__()
        try:
            (self._folder / "shards").mkdir()
            (self._folder / "shards" / "shard-0.json").write_text(self._config.to_json(), encoding="utf-8")
            replicas = {name: {"address": address} for name, address in self._shard.addresses.items()}
            endpoints = {"state": str(self._folder), "shards": {"0": replicas}}
            (self._folder / "endpoints.json").write_text(json.dumps(endpoints), encoding="utf-8")
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._shard.stop()

    def start(self) -> None:
        """Start the surveillance and wait until it watches. Raises OSError when it does not within START_S."""
        with (self._folder / "surveillance.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "trading_sim.surveillance.process", "--state", str(self._folder / "surveillance"),
                    "--endpoints", str(self._folder / "endpoints.json"), "--http", f"127.0.0.1:{self._port}",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        end = time.monotonic() + START_S
        while not self._watches():
            if self._process.poll() is not None or time.monotonic() > end:
                raise OSError(f"the surveillance does not watch: see {self._folder / 'surveillance.log'}")
            time.sleep(0.1)
        self._began = time.monotonic()
        self._cpu = sum(psutil.Process(self._process.pid).cpu_times()[:2])

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def cpu_percent(self) -> float:
        """Of one core, since it began to watch."""
        if self._process is None:
            return 0.0
        used = sum(psutil.Process(self._process.pid).cpu_times()[:2]) - self._cpu
        return round(100 * used / (time.monotonic() - self._began), 2)

    def _watches(self) -> bool:
        try:
            return bool(requests.get(f"{self.url}/status", timeout=TIMEOUT_S).json()["watching"])
        except (requests.RequestException, ValueError):
            return False
