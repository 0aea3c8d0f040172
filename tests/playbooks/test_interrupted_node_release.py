"""A run that is killed at any call to a node: the next one leaves the node on its version and in rotation."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
OLD, NEW = "1.0.0", "1.1.0"
DEPLOY, ROLLBACK = "REL-1/1/deploy/quote-1", "REL-1/1/rollback/quote-1"
MOST_CALLS = 20


class Killed(BaseException):
    """The run is gone: nothing after this call happens."""


class PaperAgent:
    """One node that executes each key once, as agents do; the run dies after `dies_after` more calls. `waits`: it knows how to
    answer an action when the node is where it shall be."""

    def __init__(self, *, waits: bool = True) -> None:
        self.waits = waits
        self.version, self.drained = OLD, False
        self.actions: dict[str, dict[str, Any]] = {}
        self.dies_after: int | None = None
        self._at = itertools.count(1)

    def get(self, path: str) -> dict[str, Any]:
        self._called()
        return {"actions": dict(self.actions)} if path == "actions" else self.health()

    def health(self) -> dict[str, Any]:
        return {"version": self.version, "state": "drained" if self.drained else "up"}

    def act(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self._called()
        if body["key"] in self.actions:
            return {"replayed": True}
        verb = path.rsplit("/", 1)[-1]
        self.actions[body["key"]] = {"action": verb, "at": float(next(self._at)), "finished": True}
        if verb == "switch":
            self.version = body["version"]
        if verb in ("drain", "undrain"):
            self.drained = verb == "drain"
        return {"replayed": False}

    def act_and_wait(
        self, path: str, body: dict[str, Any], states: tuple[str, ...], _timeout_s: float
    ) -> dict[str, Any]:
        answer = self.act(path, body)
        return answer | {"health": self.health(), "waited_ms": 5} if self.waits else answer

    def wait(self, states: tuple[str, ...], _timeout_s: float) -> None:
        self._called()
        assert self.health()["state"] in states, "the run would wait in vain"

    def _called(self) -> None:
        if self.dies_after is not None:
            self.dies_after -= 1
            if self.dies_after < 0:
                raise Killed


@pytest.fixture(scope="module")
def step() -> Iterator[Any]:
    """The collection's action, found as Ansible finds it."""
    sys.path.insert(0, str(ROOT / "playbooks" / "collections"))
    try:
        yield importlib.import_module("ansible_collections.seeops.nodes.plugins.action.node_release").Step
    finally:
        sys.path.remove(str(ROOT / "playbooks" / "collections"))


def run(step: Any, agent: PaperAgent, version: str, key: str, dies_after: int | None = None) -> bool:
    """Whether the run came to its end."""
    options = {
        "version": version, "key": key, "epoch": 7, "package": "p", "digest": "d", "drain": True, "reason": "REL-1",
        "timeout_s": 3, "fence": key == ROLLBACK,
    }  # fmt: skip
    agent.dies_after = dies_after
    try:
        step(agent, options, check=False, diff=False).run()
    except Killed:
        return False
    finally:
        agent.dies_after = None
    return True


@pytest.mark.parametrize("waits", [True, False])
def test_a_deployment_killed_at_any_call_is_completed_by_the_next_run(step: Any, waits: bool) -> None:
    for calls in range(MOST_CALLS):
        agent = PaperAgent(waits=waits)
        ended = run(step, agent, NEW, DEPLOY, calls)
        run(step, agent, NEW, DEPLOY)
        assert (calls, agent.health()) == (calls, {"version": NEW, "state": "up"})
        if ended:
            return
    raise AssertionError(f"a run takes more than {MOST_CALLS} calls")


@pytest.mark.parametrize("waits", [True, False])
def test_a_way_back_killed_at_any_call_after_any_part_of_the_way_there_is_completed(step: Any, waits: bool) -> None:
    for there, back in itertools.product(range(MOST_CALLS), repeat=2):
        agent = PaperAgent(waits=waits)
        run(step, agent, NEW, DEPLOY, there)
        run(step, agent, OLD, ROLLBACK, back)
        run(step, agent, OLD, ROLLBACK)
        assert (there, back, agent.health()) == (there, back, {"version": OLD, "state": "up"})


def test_a_node_that_a_person_drained_stays_drained(step: Any) -> None:
    for there in range(MOST_CALLS):
        agent = PaperAgent()
        agent.act("drain", {"key": "RUN-1/quote-1", "epoch": 1})
        run(step, agent, NEW, DEPLOY, there)
        run(step, agent, OLD, ROLLBACK)
        assert (there, agent.health()) == (there, {"version": OLD, "state": "drained"})


def test_what_a_person_drained_after_the_way_there_stays_drained(step: Any) -> None:
    agent = PaperAgent()
    run(step, agent, NEW, DEPLOY)
    agent.act("drain", {"key": "RUN-1/quote-1", "epoch": 1})
    run(step, agent, OLD, ROLLBACK)
    assert agent.health() == {"version": OLD, "state": "drained"}


def test_a_node_drained_by_another_release_is_not_put_back(step: Any) -> None:
    agent = PaperAgent()
    run(step, agent, NEW, DEPLOY, 4)
    agent.drained = False
    agent.act("undrain", {"key": "RUN-1/quote-1", "epoch": 1})
    agent.act("drain", {"key": "REL-2/1/deploy/quote-1/drain", "epoch": 1})
    run(step, agent, OLD, ROLLBACK)
    assert agent.health()["state"] == "drained"
