"""`up`: one supervisor per state folder. It starts the programs, keeps them running and says where they are."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time

import aiohttp
from aiohttp import web

from trading_sim.cluster.children import Child, Family
from trading_sim.cluster.control import Control
from trading_sim.cluster.layout import HOST, Layout, lock_state, write_private

log = logging.getLogger(__name__)
PROBE_TIMEOUT_S = 1.0
PROBE_EVERY_S = 0.2


class UpError(Exception):
    """The cluster cannot be started; the text says why and what to do."""


def check_ports(layout: Layout) -> None:
    """Raises UpError when a port of the cluster is taken."""
    for port in layout.ports():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise UpError(f"port {port} is not free ({error.strerror}); choose another --base-port") from error


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def announce_when_ready(layout: Layout, ready: asyncio.Event) -> None:
    """Write endpoints.json as soon as every centre answers, so that who finds the file finds a cluster."""
    timeout = aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)
    urls = [f"{layout.url(layout.centre_port(centre))}/health" for centre in layout.topology.centres]
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while not all(await asyncio.gather(*(_answers(session, url) for url in urls))):
            await asyncio.sleep(PROBE_EVERY_S)
    write_private(
        layout.endpoints_file, layout.endpoints() | {"started_at": time.time(), "supervisor_pid": os.getpid()}
    )
    ready.set()
    log.info("the cluster is up: %s", layout.endpoints_file)


async def supervise(layout: Layout, programs: list[Child]) -> None:
    """Run until SIGTERM, SIGINT or a shutdown request. Raises UpError."""
    lock = lock_state(layout.state, layout.url(layout.control_port))
    if lock is None:
        raise UpError(
            f"a cluster is already running in {layout.state}; stop it with "
            f"`python -m trading_sim down --state {layout.state}`"
        )
    check_ports(layout)
    layout.endpoints_file.unlink(missing_ok=True)
    stop, ready = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    family = Family(programs)
    runner = web.AppRunner(Control(family, stop, ready).application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, layout.control_port).start()
        family.start()
        announcing = asyncio.create_task(announce_when_ready(layout, ready))
        await stop.wait()
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)
        await family.stop()
    finally:
        layout.endpoints_file.unlink(missing_ok=True)
        await runner.cleanup()
        os.close(lock)
