# SPDX-License-Identifier: GPL-3.0-or-later
"""Have a node do one thing through its agent: drain, undrain, restart, inspect or configure.

Options that are not given are read from the host's variables `node_key`, `node_epoch` and `node_reason`.
"""

from __future__ import annotations

import difflib

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible_collections.seeops.nodes.plugins.module_utils.agent import Agent, Refused, Silent
from ansible_collections.seeops.nodes.plugins.module_utils.verb_options import ARGUMENT_SPEC

GOAL = {"drain": ("drained",), "undrain": ("up",), "restart": ("up", "drained")}


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        given = {name: task_vars[f"node_{name}"] for name in ("key", "epoch", "reason") if f"node_{name}" in task_vars}
        checked = ArgumentSpecValidator(ARGUMENT_SPEC).validate(given | self._task.args)
        if checked.error_messages:
            return result | {"failed": True, "msg": "; ".join(checked.error_messages)}
        if not task_vars.get("agent_url"):
            return result | {"failed": True, "msg": "agent_url is not set: this step needs the node's agent"}
        options = checked.validated_parameters
        agent = Agent(str(task_vars["agent_url"]))
        try:
            if options["verb"] == "inspect":
                return result | _inspect(agent)
            if options["verb"] == "configure":
                return result | self._configure(agent, options)
            return result | self._do(agent, options)
        except Silent as error:
            raise AnsibleConnectionFailure(str(error)) from error
        except Refused as error:
            return result | {"failed": True, "msg": str(error), "refused": error.code}
        finally:
            agent.close()

    def _do(self, agent, options):
        verb, before = options["verb"], agent.get("health")
        there = verb != "restart" and before.get("state") in GOAL[verb]
        if self._task.check_mode or there:
            return {"changed": not there, "state": before.get("state"), "msg": f"is {before.get('state')}"}
        answer = agent.act(
            verb, {"key": f"{options['key']}/{verb}", "epoch": options["epoch"], "reason": options["reason"]}
        )
        after = agent.wait(GOAL[verb], options["timeout_s"])
        state = {"changed": not answer.get("replayed"), "state": after.get("state"), "before": before.get("state")}
        if after.get("state") not in GOAL[verb]:
            return state | {"failed": True, "msg": f"is {after.get('state')} {options['timeout_s']} s after {verb}"}
        return state | {"msg": f"{before.get('state')} → {after.get('state')}"}

    def _configure(self, agent, options):
        if options["content"] is None:
            return {"failed": True, "msg": "content is missing: the new configuration"}
        content, before = options["content"], agent.get("config")
        result = {"changed": before.get("content") != content, "digest": before.get("digest")}
        if self._task.diff:
            result["diff"] = {"before": before.get("content", ""), "after": content}
        if self._task.check_mode or not result["changed"]:
            lines = difflib.unified_diff(before.get("content", "").splitlines(), content.splitlines(), lineterm="", n=1)
            return result | {"msg": "\n".join(lines) or "is configured like this already"}
        body = {"content": content, "key": f"{options['key']}/configure", "epoch": options["epoch"]}
        answer = agent.act("config", body, method="PUT")
        return result | {"digest": answer.get("digest"), "msg": "configured"}


def _inspect(agent):
    """What the node says of itself, with what an operator should look at."""
    health, version, diagnostics = agent.get("health"), agent.get("version"), agent.get("diagnostics")
    findings = []
    if health.get("state") not in ("up", "drained"):
        findings.append(f"state is {health.get('state')}")
    if health.get("version") != version.get("version"):
        findings.append(f"process runs {health.get('version')}, {version.get('version')} is current")
    return {
        "changed": False,
        "msg": "; ".join(findings) or f"{health.get('state')}, {health.get('version')}",
        "findings": findings,
        "state": health.get("state"),
        "version": health.get("version"),
        "staged": version.get("staged"),
        "started_at": health.get("started_at"),
        "config_digest": health.get("config_digest"),
        "diagnostics": diagnostics,
    }
