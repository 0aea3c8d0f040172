# SPDX-License-Identifier: GPL-3.0-or-later
"""Have a node do one thing through its agent: drain, undrain, restart, inspect, configure or collect.

Options that are not given are read from the host's variables `node_key`, `node_epoch`, `node_reason`, `node_content` and
`node_expect`.
"""

from __future__ import annotations

import datetime
import difflib
import hashlib
import time

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible_collections.seeops.nodes.plugins.module_utils.agent import WAITS, Agent, Refused, Silent
from ansible_collections.seeops.nodes.plugins.module_utils.collecting import collect, keep
from ansible_collections.seeops.nodes.plugins.module_utils.verb_options import ARGUMENT_SPEC, OF_HOST

GOAL = {"drain": ("drained",), "undrain": ("up",), "restart": ("up", "drained")}


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    waits = WAITS  # the controller serves other hosts while a node is asked

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        given = {name: task_vars[f"node_{name}"] for name in OF_HOST if f"node_{name}" in task_vars}
        asked = {name: value for name, value in self._task.args.items() if value is not None}
        checked = ArgumentSpecValidator(ARGUMENT_SPEC).validate(given | asked)
        if checked.error_messages:
            return result | {"failed": True, "msg": "; ".join(checked.error_messages)}
        if not task_vars.get("agent_url"):
            return result | {"failed": True, "msg": "agent_url is not set: this step needs the node's agent"}
        options = checked.validated_parameters
        agent = Agent(str(task_vars["agent_url"]))
        try:
            return result | self._carry_out(agent, options, task_vars["inventory_hostname"])
        except Silent as error:
            raise AnsibleConnectionFailure(str(error)) from error
        except Refused as error:
            return result | {"failed": True, "msg": str(error), "refused": error.code}
        finally:
            agent.close()

    def _carry_out(self, agent, options, host):
        if options["verb"] == "inspect":
            return _inspect(agent)
        if options["verb"] == "collect":
            return self._collect(agent, options, host)
        if options["verb"] == "configure":
            return self._configure(agent, options)
        return self._do(agent, options)

    def _do(self, agent, options):
        verb, before = options["verb"], agent.get("health")
        there = verb != "restart" and before.get("state") in GOAL[verb]
        if self._task.check_mode or there:
            text = f"is {before.get('state')}" + ("" if there else f", would {verb}")
            return {"changed": not there, "state": before.get("state"), "msg": text}
        body = {"key": f"{options['key']}/{verb}", "epoch": options["epoch"], "reason": options["reason"]}
        answer, after, _waited_s = agent.act_until(verb, body, GOAL[verb], options["timeout_s"])
        state = {"changed": not answer.get("replayed"), "state": after.get("state"), "before": before.get("state")}
        if after.get("state") not in GOAL[verb]:
            return state | {"failed": True, "msg": f"is {after.get('state')} {options['timeout_s']} s after {verb}"}
        return state | {"msg": f"{before.get('state')} → {after.get('state')}"}

    def _configure(self, agent, options):
        before, content = agent.get("config").get("content", ""), options["content"]
        if content is None:
            return {"failed": True, "msg": "content is missing: the new configuration"}
        result = {"changed": before != content, "before": _digest(before), "digest": _digest(content)}
        if self._task.diff:
            result["diff"] = {"before": before, "after": content}
        if not result["changed"]:
            return result | {"msg": "is configured like this already"}
        verdict = agent.act("config/check", {"content": content})
        if not verdict.get("ok"):
            return result | {"failed": True, "changed": False, "msg": verdict.get("problem"), "refused": "bad_config"}
        if self._task.check_mode:
            lines = difflib.unified_diff(before.splitlines(), content.splitlines(), "now", "then", lineterm="", n=1)
            return result | {"msg": "\n".join(lines)}
        body = {"content": content, "key": f"{options['key']}/configure", "epoch": options["epoch"]}
        answer = agent.act("config", body | {"expect": options["expect"]}, method="PUT")
        return result | {"digest": answer.get("digest"), "msg": "configured"}

    def _collect(self, agent, options, host):
        if not options["folder"]:
            return {"failed": True, "msg": "folder is missing: where the lines are kept"}
        since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=options["minutes"])
        found = collect(agent, options["sources"], since, options["most_bytes"])
        if self._task.check_mode:
            told = {"lines": sum(len(lines) for lines, _cut in found.values())}
            return told | {"changed": False, "msg": f"would collect {told['lines']} lines"}
        told = keep(options["folder"], host, found)
        return told | {"changed": False, "msg": f"{told['lines']} lines, {told['bytes']} bytes"}


def _digest(content):
    return hashlib.sha256(content.encode()).hexdigest()


def _inspect(agent):
    """What the node says of itself, and how far its clock is from ours (the middle of the call counts)."""
    asked, begun = time.time(), time.monotonic()
    facts = agent.get("inspection")
    took_s = time.monotonic() - begun
    offset_s = round(facts["at"] - (asked + took_s / 2), 4)
    return {
        "changed": False,
        "msg": f"{facts.get('state')}, {facts.get('version')}",
        "clock": {"offset_s": offset_s, "within_s": round(took_s / 2, 4)},
        **{name: value for name, value in facts.items() if name not in ("node", "centre", "service")},
    }
