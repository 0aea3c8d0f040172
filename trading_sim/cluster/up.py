"""`python -m trading_sim up`: start a cluster, in the foreground or behind."""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import time
from pathlib import Path

from trading_sim.client.cluster import ClusterClient
from trading_sim.client.errors import EndpointsMissing
from trading_sim.protocol.topology_file import TopologyError, load

DEFAULT_BASE_PORT = 8610
UP_TIMEOUT_S = 90.0


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("up", help="start a cluster")
    parser.add_argument("--state", required=True, type=Path, help="folder of the cluster's files")
    parser.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT, help="first port (default %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the node counts (default 1)")
    parser.add_argument("--cluster", type=Path, default=None, help="cluster file (default: the bundled one)")
    parser.add_argument("--foreground", action="store_true", help="stay, and stop the cluster with Ctrl-C")
    parser.set_defaults(run=up)


def _fail(text: str) -> int:
    sys.stderr.write(text + "\n")
    return 2


def up(args: argparse.Namespace) -> int:
    try:
        topology = load(args.cluster, args.scale)
    except TopologyError as error:
        return _fail(f"the cluster cannot be started: {error}")
    state = args.state.resolve()
    if not args.foreground:
        return _up_in_background(args, state)
    import uvloop

    from trading_sim.cluster.layout import Layout
    from trading_sim.cluster.programs import all_programs, write_shard_configs
    from trading_sim.cluster.supervisor import UpError, supervise

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    layout = Layout(topology, state, args.base_port, args.cluster)
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_shard_configs(layout)
        uvloop.run(supervise(layout, all_programs(layout)))
    except (UpError, OSError) as error:
        return _fail(f"the cluster cannot be started: {error}")
    return 0


def _up_in_background(args: argparse.Namespace, state: Path) -> int:
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    log_file = state / "supervisor.log"
    argv = [sys.executable, "-m", "trading_sim", "up", "--foreground", "--state", str(state)]
    argv += ["--base-port", str(args.base_port), "--scale", str(args.scale)]
    argv += ["--cluster", str(args.cluster.resolve())] if args.cluster else []
    with log_file.open("ab") as output:
        begin = output.tell()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    deadline = time.monotonic() + UP_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = log_file.read_bytes()[begin:].decode(errors="replace").strip().splitlines()
            return _fail(said[-1] if said else f"the supervisor ended with {process.returncode}; see {log_file}")
        if _ready(state, process.pid):
            sys.stdout.write(f"the cluster is up; addresses in {state / 'endpoints.json'}\n")
            return 0
        time.sleep(0.2)
    return _fail(f"the cluster did not come up within {UP_TIMEOUT_S:.0f} s; see {log_file}")


def _ready(state: Path, pid: int) -> bool:
    try:
        return ClusterClient(state / "endpoints.json").endpoints.get("supervisor_pid") == pid
    except EndpointsMissing:
        return False
