"""A shard of one replica and a gateway above it, as processes on free ports, for tests of the gateway."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests

from tests.polling import eventually, eventually_async
from trading_sim.gateway.client import BinaryClient
from trading_sim.gateway.credentials import FILE_NAME, write_members
from trading_sim.shard.config import ShardConfig

ROOT = Path(__file__).parents[3]
CODES = ("600001", "600002", "600003")
PRICE = 1000
SYMBOLS = [
    {
        "code": code, "board": "main", "reference": PRICE, "low": 900, "high": 1100, "lot": 100, "band_ppm": 100_000,
        "commission_ppm": 0, "stamp_ppm": 0, "same_day": True,
    }
    for code in CODES
]  # fmt: skip
ACCOUNTS = [
    {"account": account, "cash": 10**11, "positions": {str(symbol): 10**7 for symbol in range(len(CODES))}, "status": 0}
    for account in range(1, 9)
]
SECRET = "only-for-tests"
# Errors of a gateway that is still on its way up.
NOT_YET = (OSError, TimeoutError)
SESSIONS = [
    {"session": "BIN-1", "protocol": "binary", "secret": SECRET, "accounts": [1]},
    {"session": "BIN-2", "protocol": "binary", "secret": SECRET, "accounts": [2]},
    {"session": "FIX-1", "protocol": "fix", "secret": SECRET, "accounts": [3]},
    {"session": "FIX-2", "protocol": "fix", "secret": SECRET, "accounts": [4]},
    {"session": "EVIL", "protocol": "binary", "secret": SECRET, "accounts": [5]},
]


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class GatewayWorld:
    """`ports`: shard, its HTTP, binary, FIX, market data, HTTP of the gateway. Also a folder with everything they write."""

    def __init__(self, directory: Path, *, engine: str = "twin", orders: int = 20_000, rate_max: int = 200) -> None:
        self.directory = directory
        names = ("shard", "shard_http", "binary", "fix", "market_data", "http")
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.processes: dict[str, subprocess.Popen] = {}
        (directory / "shards").mkdir()
        config = ShardConfig(
            shard=0, symbols=SYMBOLS, accounts=ACCOUNTS, max_order_id=orders, max_live=orders, engine=engine
        )
        config = replace(config, limits=replace(config.limits, rate_max=rate_max))
        (directory / "shards" / "shard-0.json").write_text(config.to_json())
        endpoints = {"state": str(directory), "shards": {"0": {"SZ-A": {"address": self.address("shard")}}}}
        (directory / "endpoints.json").write_text(json.dumps(endpoints))
        (directory / "gateway").mkdir(mode=0o700)
        write_members(directory / "gateway" / FILE_NAME, SESSIONS)

    def address(self, name: str) -> str:
        return f"127.0.0.1:{self.ports[name]}"

    def _start(self, name: str, arguments: list[str]) -> None:
        with (self.directory / f"{name}.log").open("ab") as output:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def start_shard(self) -> None:
        config = str(self.directory / "shards" / "shard-0.json")
        self._start(
            "shard",
            ["trading_sim.shard.replica", "--shard", "0", "--replica", "SZ-A", "--config", config,
             "--state", str(self.directory / "replica"), "--listen", self.address("shard"), "--http", self.address("shard_http")],
        )  # fmt: skip

    def start_gateway(self) -> None:
        self._start(
            "gateway",
            ["trading_sim.gateway.process", "--state", str(self.directory / "gateway"), "--listen-binary", self.address("binary"),
             "--listen-fix", self.address("fix"), "--listen-market-data", self.address("market_data"),
             "--http", self.address("http"), "--endpoints", str(self.directory / "endpoints.json")],
        )  # fmt: skip

    def start(self) -> GatewayWorld:
        self.start_shard()
        self.start_gateway()
        eventually(self.ready, "the gateway hears the shard", 60)
        return self

    def ready(self) -> bool:
        """Is the gateway up, and does it hear the shard?"""
        status = self.status()
        return bool(status) and not status["shards"]["0"]["silent"] and status["shards"]["0"]["entry"] >= 0

    def status(self) -> dict:
        try:
            return requests.get(f"http://{self.address('http')}/status", timeout=2).json()
        except requests.RequestException:
            return {}

    def metrics(self) -> str:
        return requests.get(f"http://{self.address('http')}/metrics", timeout=2).text

    def kill(self, name: str) -> None:
        """kill -9, and wait until it is gone."""
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait(10)

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text(errors="replace")

    def memory_kib(self) -> int:
        """Resident memory of the gateway."""
        for line in Path(f"/proc/{self.processes['gateway'].pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("the gateway's memory is not told")

    async def client(self, session: str, **options: Any) -> BinaryClient:
        """A client that is logged on."""
        client = BinaryClient(self.address("binary"), session, SECRET, **options)

        async def connected() -> bool:
            await client.connect()
            return True

        await eventually_async(connected, f"{session} logs on", not_yet=NOT_YET)
        return client

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(10)
