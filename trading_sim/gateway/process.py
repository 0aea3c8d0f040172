"""`python -m trading_sim.gateway.process`: the gateway as a process with HTTP."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from trading_sim.gateway import credentials
from trading_sim.gateway.http_pages import make_app
from trading_sim.gateway.instruments import from_configurations, members_of, read_configurations
from trading_sim.gateway.service import Gateway

log = logging.getLogger("trading_sim.gateway")


async def wait_for_endpoints(path: Path) -> dict[str, Any]:
    """The cluster's addresses, as soon as it has written them."""
    while True:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            await asyncio.sleep(0.2)


async def main(options: argparse.Namespace) -> None:
    """Run until SIGTERM or SIGINT, or until the gateway cannot go on."""
    state = Path(options.state)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    endpoints = await wait_for_endpoints(Path(options.endpoints))
    configurations = read_configurations(endpoints)
    private = state / credentials.FILE_NAME
    credentials.create_demo(private, members_of(configurations))
    addresses = {
        int(shard): [replica["address"] for replica in replicas.values()]
        for shard, replicas in endpoints["shards"].items()
    }
    gateway = Gateway(state, addresses, from_configurations(configurations), credentials.Credentials(private))
    runner = web.AppRunner(make_app(gateway), access_log=None)
    await runner.setup()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        gateway.start()
        await gateway.ports[credentials.BINARY].listen(options.listen_binary)
        await gateway.ports[credentials.FIX].listen(options.listen_fix)
        await gateway.ports["market_data"].listen(options.listen_market_data)
        host, _, port = options.http.rpartition(":")
        await web.TCPSite(runner, host, int(port)).start()
        log.info("the gateway of %d shards and %d instruments is open", len(addresses), len(gateway.instruments))
        waiting = loop.create_task(stop.wait())
        await asyncio.wait({waiting, gateway.failed}, return_when=asyncio.FIRST_COMPLETED)
        if gateway.failed.done():
            gateway.failed.result()
    finally:
        await runner.cleanup()
        await gateway.stop()


def parse(arguments: list[str]) -> argparse.Namespace:
    """Command line of the process."""
    parser = argparse.ArgumentParser(prog="python -m trading_sim.gateway.process", description=__doc__)
    parser.add_argument("--state", required=True, metavar="DIR", help="folder for credentials and the store")
    parser.add_argument("--listen-binary", required=True, metavar="HOST:PORT", help="binary session protocol")
    parser.add_argument("--listen-fix", required=True, metavar="HOST:PORT", help="FIX 4.4")
    parser.add_argument("--listen-market-data", required=True, metavar="HOST:PORT", help="market data")
    parser.add_argument("--http", required=True, metavar="HOST:PORT", help="/health, /status, /sessions, /metrics")
    parser.add_argument("--endpoints", required=True, metavar="FILE", help="endpoints.json of the cluster; waited for")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvloop.run(main(parse(sys.argv[1:])))
