"""`python -m trading_sim load --ramp`: how many orders a second a cluster, or one shard started for it, carries within its bounds.

Exit code 0: measured, and what is asked for is reached (or nothing is asked of a shard alone); 1: less than that; 2: it could not be
measured, or not far enough.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from trading_sim.client.cluster import ClusterClient
from trading_sim.client.errors import ClusterError
from trading_sim.load.bracket import Rules
from trading_sim.load.ramp_spool import Spool
from trading_sim.load.ramp_steps import Bounds, RampError, Target

POOL_ORDERS = 200_000
SHARD_START_PER_S = 2_000.0
SHARD_MOST_PER_S = 2_000_000.0
SHARD_ORDER_IDS = 12_000_000
SEED = 20_260_930


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of a ramp on the `load` command."""
    group = parser.add_argument_group("capacity (--ramp)")
    group.add_argument("--ramp", action="store_true", help="raise the rate step by step and find the knee")
    group.add_argument("--shard", action="store_true", help="measure one real shard, started for it, not a cluster")
    group.add_argument(
        "--from", dest="start", type=float, metavar="N", help="first rate, orders a second (declared peak)"
    )
    group.add_argument(
        "--most", type=float, metavar="N", help="never more orders a second (20 times the declared peak)"
    )
    group.add_argument("--factor", type=float, default=1.5, help="from one step to the next (default %(default)s)")
    group.add_argument(
        "--tolerance", type=float, default=0.05, help="how close the knee is found (default %(default)s)"
    )
    group.add_argument("--repeats", type=int, default=2, help="how often the knee must hold (default %(default)s)")
    group.add_argument(
        "--p99-ms", type=float, default=100.0, help="bound of orders' p99, from due to answered (%(default)s)"
    )
    group.add_argument(
        "--errors", type=float, default=0.005, help="part of requests that may fail (default %(default)s)"
    )
    group.add_argument(
        "--stop-errors", type=float, default=0.1, help="part at which a step is ended at once (default %(default)s)"
    )
    group.add_argument("--settle-s", type=float, default=10.0, help="seconds before a step is measured (%(default)s)")
    group.add_argument("--hold-s", type=float, default=15.0, help="seconds a step is measured (default %(default)s)")
    group.add_argument("--asked", type=float, default=3.0, help="times the historic peak that is asked (%(default)s)")
    group.add_argument("--chains", default="", metavar="A,B", help="only these chains (default: all together)")
    group.add_argument("--batch", type=int, default=16, help="orders in a request, with --shard (default %(default)s)")
    group.add_argument("--ports", type=int, default=25_900, metavar="N", help="six free ports from here, with --shard")
    group.add_argument("--owner", default="", help="name under which the level is held (default: this process)")
    group.add_argument("--spool", type=Path, metavar="DIR", help="folder for events, stop file and report")


def run(arguments: argparse.Namespace) -> int:
    """Carry out the ramp and print its report."""
    from trading_sim.load.ramp import ramp
    from trading_sim.load.ramp_text import as_text, machine

    spool = Spool(arguments.spool)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(spool, "asked_to_stop", "the ramp was told to end"))
    host = machine()
    try:
        with ExitStack() as stack:
            target, rules = _target(arguments, spool, stack)
            report = ramp(target, rules, _bounds(arguments), arguments.asked, spool.tell)
    except (RampError, ClusterError, ValueError, OSError) as error:
        spool.tell("broken-off", why=str(error))
        sys.stderr.write(f"the ramp cannot be carried out: {error}\n")
        return 2
    report["machine"] = host
    spool.keep(report)
    spool.tell("ended", outcome=report["outcome"], why=report["why"])
    sys.stdout.write(json.dumps(report) + "\n" if arguments.json else as_text(report))
    return exit_code(report)


def exit_code(report: dict[str, Any]) -> int:
    """0, 1 or 2 as the command's description says."""
    if report["outcome"] in ("broken-off", "none"):
        return 2
    if report["target"]["kind"] == "shard":
        return 0
    return {True: 0, False: 1, None: 2}[report["enough"]]


def _bounds(arguments: argparse.Namespace) -> Bounds:
    return Bounds(p99_ms=arguments.p99_ms, errors=arguments.errors, stop_errors=arguments.stop_errors)


def _rules(arguments: argparse.Namespace, start: float, most: float) -> Rules:
    return Rules(
        start=arguments.start or start,
        factor=arguments.factor,
        most=arguments.most or most,
        tolerance=arguments.tolerance,
        repeats=arguments.repeats,
    )


def _target(arguments: argparse.Namespace, spool: Spool, stack: ExitStack) -> tuple[Target, Rules]:
    if arguments.shard:
        return _shard(arguments, spool, stack)
    from trading_sim.load.ramp_cluster import ClusterTarget, Timing

    if arguments.state is None:
        raise RampError("--ramp needs --state DIR of a running cluster, or --shard")
    target = ClusterTarget(
        ClusterClient(arguments.state / "endpoints.json"),
        Timing(settle_s=arguments.settle_s, hold_s=arguments.hold_s),
        _bounds(arguments),
        arguments.owner or f"ramp {os.getpid()}",
        [name for name in arguments.chains.split(",") if name],
        spool.tell,
        spool.stop,
    )
    return target, _rules(arguments, target.declared_peak, 20 * target.declared_peak)


def _shard(arguments: argparse.Namespace, spool: Spool, stack: ExitStack) -> tuple[Target, Rules]:
    from trading_sim.load.ramp_shard import ShardTarget
    from trading_sim.load.shard_started import StartedShard, measured_config, order_pool

    if arguments.batch < 1:
        raise RampError(f"--batch must be at least 1, not {arguments.batch}")
    folder: AbstractContextManager[str] = tempfile.TemporaryDirectory(prefix="ramp-")
    config = measured_config(SHARD_ORDER_IDS)
    pool = order_pool(config, POOL_ORDERS, SEED)
    shard = stack.enter_context(StartedShard(Path(stack.enter_context(folder)), config, arguments.ports))
    target = ShardTarget(
        shard, pool, arguments.batch, arguments.settle_s, arguments.hold_s, _bounds(arguments), spool.tell, spool.stop
    )
    return target, _rules(arguments, SHARD_START_PER_S, SHARD_MOST_PER_S)
