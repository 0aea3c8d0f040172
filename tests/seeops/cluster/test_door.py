"""The door to the cluster: real answers, and errors in the console's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seeops.cluster import door
from seeops.core.errors import Conflict, InvalidInput, RuleViolation, Unavailable
from tests.estate import RunningCentre

NODE = "auth-sza-001"


def test_without_a_running_cluster_the_bundled_topology_is_described(settings: Any, tmp_path: Path) -> None:
    settings.CLUSTER_ENDPOINTS = str(tmp_path / "absent.json")
    assert len(door.describe()["nodes"]) >= 1200
    with pytest.raises(Unavailable, match="not running"):
        door.call(NODE, "health")


def test_an_agent_answers_and_keys_make_actions_happen_once(centre: RunningCentre) -> None:
    assert door.call(NODE, "health")["state"] == "up"
    first = door.call(NODE, "restart", key="door-1", epoch=5, reason="test")
    again = door.call(NODE, "restart", key="door-1", epoch=5, reason="test")
    assert again["replayed"] and not first.get("replayed")
    assert door.call(NODE, "actions")["actions"]["door-1"]["times_executed"] == 1


def test_errors_say_what_they_are(centre: RunningCentre) -> None:
    node = "auth-sza-002" if "auth-sza-002" in door.client().topology.nodes else "session-sza-001"
    door.call(node, "drain", key="door-2", epoch=9, reason="test")
    with pytest.raises(Conflict, match="somebody else") as stale:
        door.call(node, "undrain", key="door-3", epoch=8, reason="test")
    assert stale.value.code == "stale_epoch"
    with pytest.raises(RuleViolation, match="refused"):
        door.call(node, "configure", content="nonsense = 1\n", key="door-4", epoch=9)
    with pytest.raises(InvalidInput):
        door.call("no-such-node", "health")
    with pytest.raises(InvalidInput, match="explode"):
        door.call(node, "explode")
    door.call(node, "undrain", key="door-5", epoch=9, reason="test")


def test_a_centre_that_does_not_answer_leaves_the_outcome_unknown(centre: RunningCentre) -> None:
    with pytest.raises(door.Unreached, match="outcome is unknown"):
        door.nodes("SZ-B")
