"""Experiments on a real small cluster: held, deviated, unknown, stopped twice, and a runner that is killed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chaos.chaostrading import actions, probes
from tests.polling import eventually
from trading_sim.client import ClusterClient

MARGIN_S = 45.0


def probe(name: str, function: str, tolerance: Any, **arguments: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": "chaos.chaostrading.probes", "func": function, "arguments": arguments}
    return {"type": "probe", "name": name, "tolerance": tolerance, "provider": provider}


def action(name: str, function: str, after_s: float = 0, **arguments: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": "chaos.chaostrading.actions", "func": function, "arguments": arguments}
    return {"type": "action", "name": name, "provider": provider, "pauses": {"after": after_s}}


def at_least(least: float) -> dict[str, Any]:
    return {"type": "range", "range": [least, 1.0]}


SERVED = probe("Customers are served", "client_success", at_least(0.5), over_s=5)
KILL_ALL = {"kind": "kill", "service": "quote-push", "centre": "SZ-A", "fraction": 1.0}


def experiment(folder: Path, method: list[dict[str, Any]], hypothesis: list[dict[str, Any]]) -> Path:
    """An experiment file in the product's own format."""
    declared = {
        "name": "seeops",
        "families": ["process"],
        "targets": {"services": ["quote-push"], "centres": ["SZ-A", "SZ-B", "WH-A"], "shards": [0]},
        "max_nodes": 50,
        "about_s": 10,
        "expects": {"alerts": [], "recovery_s": 30, "lost_orders": 0, "success_threshold": 0.5},
    }
    body = {
        "version": "1.0.0",
        "title": "An experiment of the tests",
        "description": "Hits one service of one centre.",
        "extensions": [declared],
        "steady-state-hypothesis": {"title": "Well", "probes": hypothesis},
        "method": method,
        "rollbacks": [action("Remove everything", "clear_faults")],
    }
    path = folder / "experiment.json"
    path.write_text(json.dumps(body))
    return path


def runner(endpoints: Path, file: Path, owner: str, spool: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "chaos.runner", "--experiment", str(file), "--owner", owner]
    spool.mkdir(exist_ok=True)
    with (spool / "runner.log").open("wb") as log:
        return subprocess.Popen(
            [*command, "--endpoints", str(endpoints), "--spool", str(spool)], stdout=log, stderr=log
        )


def finished(endpoints: Path, file: Path, spool: Path) -> dict[str, Any]:
    with runner(endpoints, file, spool.name, spool) as process:
        process.wait(110)
    assert (spool / "result.json").exists(), (spool / "runner.log").read_text()
    return json.loads((spool / "result.json").read_text())


def owned(endpoints: Path, owner: str) -> list[dict[str, Any]]:
    return [fault for fault in ClusterClient(endpoints).faults("SZ-A") if fault["owner"] == owner]


def injected(spool: Path) -> bool:
    events = spool / "events.jsonl"
    return events.exists() and '"kind": "action", "name": "Kill' in events.read_text()


def test_what_redundancy_carries_is_held_and_leaves_nothing_behind(cluster: Path, tmp_path: Path) -> None:
    agree = probe("Replicas agree", "replicas_disagreeing", 0)
    leaders = probe("Every shard has a leader", "leaderless_shards", 0)
    fault = {"kind": "clock_jump", "shard": 0, "params": {"offset_ms": 3_600_000}}
    method = [action("Let a clock jump", "inject_replica_fault", 5, lease_s=30, **fault)]
    spool = tmp_path / "held"
    result = finished(cluster, experiment(tmp_path, method, [SERVED, leaders, agree]), spool)
    assert result["verdict"] == {"outcome": "held", "why": "", "undo_ok": True, "restored": True}
    assert result["recovery"]["lost_orders"] == 0
    assert hashlib.sha256((spool / "journal.json").read_bytes()).hexdigest() == result["journal_sha256"]
    journal = json.loads((spool / "journal.json").read_text())
    assert "configuration" not in journal["experiment"]
    assert all(not ClusterClient(cluster).shard_faults(0, centre)["faults"] for centre in ("SZ-A", "SZ-B", "WH-A"))


def test_more_than_redundancy_carries_deviates_and_recovers(cluster: Path, tmp_path: Path) -> None:
    # Of one centre the others would take over.
    method = [
        action(
            f"Kill all quote push of {centre}",
            "inject_node_fault",
            after_s,
            lease_s=60,
            **{**KILL_ALL, "centre": centre},
        )
        for centre, after_s in (("SZ-A", 0), ("SZ-B", 0), ("WH-A", 9))
    ]
    served = probe("Quotes are pushed", "client_success", at_least(0.7), chain="quote-push", over_s=4)
    result = finished(cluster, experiment(tmp_path, method, [served]), tmp_path / "deviated")
    assert result["verdict"]["outcome"] == "deviated"
    assert "Quotes are pushed: 0." in result["verdict"]["why"]
    assert (result["verdict"]["undo_ok"], result["verdict"]["restored"]) == (True, True)
    assert result["recovery"]["failed_requests"] > 0


def test_a_probe_without_data_is_no_pass(cluster: Path, tmp_path: Path) -> None:
    method = [action("Kill a node", "inject_node_fault", 1, lease_s=20, **KILL_ALL)]
    silent = probe("A chain that nobody uses", "client_success", at_least(0.5), chain="no-such-chain")
    result = finished(cluster, experiment(tmp_path, method, [silent]), tmp_path / "no-data")
    assert result["verdict"]["outcome"] == "invalid-gate"
    assert "too little" in result["verdict"]["why"]
    assert result["verdict"]["restored"] is None
    assert result["injected_at"] is None


def test_a_run_that_is_stopped_twice_clears_its_faults(cluster: Path, tmp_path: Path) -> None:
    method = [action("Kill all quote push of SZ-A", "inject_node_fault", 90, lease_s=120, **KILL_ALL)]
    spool = tmp_path / "stopped"
    with runner(cluster, experiment(tmp_path, method, [probe("Any", "lost_orders", 0)]), "stopped", spool) as process:
        eventually(lambda: injected(spool), "the fault is injected", MARGIN_S)
        assert owned(cluster, "stopped")
        (spool / "stop").write_text("once")
        eventually(lambda: '"rolling-back"' in (spool / "events.jsonl").read_text(), "it rolls back", MARGIN_S)
        (spool / "stop").write_text("twice")
        process.wait(60)
    result = json.loads((spool / "result.json").read_text())
    assert (result["verdict"]["outcome"], result["verdict"]["undo_ok"]) == ("halted", True)
    assert not owned(cluster, "stopped")


def test_faults_of_a_killed_runner_end_by_themselves(cluster: Path, tmp_path: Path) -> None:
    method = [action("Kill all quote push of SZ-A", "inject_node_fault", 90, lease_s=4, **KILL_ALL)]
    spool = tmp_path / "killed"
    with runner(cluster, experiment(tmp_path, method, [probe("Any", "lost_orders", 0)]), "killed", spool) as process:
        eventually(lambda: injected(spool), "the fault is injected", MARGIN_S)
        process.kill()
    assert not (spool / "result.json").exists()
    eventually(lambda: not owned(cluster, "killed"), "the killed run's faults end", MARGIN_S)


def test_what_a_killed_runner_left_can_be_cleared_again_and_again(cluster: Path) -> None:
    configuration = {"owner": "left-behind", "endpoints": str(cluster)}
    found = actions.inject_node_fault(lease_s=300, configuration=configuration, **KILL_ALL)
    assert found["nodes"]
    paused = actions.pause_shard_primary(1, lease_s=300, configuration=configuration)
    assert len(actions.clear_faults(configuration=configuration)["removed"]) == 1
    assert actions.clear_faults(configuration=configuration)["removed"] == []
    children = ClusterClient(cluster).processes()["children"]
    assert children[paused["where"]]["paused"] is False


@pytest.mark.parametrize(
    ("statuses", "answer"),
    [
        ([], None),
        ([(5, "a", 1, "x"), (6, "b", 2, "y")], None),
        ([(5, "a", 1, "x"), (5, "a", 2, "y")], True),
        ([(5, "a", 1, "x"), (6, "b", 1, "x")], True),
        ([(5, "a", 1, "x"), (5, "b", 1, "x")], False),
        ([(5, "a", 1, "x"), (6, "b", 1, "z")], False),
    ],
)
def test_replicas_are_compared_only_after_the_same_commands(
    statuses: list[tuple[int, str, int, str]], answer: bool | None
) -> None:
    rows = [
        {"state_index": applied, "state_hash": own, "checkpoint": {"index": index, "hash": at}, "hash_mismatches": {}}
        for applied, own, index, at in statuses
    ]
    assert probes.agreement(rows) is answer
    if rows:
        assert probes.agreement([{**rows[0], "hash_mismatches": {"SZ-B": 1}}, *rows[1:]]) is False
