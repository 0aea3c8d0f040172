"""`python -m trading_sim.load.process`: the customers as a process with HTTP."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from trading_sim.load.customers_process import CustomersProcess
from trading_sim.load.status_server import make_app
from trading_sim.market import shard_config
from trading_sim.protocol import topology_file
from trading_sim.shard.config import ShardConfig

DAY_S = 1800.0
SEED = 20_260_930

log = logging.getLogger("trading_sim.load")


async def wait_for_endpoints(path: Path) -> dict[str, Any]:
    """The cluster's addresses, as soon as it has written them."""
    while True:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            await asyncio.sleep(0.2)


def shard_configs(endpoints: dict[str, Any]) -> list[ShardConfig]:
    """What the shards were started with: the files of the cluster's state folder, else the demonstration market."""
    configs = []
    for shard in sorted(map(int, endpoints["shards"])):
        path = Path(endpoints.get("state", "")) / "shards" / f"shard-{shard}.json"
        configs.append(
            ShardConfig.from_json(path.read_text(encoding="utf-8")) if path.exists() else shard_config(shard)
        )
    return configs


async def main(arguments: argparse.Namespace) -> None:
    """Run until SIGTERM or SIGINT."""
    state = Path(arguments.state)
    state.mkdir(parents=True, exist_ok=True)
    endpoints = await wait_for_endpoints(Path(arguments.endpoints))
    config = endpoints.get("config")
    topology = topology_file.load(Path(config) if config else None, scale=endpoints.get("scale", 1.0))
    process = CustomersProcess(
        state, endpoints, topology, shard_configs(endpoints), arguments.day_seconds, arguments.seed
    )
    runner = web.AppRunner(make_app(process), access_log=None)
    await runner.setup()
    host, _, port = arguments.listen.rpartition(":")
    await web.TCPSite(runner, host, int(port)).start()
    log.info(
        "customers of %d centres and %d shards, listening on %s",
        len(topology.centres),
        len(process.flows),
        arguments.listen,
    )
    work = asyncio.create_task(process.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await work
    finally:
        await runner.cleanup()


def parse(arguments: list[str]) -> argparse.Namespace:
    """Command line of the process."""
    parser = argparse.ArgumentParser(prog="python -m trading_sim.load.process", description=__doc__)
    parser.add_argument("--state", required=True, metavar="DIR", help="folder for history, settings and session")
    parser.add_argument("--listen", required=True, metavar="HOST:PORT", help="address of the HTTP interface")
    parser.add_argument("--endpoints", required=True, metavar="FILE", help="endpoints.json of the cluster; waited for")
    parser.add_argument(
        "--day-seconds", type=float, default=DAY_S, help="wall clock length of a trading day (default 1800)"
    )
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the order flow")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvloop.run(main(parse(sys.argv[1:])))
