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
            self._act_until("drain", "drain", "drained", ("drained", "down"), reason=self.options["reason"])
        self._act_until("switch", "release/switch", "healthy", SERVING, version=wanted)
        if drain:
            self._undrain()

    def _undrain(self) -> None:
        self._act_until("undrain", "undrain", "serving", ("up",), reason=self.options["reason"])

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

    def _act(self, step: str, path: str, **body: object) -> None:
        began, self.seen = time.monotonic(), None
        answer = self.agent.act(path, self._signed(step, body))
        self._note(step, time.monotonic() - began, replayed=bool(answer.get("replayed")))

    def _act_until(self, step: str, path: str, arrived: str, states: tuple[str, ...], **body: object) -> None:
        """An act and the wait for what it leads to: two steps, `step` and `arrived`, mostly in one call."""
        began = time.monotonic()
        answer, self.seen, waited_s = self.agent.act_until(
            path, self._signed(step, body), states, self.options["timeout_s"]
        )
        self._note(step, time.monotonic() - began - waited_s, replayed=bool(answer.get("replayed")))
        self._note(arrived, waited_s)

    def _signed(self, step: str, body: dict) -> dict:
        return {**body, "key": f"{self.options['key']}/{step}", "epoch": self.options["epoch"]}

    def _note(self, step: str, seconds: float, *, replayed: bool = False) -> None:
        self.steps.append({"step": step, "ms": round(seconds * 1000), "replayed": replayed})

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
