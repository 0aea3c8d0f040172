"""`python -m trading_sim status`: processes and nodes of a cluster as they answer now."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from trading_sim.client.cluster import ClusterClient
from trading_sim.client.errors import ClusterError, EndpointsMissing


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("status", help="what runs, and the state of the nodes")
    parser.add_argument("--state", required=True, type=Path)
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=status)


def collect_status(client: ClusterClient) -> dict:
    """Processes and centres; what does not answer is said as such, never left out."""
    try:
        report: dict = {"running": True, "processes": client.processes()["children"]}
    except ClusterError as error:
        report = {"running": False, "problem": str(error), "processes": {}}
        if isinstance(error, EndpointsMissing):
            return report | {"centres": {}}
    report["centres"] = {}
    for centre in client.endpoints["centres"]:
        try:
            report["centres"][centre] = client.centre_health(centre)
        except ClusterError as error:
            report["centres"][centre] = {"centre": centre, "unknown": str(error)}
    return report


def status(args: argparse.Namespace) -> int:
    report = collect_status(ClusterClient(args.state / "endpoints.json"))
    if args.json:
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
        return 0 if report["running"] else 1
    if not report["running"]:
        sys.stdout.write(report["problem"] + "\n")
        return 1
    for name, child in report["processes"].items():
        word = "paused" if child["paused"] else "running" if child["running"] else "down"
        sys.stdout.write(f"{name:16} {word:8} pid {child['pid'] or '-':>8}  restarts {child['restarts']}" + "\n")
    for centre, health in report["centres"].items():
        states = health.get("unknown") or ", ".join(f"{n} {state}" for state, n in health["states"].items())
        sys.stdout.write(f"{centre:16} {states}" + "\n")
    return 0
