"""`python -m trading_sim bench [cluster]`: what a running cluster costs while all its metrics are read; `bench surveillance`: how good
the surveillance is (see surveillance/bench.py).

Processor time is read from the operating system for every process before and after, so other work on the machine does not
change the figures; the latencies of the metrics pages are wall clock and do depend on it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

import aiohttp
import numpy as np
import psutil

from trading_sim.client.cluster import ClusterClient
from trading_sim.client.errors import ClusterError

TIMEOUT_S = 5.0


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "bench", help="measure what a running cluster costs, or how good its surveillance is"
    )
    parser.add_argument("subject", nargs="?", choices=("cluster", "surveillance"), default="cluster")
    parser.add_argument("--state", type=Path, help="folder of the cluster's files (subject cluster)")
    parser.add_argument(
        "--seeds", help="subject surveillance: seeds as 1000-1011 or 1000,1004 (default: 12 unseen ones)"
    )
    parser.add_argument(
        "--live", type=float, metavar="SECONDS", help="subject surveillance: also play into a real shard, this long"
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="how long (default %(default)s)")
    parser.add_argument("--scrape-every", type=float, default=5.0, help="seconds between two reads of a node's metrics")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


async def _read_all(client: ClusterClient, seconds: float, every: float) -> tuple[list[float], int]:
    """Read every node's metrics once per `every` seconds, evenly spread; returns latencies in seconds and failures."""
    latencies: list[float] = []
    failures = 0
    end = time.monotonic() + seconds
    names = list(client.topology.nodes)

    async def one(session: aiohttp.ClientSession, node: str, delay: float) -> None:
        nonlocal failures
        address, path = client.metrics_address(node)
        await asyncio.sleep(delay)
        while time.monotonic() < end:
            begin = time.perf_counter()
            try:
                async with session.get(f"http://{address}{path}") as response:
                    await response.read()
                    failures += response.status != 200
            except (aiohttp.ClientError, TimeoutError):
                failures += 1
            latencies.append(time.perf_counter() - begin)
            await asyncio.sleep(every)

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
        await asyncio.gather(*(one(session, node, every * i / len(names)) for i, node in enumerate(names)))
    return latencies, failures


def _cpu(processes: dict[str, psutil.Process]) -> dict[str, float]:
    return {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}


def measure(client: ClusterClient, seconds: float, every: float) -> dict:
    """Processor shares in percent of one core, memory in MiB, rates per second. Raises ClusterError and, when a process
    ends meanwhile, psutil.NoSuchProcess."""
    children = {name: child["pid"] for name, child in client.processes()["children"].items() if child["pid"]}
    processes = {name: psutil.Process(pid) for name, pid in children.items()}
    processes["supervisor"] = psutil.Process(client.endpoints["supervisor_pid"])
    before, load_before, begin = _cpu(processes), _requests(client), time.monotonic()
    latencies, failures = asyncio.run(_read_all(client, seconds, every))
    elapsed, after, load_after = time.monotonic() - begin, _cpu(processes), _requests(client)
    share = {name: round((after[name] - before[name]) / elapsed * 100, 2) for name in processes}
    groups = {
        group: round(sum(value for name, value in share.items() if name.startswith(group)), 2)
        for group in ("centre", "shard", "load", "supervisor")
    }
    return {
        "seconds": round(elapsed, 1),
        "nodes": len(client.topology.nodes),
        "orders_per_s": round((load_after[0] - load_before[0]) / elapsed, 1),
        "requests_per_s": round((load_after[1] - load_before[1]) / elapsed, 1),
        "scrapes_per_s": round(len(latencies) / elapsed, 1),
        "scrape_failures": failures,
        "scrape_ms": {f"p{p}": round(float(np.percentile(latencies, p)) * 1e3, 2) for p in (50, 99)},
        "cpu_percent": groups | {"total": round(sum(share.values()), 2)},
        "cpu_percent_by_process": share,
        "memory_mib": {name: round(process.memory_info().rss / 2**20) for name, process in processes.items()},
    }


def _requests(client: ClusterClient) -> tuple[int, int]:
    """(orders, other requests) that the customers have had answered so far."""
    totals = {"orders": 0, "requests": 0}
    for chain, outcomes in client.load_status()["requests"].items():
        totals[client.topology.chains[chain].kind] += sum(outcomes.values())
    return totals["orders"], totals["requests"]


def run(args: argparse.Namespace) -> int:
    if args.subject == "surveillance":
        from trading_sim.surveillance import bench_command

        return bench_command.run(args.seeds, args.live, args.json)
    if args.state is None:
        sys.stderr.write("bench cluster needs --state: the folder of the cluster's files\n")
        return 2
    client = ClusterClient(args.state / "endpoints.json")
    try:
        report = measure(client, args.seconds, args.scrape_every)
    except ClusterError as error:
        sys.stderr.write(f"the cluster cannot be measured: {error}\n")
        return 2
    except psutil.NoSuchProcess as error:
        sys.stderr.write(f"a process of the cluster ended during the measurement: {error}\n")
        return 2
    sys.stdout.write((json.dumps(report) if args.json else _table(report)) + "\n")
    return 0


def _table(report: dict) -> str:
    cpu = report["cpu_percent"]
    return "\n".join(
        [
            f"{report['nodes']} nodes, {report['orders_per_s']} orders/s, {report['requests_per_s']} other requests/s, "
            f"{report['scrapes_per_s']} metrics pages/s ({report['scrape_failures']} failed)",
            f"processor, percent of one core: centres {cpu['centre']}, shards {cpu['shard']}, load {cpu['load']}, "
            f"supervisor {cpu['supervisor']}, total {cpu['total']}",
            f"metrics page: p50 {report['scrape_ms']['p50']} ms, p99 {report['scrape_ms']['p99']} ms",
        ]
    )
