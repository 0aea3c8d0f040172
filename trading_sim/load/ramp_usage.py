"""How busy every service and process of a cluster was between two moments: nodes by their own metrics pages, processes by the system."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import defaultdict
from typing import Any

import aiohttp
import psutil

from trading_sim.client.cluster import ClusterClient
from trading_sim.client.errors import ClusterError
from trading_sim.load.ramp_steps import Used

TIMEOUT_S = 5.0
AT_ONCE = 32
_REQUESTS = re.compile(rb"^trading_requests_total\{[^}]*\} (\d+)", re.MULTILINE)
#: Children of the supervisor by the beginning of their name, and what they are in a report.
PROCESSES = {
    "load": "generator",
    "shard": "shard",
    "centre": "centre",
    "gateway": "gateway",
    "surveillance": "surveillance",
}


class Machine:
    """How busy all processors together were since the last look."""

    def __init__(self) -> None:
        self._before = psutil.cpu_times()

    def used(self) -> Used:
        """The part of the processors' time that was not idle, whoever used it."""
        before, self._before = self._before, psutil.cpu_times()
        passed = sum(self._before) - sum(before)
        idle = _idle(self._before) - _idle(before)
        part = 1 - idle / passed if passed > 0 else 0.0
        return Used("machine", "all processors", "", part, part)


def _idle(times: Any) -> float:
    return times.idle + getattr(times, "iowait", 0.0)  # only Linux tells the waiting for disks apart


class Usage:
    """`begin`, then `end`: a Used for every service in every centre, and for every process."""

    def __init__(self, client: ClusterClient) -> None:
        self._client, self._machine = client, Machine()
        self._before: tuple[dict[str, tuple[float, int]], float, dict[str, float]] | None = None

    def begin(self) -> None:
        """Take the first reading."""
        self._machine = Machine()
        self._before = (asyncio.run(self._read()), time.monotonic(), self._seconds())

    def end(self) -> tuple[Used, ...]:
        """What was used since `begin`; nodes whose page or process could not be read both times are left out."""
        if self._before is None:
            return ()
        pages, begun, seconds = self._before
        elapsed, after = time.monotonic() - begun, self._seconds()
        machine = self._machine.used()
        used = [machine, *self._services(pages, asyncio.run(self._read())), *self._processes(seconds, after, elapsed)]
        self._before = None
        return tuple(sorted(used, key=lambda one: -one.part))

    @staticmethod
    def load_average() -> float:
        """The machine's load over the last minute."""
        return round(os.getloadavg()[0], 2)

    def _services(self, before: dict[str, tuple[float, int]], after: dict[str, tuple[float, int]]) -> list[Used]:
        topology = self._client.topology
        parts: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        for name, (at, count) in after.items():
            if name not in before or count < before[name][1]:
                continue
            node = topology.nodes[name]
            rate = (count - before[name][1]) / max(at - before[name][0], 1e-3)
            parts[node.service, node.centre].append((rate, topology.services[node.service].capacity_per_s))
        return [
            Used(
                "service",
                service,
                centre,
                sum(rate for rate, _ in rows) / sum(capacity for _, capacity in rows),
                max(rate / capacity for rate, capacity in rows),
                round(sum(rate for rate, _ in rows), 2),
            )
            for (service, centre), rows in parts.items()
        ]

    def _processes(self, before: dict[str, float], after: dict[str, float], elapsed: float) -> list[Used]:
        found = []
        for name in after.keys() & before.keys():
            kind = PROCESSES.get(name.partition("-")[0], "process")
            part = (after[name] - before[name]) / elapsed
            found.append(Used(kind, name, "", part, part))
        return found

    def _seconds(self) -> dict[str, float]:
        """Processor seconds of the cluster's processes; only those of this machine can be asked."""
        try:
            children = self._client.processes()["children"]
        except ClusterError:
            return {}
        seconds = {}
        for name, child in children.items():
            try:
                seconds[name] = sum(psutil.Process(child["pid"]).cpu_times()[:2]) if child["pid"] else 0.0
            except psutil.Error:
                continue
        return seconds

    async def _read(self) -> dict[str, tuple[float, int]]:
        """(when, requests so far) of every node that serves."""
        found: dict[str, tuple[float, int]] = {}
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(session: aiohttp.ClientSession, node: str) -> None:
            address, path = self._client.metrics_address(node)
            async with gate:
                try:
                    async with session.get(f"http://{address}{path}") as response:
                        match = _REQUESTS.search(await response.read())
                except (aiohttp.ClientError, TimeoutError):
                    return
            if match:
                found[node] = (time.monotonic(), int(match[1]))

        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
            await asyncio.gather(*(one(session, node) for node in self._client.topology.nodes))
        return found
