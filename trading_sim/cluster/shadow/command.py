"""`python -m trading_sim replay --journal DIR`: a shadow run.

Replays the journal of a replica, also of one that runs, into another version of the shard, and compares events, refusals, parties and
state hashes byte by byte. Exit code 0: identical; 1: different; 2: cannot be judged.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from trading_sim.cluster.shadow.run import exit_code, shadow_run


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """`replay` as it is with --journal."""
    parser = subparsers.add_parser("replay", help="replay a journal into another version", description=__doc__)
    parser.add_argument("--journal", required=True, type=Path, metavar="DIR", help="folder of a replica")
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="configuration of its shard (JSON)")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--package", type=Path, metavar="FILE", help="release package of the matching service")
    other.add_argument(
        "--against", metavar="DIR", help="top folder of another version of this program, or the word twin"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report (JSON) here as well")
    parser.add_argument("--json", action="store_true", help="the report as JSON on standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry out the shadow run; returns the exit code."""
    report = shadow_run(arguments.journal, arguments.config, package=arguments.package, against=arguments.against)
    if arguments.report is not None:
        beside = arguments.report.with_name(arguments.report.name + ".tmp")
        beside.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        beside.replace(arguments.report)
    text = json.dumps(report) if arguments.json else report["text"]
    (sys.stderr if report["same"] is None and not arguments.json else sys.stdout).write(text + "\n")
    return exit_code(report)
