"""`python -m trading_sim.cluster.centre_process`: the process of one data centre."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

import uvloop

from trading_sim.chain.links import SHARD_TIMEOUT_S, LinkState, Shards
from trading_sim.cluster.layout import HOST, Layout
from trading_sim.cluster.replicas import ReplicaNodes
from trading_sim.faults.catalogue import FaultError
from trading_sim.nodes.centre import Centre
from trading_sim.nodes.journal import JournalError
from trading_sim.nodes.server import serve
from trading_sim.protocol.topology_file import TopologyError, load
from trading_sim.shard.async_client import AsyncShardClient
from trading_sim.shard.attempts import ShardRejected, ShardUnavailable

log = logging.getLogger(__name__)


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The process of one data centre.")
    parser.add_argument("--centre", required=True)
    parser.add_argument("--state", required=True, type=Path)
    parser.add_argument("--base-port", required=True, type=int)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--cluster", type=Path, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without-shards", action="store_true", help="run nodes and hops only: no order is executed")
    return parser.parse_args(argv)


def shard_connector(layout: Layout, links: LinkState, rng) -> Shards:
    """Shards whose clients talk to the replicas of the layout, this machine's addresses."""

    def connect(shard: int, client_id: int) -> AsyncShardClient:
        addresses = [f"{HOST}:{layout.replica_ports(shard, centre)[0]}" for centre in layout.topology.centres]
        return AsyncShardClient(addresses, client_id, timeout_s=SHARD_TIMEOUT_S, shard=shard)

    return Shards(connect, ShardUnavailable, ShardRejected, links, rng)


async def run(args: argparse.Namespace, layout: Layout) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    peers = {centre: layout.url(layout.centre_port(centre)) for centre in layout.topology.centres}
    replicas = ReplicaNodes(layout, args.centre)
    real = not args.without_shards
    centre = Centre(
        layout.topology, args.centre, args.state, peers, seed=args.seed,
        connect_shards=(lambda links, rng: shard_connector(layout, links, rng)) if real else None,
        process_hook=replicas.hook if real else lambda node, what, seconds: None, replicas=replicas if real else None,
    )  # fmt: skip
    replicas.attach(centre.life)
    watching = asyncio.create_task(replicas.watch()) if real else None
    log.info("%s: %d nodes", args.centre, len(centre.nodes))
    try:
        await serve(centre, HOST, layout.centre_port(args.centre), stop)
    finally:
        if watching:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        topology = load(args.cluster, args.scale)
        if args.centre not in topology.centres:
            raise TopologyError(f"{args.centre!r} is not one of the centres {', '.join(topology.centres)}")
        uvloop.run(run(args, Layout(topology, args.state, args.base_port, args.cluster)))
    except (TopologyError, FaultError, JournalError, OSError) as error:
        sys.stderr.write(f"{args.centre} cannot run: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
