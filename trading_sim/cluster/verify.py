"""`python -m trading_sim verify --state DIR`: was every acknowledged order kept, executed once, and every balance conserved?

Works from files: the replicas' journals and snapshots and the customers' history. Of a running cluster it also
takes the state hashes that the replicas report. Exit code 0: everything holds; 1: something is contradicted; 2: it cannot be judged.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trading_sim.client.cluster import ClusterClient
from trading_sim.client.errors import ClusterError
from trading_sim.cluster.verification.accounted import Told, account_for, check_counts, read_told
from trading_sim.cluster.verification.copies import copy_folder
from trading_sim.cluster.verification.findings import Findings, Unverifiable
from trading_sim.cluster.verification.journals import agreed_log, read_replica
from trading_sim.cluster.verification.replayed import Probe, replay, snapshot_probes
from trading_sim.load.client_book import BookState, read_book
from trading_sim.load.history import HistoryError, segment_paths
from trading_sim.market.accounts import customers_of
from trading_sim.shard.config import ShardConfig, ShardConfigError


@dataclass(frozen=True)
class History:
    """The customers' history at one moment."""

    book: BookState
    told: dict[int, Told]
    first: dict[int, int]


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """The `verify` command."""
    parser = subparsers.add_parser("verify", help="check a finished or running run", description=__doc__)
    parser.add_argument("--state", required=True, type=Path, metavar="DIR", help="state folder of the cluster")
    parser.add_argument("--json", action="store_true", help="the whole report as JSON on standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Verify and print; returns the exit code."""
    try:
        report = verify(arguments.state, _progress if sys.stderr.isatty() else lambda done, total: None)
    except (Unverifiable, ShardConfigError, HistoryError, OSError) as error:
        if arguments.json:
            sys.stdout.write(json.dumps({"ok": None, "error": str(error)}) + "\n")
        sys.stderr.write(f"cannot be verified: {error}\n")
        return 2
    sys.stdout.write(json.dumps(report, indent=1) + "\n" if arguments.json else as_text(report))
    return 0 if report["ok"] else 1


def _progress(done: int, total: int) -> None:
    sys.stderr.write(f"\rreplayed {done:,} of {total:,} entries ")


def verify(state: Path, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """The report {"ok", "history", "shards": [...]}; raises Unverifiable, ShardConfigError, HistoryError, OSError.

    Of a running cluster the history is read before and after the journals: what was acknowledged before must be in them, what is in them must
    have been sent before the second reading.
    """
    configs = [
        ShardConfig.from_json(path.read_text(encoding="utf-8")) for path in sorted(state.glob("shards/shard-*.json"))
    ]
    if not configs:
        raise Unverifiable(f"{state} holds no shards/shard-*.json: give the state folder of a cluster")
    before = _read_history(state, configs)
    probes = {config.shard: _live_probes(state, config.shard) for config in configs}
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        copies = {config.shard: _copy_replicas(state, config.shard, Path(folder)) for config in configs}
        after = _read_history(state, configs)
        shards = [
            verify_shard(config, copies[config.shard], probes[config.shard], before, after, progress)
            for config in configs
        ]
    return {
        "ok": all(findings.ok for findings in shards) and not after.book.lost and not after.book.duplicates,
        "history": {
            "operations": len(after.told),
            "pending": len(after.book.pending),
            "lost_online": after.book.lost,
            "duplicates_online": after.book.duplicates,
        },
        "shards": [findings.as_dict() for findings in shards],
    }


def verify_shard(
    config: ShardConfig,
    directories: dict[str, Path],
    probes: list[Probe],
    before: History,
    after: History,
    progress: Callable[[int, int], None],
) -> Findings:
    """All checks of one shard."""
    findings = Findings(config.shard)
    replicas = [read_replica(name, path, findings) for name, path in directories.items() if path.is_dir()]
    entries = agreed_log(replicas, len(directories), findings)
    for replica in replicas:
        probes = probes + snapshot_probes(config, replica.name, replica.snapshots, findings)
    snapshots = [snapshot for replica in replicas for snapshot in replica.snapshots]
    result = replay(config, entries, snapshots, probes, findings, progress)
    account_for(before.told.values(), after.told.values(), after.first, after.book.base_client, result, findings)
    check_counts(before.book, after.book, result, findings)
    machine = result.state.machine
    findings.facts = {
        "replicas": {replica.name: replica.last for replica in replicas},
        "entries": len(entries),
        "from_entry": result.base.index + 1,
        "to_entry": result.state.index,
        "orders": machine.last_order_id,
        "commands": machine.last_seq,
        "day": machine.day,
        "state_hash": f"{result.state.state_hash():016x}",
        "cash_fen": machine.conservation().cash_total,
        "fees_fen": machine.conservation().fees,
    }
    return findings


def _read_history(state: Path, configs: list[ShardConfig]) -> History:
    paths = segment_paths(state / "load" / "history")
    if not paths:
        raise Unverifiable(f"{state} holds no load/history: nobody knows what customers were told")
    accounts = max(customers_of(config.accounts) for config in configs)
    told, first = read_told(paths)
    return History(read_book(paths, len(configs), accounts), told, first)


def _copy_replicas(state: Path, shard: int, folder: Path) -> dict[str, Path]:
    """Copies of the replicas' folders, since a running replica writes and removes files. Raises Unverifiable."""
    sources = sorted(path for path in state.glob(f"shards/shard-{shard}-*") if path.is_dir())
    if not sources:
        raise Unverifiable(f"{state} holds no replica folder of shard {shard}")
    return {
        source.name.removeprefix(f"shard-{shard}-"): copy_folder(source, folder / source.name) for source in sources
    }


def _live_probes(state: Path, shard: int) -> list[Probe]:
    """State hashes that running replicas report; none of a cluster that is down, and of replicas that do not answer."""
    if not (state / "endpoints.json").exists():
        return []
    client = ClusterClient(state / "endpoints.json", timeout_s=2.0)
    probes = []
    for centre in client.shards().get(str(shard), {}):
        try:
            status = client.shard_status(shard, centre)
        except ClusterError:
            continue
        probes.append(Probe(f"{centre} now", status["state_index"], int(status["state_hash"], 16)))
        if status["checkpoint"]["index"]:
            probes.append(
                Probe(f"{centre}'s checkpoint", status["checkpoint"]["index"], int(status["checkpoint"]["hash"], 16))
            )
    return probes


def as_text(report: dict[str, Any]) -> str:
    """The report for people."""
    lines = []
    for shard in report["shards"]:
        lines.append(
            f"shard {shard['shard']}: entries {shard['from_entry']:,} to {shard['to_entry']:,}, {shard['orders']:,} orders, "
            f"day {shard['day']}, state {shard['state_hash']}"
        )
        for check in shard["checks"]:
            word = "ok  " if check["ok"] else "FAIL"
            lines.append(f"  {word} {check['text']} ({check['checked']:,} checked)")
            lines += [f"         {problem}" for problem in check["problems"]]
            if check["problems_total"] > len(check["problems"]):
                lines.append(f"         … {check['problems_total'] - len(check['problems']):,} more")
    history = report["history"]
    lines.append(
        f"customers: {history['operations']:,} requests in the history, {history['pending']} open, "
        f"{history['lost_online']} orders lost and {history['duplicates_online']} executed twice by their own audit"
    )
    lines.append("everything holds" if report["ok"] else "THE RUN IS CONTRADICTED")
    return "\n".join(lines) + "\n"
