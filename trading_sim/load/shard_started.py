"""Three replicas of one shard, started for a measurement in a folder of its own and stopped after it."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np

from trading_sim.load.flow import ORDER_CHAINS, ShardFlow
from trading_sim.load.orders import CANCEL_CHAIN
from trading_sim.load.ramp_steps import RampError
from trading_sim.market import shard_config
from trading_sim.shard.attempts import ShardError
from trading_sim.shard.client import ShardClient
from trading_sim.shard.config import ShardConfig

CENTRES = ("SZ-A", "SZ-B", "WH-A")
HOST = "127.0.0.1"
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 10.0
CONTINUOUS = 3
#: Customers of a measurement never run out of cash or shares: a refusal would measure something else.
RICHER = 1_000
MOST_SHARES = 500_000_000
MAKE_AT_ONCE = 4_000.0


def measured_config(orders: int) -> ShardConfig:
    """The demonstration market's first shard with rich customers, no order rate limit and room for `orders` order ids."""
    config = shard_config(0)
    accounts = [
        {
            **row,
            "cash": row["cash"] * RICHER,
            "positions": {symbol: min(quantity * RICHER, MOST_SHARES) for symbol, quantity in row["positions"].items()},
        }
        for row in config.accounts
    ]
    limits = replace(config.limits, rate_max=1_000_000_000)
    return replace(config, accounts=accounts, limits=limits, max_order_id=orders, max_live=min(orders, 1_000_000))


def order_pool(config: ShardConfig, count: int, seed: int) -> np.ndarray:
    """At least `count` NEW commands of the demonstration flow."""
    flow = ShardFlow(config, seed)
    everyone = np.ones(max(row["account"] for row in config.accounts) + 1, dtype=bool)
    chains = [chain for chain in ORDER_CHAINS if chain != CANCEL_CHAIN]
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < count:
        made = flow.make(dict.fromkeys(chains, MAKE_AT_ONCE / len(chains)), everyone, CONTINUOUS)
        parts += made.values()
        flow.step(1e-4)
    return np.concatenate(parts)[:count]


class StartedShard:
    """The replicas' processes; use as a context. Ports: `base_port` … + 5."""

    def __init__(self, folder: Path, config: ShardConfig, base_port: int) -> None:
        self._folder = folder
        self.symbols = len(config.symbols)
        self.addresses = {name: f"{HOST}:{base_port + place}" for place, name in enumerate(CENTRES)}
        self._http = {name: f"{HOST}:{base_port + 3 + place}" for place, name in enumerate(CENTRES)}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "shard-0.json").write_text(config.to_json(), encoding="utf-8")

    def __enter__(self) -> StartedShard:
        try:
            for name in CENTRES:
                self._start(name)
            self._await_leader()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, name: str) -> None:
        peers = ",".join(f"{other}={address}" for other, address in self.addresses.items() if other != name)
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [
                    sys.executable, "-m", "trading_sim.shard.replica", "--shard", "0", "--replica", name,
                    "--config", str(self._folder / "shard-0.json"), "--state", str(self._folder / name),
                    "--listen", self.addresses[name], "--peers", peers, "--http", self._http[name],
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def _await_leader(self) -> None:
        end = time.monotonic() + START_TIMEOUT_S
        client = ShardClient(list(self.addresses.values()), 1, timeout_s=2.0)
        try:
            while True:
                for name, process in self._processes.items():
                    if process.poll() is not None:
                        raise RampError(f"replica {name} ended while it started: see {self._folder / name}.log")
                try:
                    client.query_symbol(0)
                    return
                except ShardError as error:
                    if time.monotonic() > end:
                        raise RampError(f"the shard has no leader after {START_TIMEOUT_S:.0f} s: {error}") from error
                    time.sleep(0.2)
        finally:
            client.close()

    def pids(self) -> dict[str, int]:
        """Process ids of the replicas that run."""
        return {name: process.pid for name, process in self._processes.items() if process.poll() is None}

    def stop(self) -> None:
        """End all replicas; kill -9 for one that does not end by itself."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
