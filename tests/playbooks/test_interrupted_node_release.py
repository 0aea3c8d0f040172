"""A run that is killed at any call to a node: the next one leaves the node on its version and in rotation."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

ROOT = Path(__file__).parents[2]
OLD, NEW = "1.0.0", "1.1.0"
DEPLOY, ROLLBACK = "REL-1/1/deploy/quote-1", "REL-1/1/rollback/quote-1"
MOST_CALLS = 20


class Killed(BaseException):
    """The run is gone: nothing after this call happens."""


class PaperNode:
    """One node that executes each key once, as agents do; the run dies after `dies_after` more calls. `waits`: its agent knows how to
    answer an action when the node is where it shall be."""

    def __init__(self, *, waits: bool = True) -> None:
        self.waits = waits
        self.version, self.drained = OLD, False
        self.actions: dict[str, dict[str, Any]] = {}
        self.dies_after: int | None = None
        self._at = itertools.count(1)

    def health(self) -> dict[str, Any]:
        return {"version": self.version, "state": "drained" if self.drained else "up"}

    def act(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        replayed = body["key"] in self.actions
        if not replayed:
            self._execute(path.rsplit("/", 1)[-1], body)
        arrived = {"health": self.health(), "waited_ms": 5} if self.waits and "until" in body else {}
        return {"replayed": replayed} | arrived

    def _execute(self, verb: str, body: dict[str, Any]) -> None:
        self.actions[body["key"]] = {"action": verb, "at": float(next(self._at)), "finished": True}
        if verb == "switch":
            self.version = body["version"]
        if verb in ("drain", "undrain"):
            self.drained = verb == "drain"

    def answer(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        """What a call gives, unless the run is gone by then."""
        if self.dies_after is not None:
            self.dies_after -= 1
            if self.dies_after < 0:
                raise Killed
        if method == "POST":
            return self.act(path, body or {})
        if path == "actions":
            return {"actions": dict(self.actions)}
        wanted = parse_qs(path.partition("?")[2]).get("until", [""])[0]
        assert not wanted or self.health()["state"] in wanted.split(","), "the run would wait in vain"
        return self.health()


@dataclass(frozen=True)
class Collection:
    """`step` and `agent`: the classes of the collection."""

    step: Any
    agent: Any


@pytest.fixture(scope="module")
def step() -> Iterator[Any]:
    """The collection's action, found as Ansible finds it."""
    sys.path.insert(0, str(ROOT / "playbooks" / "collections"))
    try:
        plugins = "ansible_collections.seeops.nodes.plugins"
        yield Collection(
            importlib.import_module(f"{plugins}.action.node_release").Step,
            importlib.import_module(f"{plugins}.module_utils.agent").Agent,
        )
    finally:
        sys.path.remove(str(ROOT / "playbooks" / "collections"))


def run(step: Collection, node: PaperNode, version: str, key: str, dies_after: int | None = None) -> bool:
    """Whether the run came to its end."""
    options = {
        "version": version, "key": key, "epoch": 7, "package": "p", "digest": "d", "drain": True, "reason": "REL-1",
        "timeout_s": 3, "fence": key == ROLLBACK,
    }  # fmt: skip
    node.dies_after = dies_after
    agent = step.agent("http://127.0.0.1:1/nodes/quote-1")
    agent._call = node.answer
    try:
        step.step(agent, options, check=False, diff=False).run()
    except Killed:
        return False
    finally:
        node.dies_after = None
    return True


@pytest.mark.parametrize("waits", [True, False])
def test_a_deployment_killed_at_any_call_is_completed_by_the_next_run(step: Any, waits: bool) -> None:
    for calls in range(MOST_CALLS):
        node = PaperNode(waits=waits)
        ended = run(step, node, NEW, DEPLOY, calls)
        run(step, node, NEW, DEPLOY)
        assert (calls, node.health()) == (calls, {"version": NEW, "state": "up"})
        if ended:
            return
    raise AssertionError(f"a run takes more than {MOST_CALLS} calls")


@pytest.mark.parametrize("waits", [True, False])
def test_a_way_back_killed_at_any_call_after_any_part_of_the_way_there_is_completed(step: Any, waits: bool) -> None:
    for there, back in itertools.product(range(MOST_CALLS), repeat=2):
        node = PaperNode(waits=waits)
        run(step, node, NEW, DEPLOY, there)
        run(step, node, OLD, ROLLBACK, back)
        run(step, node, OLD, ROLLBACK)
        assert (there, back, node.health()) == (there, back, {"version": OLD, "state": "up"})


def test_a_node_that_a_person_drained_stays_drained(step: Any) -> None:
    for there in range(MOST_CALLS):
        node = PaperNode()
        node.act("drain", {"key": "RUN-1/quote-1", "epoch": 1})
        run(step, node, NEW, DEPLOY, there)
        run(step, node, OLD, ROLLBACK)
        assert (there, node.health()) == (there, {"version": OLD, "state": "drained"})


def test_what_a_person_drained_after_the_way_there_stays_drained(step: Any) -> None:
    node = PaperNode()
    run(step, node, NEW, DEPLOY)
    node.act("drain", {"key": "RUN-1/quote-1", "epoch": 1})
    run(step, node, OLD, ROLLBACK)
    assert node.health() == {"version": OLD, "state": "drained"}


def test_a_node_drained_by_another_release_is_not_put_back(step: Any) -> None:
    node = PaperNode()
    run(step, node, NEW, DEPLOY, 4)
    node.drained = False
    node.act("undrain", {"key": "RUN-1/quote-1", "epoch": 1})
    node.act("drain", {"key": "REL-2/1/deploy/quote-1/drain", "epoch": 1})
    run(step, node, OLD, ROLLBACK)
    assert node.health()["state"] == "drained"
