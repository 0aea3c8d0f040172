"""Every alert fires on what it is for and stays silent on what is well, by promtool; and each has its runbook."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from seeops.alerts.payload import SEVERITIES
from seeops.bootstrap import tools
from seeops.monitoring import files

RULES = files.FOLDER / "prometheus" / "rules"
ALERTS = RULES / "alerts.yml"
GROUPS = yaml.safe_load(ALERTS.read_text())["groups"]
DEFINED = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}
NODE = '{node="n-1",service="auth",centre="SZ-A"}'
SERVICE = '{service="auth",centre="SZ-A",domain="common"}'

# alert: (series that must make it fire, series that must not). Values in promtool's notation, one every 10 s.
CASES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "NodeDown": (
        {f"trading_up{NODE}": "0x60", f"trading_drained{NODE}": "0x60"},
        {f"trading_up{NODE}": "0x60", f"trading_drained{NODE}": "1x60"},
    ),
    "NodeNotScraped": ({'up{job="node",node="n-1"}': "0x60"}, {'up{job="node",node="n-1"}': "1x60"}),
    "MemoryGrowing": (
        {f"trading_memory_bytes{NODE}": "500000000+31457280x60", f"trading_process_start_time_seconds{NODE}": "0x60"},
        {f"trading_memory_bytes{NODE}": "500000000+1000x60", f"trading_process_start_time_seconds{NODE}": "0x60"},
    ),
    "ServiceErrors": (
        {f"service_centre:trading_error_ratio:rate1m{SERVICE}": "0.02x60", f"service_centre:trading_requests:rate1m{SERVICE}": "5x60"},
        {f"service_centre:trading_error_ratio:rate1m{SERVICE}": "0.02x60", f"service_centre:trading_requests:rate1m{SERVICE}": "0.1x60"},
    ),
    "ServiceErrorsMany": (
        {f"service_centre:trading_error_ratio:rate1m{SERVICE}": "0.3x60", f"service_centre:trading_requests:rate1m{SERVICE}": "5x60"},
        {f"service_centre:trading_error_ratio:rate1m{SERVICE}": "0.02x60", f"service_centre:trading_requests:rate1m{SERVICE}": "5x60"},
    ),
    "ServiceSlow": (
        {
            'service:trading_request_duration_seconds:p99_1m{service="auth"}': "0.05x60",
            'service:trading_request_duration_seconds:p99_baseline{service="auth"}': "0.01x60",
            'service:trading_requests:rate1m{service="auth"}': "5x60",
        },
        {
            'service:trading_request_duration_seconds:p99_1m{service="auth"}': "0.05x60",
            'service:trading_requests:rate1m{service="auth"}': "5x60",
        },
    ),
    "RedundancyLost": (
        {f"service_centre:trading_nodes_serving:sum{SERVICE}": "5x60", 'seeops_redundancy_needed{service="auth",centre="SZ-A"}': "10x60"},
        {f"service_centre:trading_nodes_serving:sum{SERVICE}": "10x60", 'seeops_redundancy_needed{service="auth",centre="SZ-A"}': "10x60"},
    ),
    "VersionSkew": (
        {'service_version:trading_nodes:count{service="auth",version="1"}': "5x300", 'service_version:trading_nodes:count{service="auth",version="2"}': "5x300"},
        {'service_version:trading_nodes:count{service="auth",version="1"}': "5x300"},
    ),
    "ChainFailing": (
        {'chain:trading_client_error_ratio:rate1m{chain="login"}': "0.05x60", 'chain:trading_client_requests:rate1m{chain="login"}': "9x60"},
        {'chain:trading_client_error_ratio:rate1m{chain="login"}': "0.001x60", 'chain:trading_client_requests:rate1m{chain="login"}': "9x60"},
    ),
    "ChainBudgetBurning": (
        {'chain:slo_error_ratio:rate5m{chain="login"}': "0.02x60", 'chain:slo_error_ratio:rate1h{chain="login"}': "0.02x60"},
        {'chain:slo_error_ratio:rate5m{chain="login"}': "0.02x60", 'chain:slo_error_ratio:rate1h{chain="login"}': "0.001x60"},
    ),
    "ChainSlow": (
        {
            'chain:trading_chain_duration_seconds:p99_1m{chain="login"}': "0.05x60",
            'chain:trading_chain_duration_seconds:p99_baseline{chain="login"}': "0.01x60",
            'chain:trading_chain_requests:rate1m{chain="login"}': "5x60",
        },
        {
            'chain:trading_chain_duration_seconds:p99_1m{chain="login"}': "0.05x60",
            'chain:trading_chain_duration_seconds:p99_baseline{chain="login"}': "0.04x60",
            'chain:trading_chain_requests:rate1m{chain="login"}': "5x60",
        },
    ),
    "OrdersLost": ({"business:trading_client_lost:increase5m": "1x60"}, {"business:trading_client_lost:increase5m": "0x60"}),
    "OrdersDuplicated": (
        {"business:trading_client_duplicate:increase5m": "1x60"},
        {"business:trading_client_duplicate:increase5m": "0x60"},
    ),
    "ShardWithoutLeader": (
        {'shard:trading_shard_replicas_up:sum{shard="0"}': "0x60"},
        {'shard:trading_shard_leaders:sum{shard="0"}': "1x60", 'shard:trading_shard_replicas_up:sum{shard="0"}': "3x60"},
    ),
    "ShardTwoLeaders": ({'shard:trading_shard_leaders:sum{shard="0"}': "2x60"}, {'shard:trading_shard_leaders:sum{shard="0"}': "1x60"}),
    "ShardReplicaDown": (
        {'up{job="shard",shard="0",centre="WH-A"}': "0x60"},
        {'up{job="shard",shard="0",centre="WH-A"}': "1x60"},
    ),
    "ShardReplicationLag": (
        {'trading_shard_replication_lag_entries{shard="0",peer="WH-A"}': "900x60"},
        {'trading_shard_replication_lag_entries{shard="0",peer="WH-A"}': "3x60"},
    ),
    "ShardDiskSlow": (
        {
            'trading_shard_fsync_seconds_sum{shard="0",centre="WH-A"}': "0+2x60",
            'trading_shard_fsync_seconds_count{shard="0",centre="WH-A"}': "0+10x60",
        },
        {
            'trading_shard_fsync_seconds_sum{shard="0",centre="WH-A"}': "0+0.02x60",
            'trading_shard_fsync_seconds_count{shard="0",centre="WH-A"}': "0+10x60",
        },
    ),
    "ShardStateDiffers": (
        {'trading_shard_state_hash_mismatch_total{shard="0",centre="WH-A"}': "1x60"},
        {'trading_shard_state_hash_mismatch_total{shard="0",centre="WH-A"}': "0x60"},
    ),
    "InspectionMissing": ({"seeops_inspection_missing": "1x60"}, {"seeops_inspection_missing": "0x60"}),
    "InspectionBad": (
        {'seeops_inspection_findings{severity="bad"}': "3x60"},
        {'seeops_inspection_findings{severity="bad"}': "0x60", 'seeops_inspection_findings{severity="attention"}': "9x60"},
    ),
    "SurveillanceWatch": (
        {'trading_surveillance_open_cases{pattern="wash",step="watch"}': "1x60"},
        {'trading_surveillance_open_cases{pattern="wash",step="watch"}': "0x60"},
    ),
    "SurveillanceWarn": (
        {'trading_surveillance_open_cases{pattern="wash",step="warn"}': "1x60"},
        {'trading_surveillance_open_cases{pattern="unwatched",step="warn"}': "1x60"},
    ),
    "SurveillanceAct": (
        {'trading_surveillance_open_cases{pattern="wash",step="act"}': "1x60"},
        {'trading_surveillance_open_cases{pattern="wash",step="act"}': "0x60"},
    ),
    "SurveillanceBlind": (
        {'trading_surveillance_watching{shard="0"}': "0x60"},
        {'trading_surveillance_watching{shard="0"}': "1x60", 'trading_surveillance_lag_seconds{shard="0"}': "0.2x60"},
    ),
    "SurveillanceMissed": (
        {'trading_surveillance_open_cases{pattern="unwatched",step="warn"}': "1x60"},
        {'trading_surveillance_open_cases{pattern="unwatched",step="warn"}': "0x60"},
    ),
    "CentreDown": ({'up{job="centre",centre="SZ-A"}': "0x60"}, {'up{job="centre",centre="SZ-A"}': "1x60"}),
    "TargetDown": ({'up{job="load",instance="load"}': "0x60"}, {'up{job="load",instance="load"}': "1x60"}),
    "TargetsMissing": (
        {'up{job="node"}': "1x60"},
        {f'up{{job="{job}"}}': "1x60" for job in ("node", "centre", "load", "shard")},
    ),
    "ScrapeCoverageLow": ({'job:up:ratio{job="node"}': "0.5x60"}, {'job:up:ratio{job="node"}': "0.99x60"}),
    "BreakGlass": (
        {'seeops_break_glass_in_force{ticket="CHG-00001",incident="INC-1"}': "1x60"},
        {"seeops_nodes": "1x60"},
    ),
    "RulesFailing": (
        {"prometheus_rule_evaluation_failures_total": "0+1x60"},
        {"prometheus_rule_evaluation_failures_total": "3x60"},
    ),
}  # fmt: skip


def case(alert: str, series: dict[str, str], *, fires: bool) -> dict:
    expr = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) > bool 0 or vector(0)'
    return {
        "name": f"{alert} {'fires' if fires else 'stays silent'}",
        "interval": "10s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": expr,
                "eval_time": "35m" if alert == "VersionSkew" else "9m",
                "exp_samples": [{"labels": "{}", "value": int(fires)}],
            }
        ],
    }


def alone(alert: str, tests: list[dict[str, Any]], folder: Path) -> Path:
    """A file of promtool's tests for one alert, which is evaluated as it is defined, in its group, without its 40 neighbours."""
    (group,) = [group for group in GROUPS if any(rule["alert"] == alert for rule in group["rules"])]
    rules, file = folder / f"{alert}.rules.yml", folder / f"{alert}.test.yml"
    rules.write_text(yaml.safe_dump({"groups": [{**group, "rules": [DEFINED[alert]]}]}))
    file.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "10s", "tests": tests}))
    return file


def test_every_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    tests = {
        alert: [case(alert, bad, fires=True), case(alert, good, fires=False)] for alert, (bad, good) in CASES.items()
    }
    tests["Watchdog"] = [case("Watchdog", {}, fires=True)]
    wanted = [alone(alert, cases, tmp_path) for alert, cases in tests.items()]
    done = subprocess.run(
        [tools.prometheus("promtool"), "test", "rules", *wanted],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("SUCCESS") == len(wanted)


def test_no_alert_is_left_untested() -> None:
    assert {*CASES, "Watchdog"} == set(DEFINED)


def test_all_rule_files_are_valid() -> None:
    done = subprocess.run(
        [tools.prometheus("promtool"), "check", "rules", *sorted(RULES.glob("*.yml"))],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(DEFINED))
def test_alerts_say_what_how_bad_and_what_to_do(name: str) -> None:
    rule = DEFINED[name]
    assert rule["labels"]["severity"] in SEVERITIES
    assert rule["labels"]["level"] in {"node", "service", "chain", "shard", "centre", "platform", "surveillance"}
    assert {"summary", "summary_zh", "description", "description_zh"} <= set(rule["annotations"])
    assert rule["annotations"]["runbook_url"] == f"/alerts/runbooks/{name}/"


def test_runbooks_and_alerts_are_in_step() -> None:
    runbooks = files.read(files.FOLDER / "runbooks.yml", files.schema("runbooks"))
    assert set(runbooks) == set(DEFINED)
