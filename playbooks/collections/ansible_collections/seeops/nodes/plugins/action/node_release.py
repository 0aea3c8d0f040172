# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one node to a version through its agent, or by the module of the same name when it has none.

See the module's documentation for the options. What is not given as an option is read from the host's variables with the prefix
`release_` (release_version, release_package, …): plain variables cost nothing, templated options a compilation per node.
"""

from __future__ import annotations

import time

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible_collections.seeops.nodes.plugins.module_utils.agent import WAITS, Agent, Refused, Silent
from ansible_collections.seeops.nodes.plugins.module_utils.release_options import ARGUMENT_SPEC

SERVING = ("up", "drained")


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    waits = WAITS  # the controller serves other hosts while a node is asked

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        options = self._options(task_vars)
        if not isinstance(options, dict):
            return result | {"failed": True, "msg": options}
        url = task_vars.get("agent_url")
        if not url:
            return result | self._execute_module(
                module_name="seeops.nodes.node_release", module_args=options, task_vars=task_vars
            )
        agent = Agent(str(url))
        try:
            return result | Step(agent, options, check=self._task.check_mode, diff=self._task.diff).run()
        except Silent as error:
            raise AnsibleConnectionFailure(str(error)) from error
        except Refused as error:
            return result | {"failed": True, "msg": str(error), "refused": error.code}
        finally:
            agent.close()

    def _options(self, task_vars):
        """The checked options, or a sentence about what is wrong with them."""
        given = {name: task_vars[f"release_{name}"] for name in ARGUMENT_SPEC if f"release_{name}" in task_vars}
        given |= self._task.args
        checked = ArgumentSpecValidator(ARGUMENT_SPEC).validate(given)
        return "; ".join(checked.error_messages) if checked.error_messages else checked.validated_parameters


class Step:
    """One node's release: every call carries a key of its own below `options["key"]` and the epoch."""

    def __init__(self, agent: Agent, options: dict, *, check: bool, diff: bool):
        self.agent, self.options, self.check, self.diff = agent, options, check, diff
        self.steps: list[dict] = []
        self.seen: dict | None = None  # what the node said of itself after the last act, if it was asked since
        self.waited_ms = 0  # of the last act: how long the agent had waited for that

    def run(self) -> dict:
        wanted, before = self.options["version"], self.agent.get("health")
        there = before.get("version") == wanted and before.get("state") in SERVING
        result: dict = {"before": before.get("version"), "version": before.get("version"), "changed": not there}
        if self.diff:
            result["diff"] = {"before": f"{before.get('version')}\n", "after": f"{wanted}\n"}
        if self.check:
            return result | {"state": before.get("state"), "msg": f"would bring {before.get('version')} to {wanted}"}
        # A node that somebody has drained stays drained; one that a killed run had drained is put back.
        left_drained = before.get("state") != "up" and self._drained_by_us()
        if there and not left_drained and not self.options["fence"]:
            return result | {"state": before["state"], "steps": [], "msg": f"runs {wanted} already"}
        self._stage(wanted)
        if not there:
            self._change(wanted, drain=self.options["drain"] and (before.get("state") == "up" or left_drained))
        elif left_drained:
            self._undrain()
        return self._verified(result, wanted)

    def _stage(self, wanted: str) -> None:
        package, digest = self.options["package"], self.options["digest"]
        self._act("stage", "release/stage", version=wanted, package=package, digest=digest)

    def _change(self, wanted: str, *, drain: bool) -> None:
        if drain:
            self._act("drain", "drain", until=("drained", "down"), reason=self.options["reason"])
            self._wait("drained", ("drained", "down"))
        self._act("switch", "release/switch", until=SERVING, version=wanted)
        self._wait("healthy", SERVING)
        if drain:
            self._undrain()

    def _undrain(self) -> None:
        self._act("undrain", "undrain", until=("up",), reason=self.options["reason"])
        self._wait("serving", ("up",))

    def _drained_by_us(self) -> bool:
        """Whether the last that took the node out of rotation was a step of this release, on the way there or back, which has
        not put it back: a killed run may have left it so. Whoever drained it later meant to."""
        moves = [
            (entry["at"], key, entry)
            for key, entry in self.agent.get("actions").get("actions", {}).items()
            if entry["action"] in ("drain", "undrain")
        ]
        if not moves:
            return False
        _at, last, entry = max(moves, key=lambda move: move[0])
        own = self.options["key"]
        ours = last.rpartition("/")[0] in (own, own.replace("/rollback/", "/deploy/"))
        return ours and (entry["action"] == "drain" or not entry["finished"])

    def _act(self, step: str, path: str, *, until: tuple[str, ...] = (), **body: object) -> None:
        """With `until` the agent may have waited for the node's state already when it answers."""
        began, self.seen, self.waited_ms = time.monotonic(), None, 0
        body = {**body, "key": f"{self.options['key']}/{step}", "epoch": self.options["epoch"]}
        if until:
            answer = self.agent.act_and_wait(path, body, until, self.options["timeout_s"])
            self.seen, self.waited_ms = answer.get("health"), answer.get("waited_ms", 0)
        else:
            answer = self.agent.act(path, body)
        self._note(step, since(began) - self.waited_ms, replayed=bool(answer.get("replayed")))

    def _wait(self, step: str, states: tuple[str, ...]) -> None:
        began = time.monotonic()
        if self.seen is None or self.seen.get("state") not in states:
            self.seen = self.agent.wait(states, self.options["timeout_s"] - self.waited_ms / 1000)
        self._note(step, since(began) + self.waited_ms)

    def _note(self, step: str, ms: int, *, replayed: bool = False) -> None:
        self.steps.append({"step": step, "ms": ms, "replayed": replayed})

    def _verified(self, result: dict, wanted: str) -> dict:
        """Nothing is said to be done that the node itself does not confirm."""
        after = self.seen or self.agent.get("health")
        result |= {"version": after.get("version"), "state": after.get("state"), "steps": self.steps}
        if after.get("version") != wanted:
            return result | {"failed": True, "msg": f"runs {after.get('version')} instead of {wanted} after the switch"}
        if after.get("state") not in SERVING:
            waited = self.options["timeout_s"]
            return result | {"failed": True, "msg": f"is {after.get('state')} {waited} s after the switch to {wanted}"}
        return result | {"msg": f"{result['before']} → {wanted}"}


def since(began: float) -> int:
    """Milliseconds since then."""
    return round((time.monotonic() - began) * 1000)
