"""`python -m trading_sim down`: stop a cluster and wait until it is gone."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import psutil

from trading_sim.client.cluster import ClusterClient
from trading_sim.client.errors import ClusterError, EndpointsMissing
from trading_sim.client.http import call

DOWN_TIMEOUT_S = 30.0


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("down", help="stop a cluster")
    parser.add_argument("--state", required=True, type=Path)
    parser.set_defaults(run=down)


def _fail(text: str) -> int:
    sys.stderr.write(text + "\n")
    return 2


def down(args: argparse.Namespace) -> int:
    client = ClusterClient(args.state / "endpoints.json")
    try:
        pid = client.endpoints["supervisor_pid"]
        call("POST", f"{client.endpoints['control']}/shutdown")
    except EndpointsMissing:
        sys.stdout.write(f"no cluster runs in {args.state}" + "\n")
        return 0
    except ClusterError as error:
        return _fail(f"the cluster does not answer: {error}")
    deadline = time.monotonic() + DOWN_TIMEOUT_S
    while Path(f"/proc/{pid}").exists() and _running(pid):
        if time.monotonic() > deadline:
            return _fail(f"the supervisor (process {pid}) did not end within {DOWN_TIMEOUT_S:.0f} s")
        time.sleep(0.1)
    sys.stdout.write("the cluster is down" + "\n")
    return 0


def _running(pid: int) -> bool:
    """False also for a process that has ended and only waits to be collected."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
