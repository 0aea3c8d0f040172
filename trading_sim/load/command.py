"""`python -m trading_sim load`: what the customers do, and how much of it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from trading_sim.client.cluster import ClusterClient
from trading_sim.client.errors import ClusterError
from trading_sim.load import ramp_command, to_file


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """The `load` command."""
    parser = subparsers.add_parser("load", help="show or change the order flow", description=__doc__)
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="state folder of the cluster (not needed for --to-file and --ramp --shard)",
    )
    parser.add_argument("--rate-factor", type=float, metavar="F", help="multiply all rates (1 is the default flow)")
    pause = parser.add_mutually_exclusive_group()
    pause.add_argument("--pause", action="store_true", help="send nothing more")
    pause.add_argument("--resume", action="store_true", help="send again")
    parser.add_argument(
        "--surge", type=float, metavar="F", help="multiply all rates for --seconds, then return by itself"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the surge (default 60)")
    parser.add_argument(
        "--fx-shock",
        type=float,
        metavar="SIGMAS",
        help="let cross-border prices fall (SIGMAS below 0) or rise by so many standard deviations: halt, lock, widen for --seconds",
    )
    parser.add_argument("--json", action="store_true", help="the status as JSON")
    to_file.add_options(parser)
    ramp_command.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Change what is asked for, then show the status; 1 when the cluster does not answer or refuses."""
    if arguments.to_file is not None:
        return to_file.run(arguments)
    if arguments.ramp:
        return ramp_command.run(arguments)
    if arguments.state is None:
        sys.stderr.write(
            "load: --state names the cluster's state folder and is needed without --to-file (see --help)\n"
        )
        return 2
    client = ClusterClient(arguments.state / "endpoints.json")
    try:
        settings: dict[str, Any] = {}
        if arguments.rate_factor is not None:
            settings["rate_factor"] = arguments.rate_factor
        if arguments.pause or arguments.resume:
            settings["paused"] = arguments.pause
        if settings:
            client.set_load(**settings)
        if arguments.surge is not None:
            surge = {
                "kind": "surge",
                "params": {"factor": arguments.surge},
                "lease_s": arguments.seconds,
                "owner": "command line",
            }
            client.load_fault(surge)
        if arguments.fx_shock is not None:
            direction = -1 if arguments.fx_shock < 0 else 1
            params = {"sigmas": abs(arguments.fx_shock), "direction": direction}
            owner = {"lease_s": arguments.seconds, "owner": "command line"}
            client.load_fault({"kind": "fx-shock", "params": params, **owner})
        status = client.load_status()
    except ClusterError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(status, indent=1) + "\n" if arguments.json else as_text(status))
    return 0


def as_text(status: dict[str, Any]) -> str:
    """The status for people."""
    session, settings = status["session"], status["settings"]
    flow = "paused" if settings["paused"] else f"rate factor {settings['rate_factor']:g}"
    lines = [
        f"day {session['day']}, {session['market_time']} {session['phase_name']} ({flow}, {len(status['surges'])} surges)",
        f"{status['offered_orders_per_s']:.1f} orders a second due, {status['trades']:,} trades, {status['open_orders']:,} open orders",
        f"lost {status['lost']}, executed twice {status['duplicates']}, {status['audits']:,} accounts audited, {status['pending']} requests open",
    ]
    for chain, outcomes in status["requests"].items():
        lines.append(f"  {chain:22} " + ", ".join(f"{outcome} {count:,}" for outcome, count in outcomes.items()))
    return "\n".join(lines) + "\n"
