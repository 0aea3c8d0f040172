"""Fixtures: the estate, a spool of the test's own, a cluster that answers, and reports as the processes write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seeops.cluster import door
from tests.estate import estate, import_estate, observed_up, person

__all__ = ["estate"]
SCALE = 0.05


@pytest.fixture
def on_call(db: None) -> Any:
    return person("mei", "on_call")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the cluster answers; change it."""
    state: dict[str, Any] = {"segment": "morning", "faults": [], "paused": False, "ended": []}
    monkeypatch.setattr(door, "session", lambda: {"segment": state["segment"], "phase": 3})
    monkeypatch.setattr(door, "faults", lambda: state["faults"])
    monkeypatch.setattr(door, "load_status", lambda: {"settings": {"paused": state["paused"]}})
    monkeypatch.setattr(door, "end_level", lambda owner: state["ended"].append(owner) is None)
    return state


@pytest.fixture
def ready(db: None, cluster: dict[str, Any], settings: Any, tmp_path: Path) -> dict[str, Any]:
    """The console beside a cluster that is up, in a calm part of the day."""
    import_estate(SCALE)
    observed_up()
    settings.VAR_DIR = tmp_path
    settings.CLUSTER_ENDPOINTS = str(tmp_path / "cluster" / "endpoints.json")
    return cluster


def step(rate: float, p99_ms: float | None, *reasons: str) -> dict[str, Any]:
    return {
        "rate": rate, "seconds": 15.0, "offered_per_s": rate, "answered_per_s": rate, "failed": 0.0, "p50_ms": 5.0,
        "p99_ms": p99_ms, "p999_ms": p99_ms, "chains": {}, "used": [], "stopped": "", "findings": "", "load_average": 1.0,
        "reasons": list(reasons),
    }  # fmt: skip


def ramp_report(**changes: Any) -> dict[str, Any]:
    """A report of a ramp that found 400 orders a second, 2.5 times the declared peak."""
    used = {"kind": "service", "name": "position", "centre": "SZ-A", "part": 0.99, "busiest": 0.99, "rate_per_s": 570.0}
    steps = [step(160.0, 8.0), step(400.0, 31.0), step(423.0, 117.9, "p99 117.9 ms is above 100 ms")]
    return {
        "version": 1, "outcome": "measured", "why": "", "started_at": 1.0, "ended_at": 2.0, "asked": 3.0, "ratio": 2.5,
        "enough": False, "target": {"kind": "cluster"}, "rules": {}, "bounds": {"p99_ms": 100.0},
        "knee": {
            "orders_per_s": 400.0, "answered_per_s": 397.0, "kept": 2, "tries": 2, "p99_ms": [18.7, 31.0], "failed": 0.0,
            "next_bad_per_s": 423.0, "next_bad_tries": 2, "next_bad_reasons": ["p99 117.9 ms is above 100 ms"],
        },
        "limit": {
            "kind": "modelled", "name": "position", "centre": "SZ-A", "part": 1.1,
            "text": "position in SZ-A at 110% of the capacity that the cluster file declares (modelled)",
        },
        "chains": [
            {"chain": "cash-order", "answered_per_s": 201.4, "failed": 0.0, "p99_ms": 31.1, "bottleneck": used, "room": 1.01}
        ],
        "services": [used], "processes": [{**used, "kind": "machine", "name": "all processors", "centre": ""}],
        "peak": {"source": "declared", "orders_per_s": 160.0, "measured": None}, "steps": steps,
        "machine": {"processor": "EPYC", "cores": 2, "system": "Linux", "python": "3.11", "load_average": [1, 2, 3]},
        **changes,
    }  # fmt: skip


def shadow_report(**changes: Any) -> dict[str, Any]:
    """A report of a shadow run that found a changed price collar."""
    first = {
        "entry": 9, "seq": 41, "what": "rejects", "command": "account 12's new order 7: BUY 100 of 000001, LIMIT DAY at 1,020",
        "ours": "ACCEPTED order 7, 100 at 1,020", "theirs": "refused by pre-trade risk: price collar",
        "text": "Entry 9, command 41: <differs>.",
    }  # fmt: skip
    return {
        "version": 1, "same": False, "why": "", "entries": 30, "commands": 210, "events": 400, "rejects": 3,
        "state_hashes": 1, "parties_compared": True, "differing_entries": 4, "differences": [first], "text": first["text"],
        "journal": {
            "shard": 0, "from_entry": 1, "to_entry": 30, "base_entry": 0, "committed": "majority", "replicas": [],
            "sha256": "a" * 64,
        },
        "candidate": {"kind": "package", "name": "matching 1.2.0", "digest": "d" * 64, "rules": {"limits": {"collar_ppm": 5000}}},
        "stream_sha256": {"ours": "1", "theirs": "2"}, "started_at": 1.0, "seconds": 0.5, **changes,
    }  # fmt: skip
