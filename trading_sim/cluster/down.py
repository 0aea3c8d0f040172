"""`python -m trading_sim down`: stop a cluster and wait until it is gone."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from trading_sim.client.errors import ClusterError
from trading_sim.client.http import call
from trading_sim.cluster.layout import lock_holder

DOWN_TIMEOUT_S = 30.0


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("down", help="stop a cluster")
    parser.add_argument("--state", required=True, type=Path)
    parser.set_defaults(run=down)


def down(args: argparse.Namespace) -> int:
    holder = lock_holder(args.state)
    if holder is None:
        sys.stdout.write(f"no cluster runs in {args.state}\n")
        return 0
    try:
        call("POST", f"{holder['control']}/shutdown")
    except ClusterError:  # still starting, or too busy to answer: the signal asks for the same
        os.kill(holder["pid"], signal.SIGTERM)
    deadline = time.monotonic() + DOWN_TIMEOUT_S
    while lock_holder(args.state):
        if time.monotonic() > deadline:
            sys.stderr.write(f"the supervisor (process {holder['pid']}) did not end within {DOWN_TIMEOUT_S:.0f} s\n")
            return 2
        time.sleep(0.1)
    sys.stdout.write("the cluster is down\n")
    return 0
