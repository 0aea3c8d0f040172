# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the customers and the leaders away from a data centre, or back to it. Run once for the centre, not once per node.

Away: the entrance is closed first, so that no new request comes in, then every leader hands over. Back: the entrance opens only when each
service has the nodes that it needs there; leaders come back when that is wished for. Reads the variables `node_key`, `node_epoch`,
`node_reason`, `centre_shards` ({shard: {centre: agent_url}}), `centre_load_url`, `centre_url` and `centre_needed` ({service: nodes}).
"""

from __future__ import annotations

import time

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible_collections.seeops.nodes.plugins.module_utils import leads
from ansible_collections.seeops.nodes.plugins.module_utils.agent import WAITS, Agent, Refused, Silent
from ansible_collections.seeops.nodes.plugins.module_utils.lead_options import CENTRE_SPEC, OF_CENTRE, OF_RUN

POLL_S = 0.2


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    waits = WAITS

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        given = {name: task_vars[f"node_{name}"] for name in OF_RUN if f"node_{name}" in task_vars}
        given |= {name: task_vars[f"centre_{name}"] for name in OF_CENTRE if f"centre_{name}" in task_vars}
        checked = ArgumentSpecValidator(CENTRE_SPEC).validate(given | self._task.args)
        if checked.error_messages:
            return result | {"failed": True, "msg": "; ".join(checked.error_messages)}
        try:
            return result | Switch(checked.validated_parameters, check=self._task.check_mode).run()
        except Silent as error:
            raise AnsibleConnectionFailure(str(error)) from error
        except Refused as error:
            return result | {"failed": True, "msg": str(error), "refused": error.code}
        except leads.LeadsError as error:
            return result | {"failed": True, "msg": str(error)}


class Switch:
    """One centre, away or back. What is as wanted already is left alone."""

    def __init__(self, options: dict, *, check: bool):
        self.options, self.check = options, check
        self.centre, self.away = options["centre"], options["direction"] == "away"

    def run(self) -> dict:
        problem = self._objection()
        if problem:
            raise leads.LeadsError(problem)
        before = self._load("entrances")
        entrance = self._entrance(before)
        moved = self._leaders()
        changed = entrance["changed"] or any(report["changed"] for report in moved.values())
        words = [entrance["msg"], *(f"shard {shard}: {report['msg']}" for shard, report in moved.items())]
        return {"changed": changed, "entrance": entrance, "leads": moved, "msg": "; ".join(words)}

    def _objection(self) -> str:
        """Looked at for all shards before anything is touched: half a switch is worse than none."""
        if not self.away:
            return self._short()
        for shard, peers in self.options["shards"].items():
            seen = leads.look(peers)
            if self.centre in leads.leaders(seen):
                heir = self._heir(seen)
                why = leads.objection(seen, heir) if heir else "no other replica answers"
                if why:
                    return f"{self.centre} is left as it is, because of shard {shard}: {why}"
        return ""

    def _short(self) -> str:
        """The first service that has too few nodes back; empty when all have what they need."""
        agent = Agent(self.options["url"])
        try:
            nodes = agent.get("nodes")["nodes"]
        finally:
            agent.close()
        serving: dict[str, int] = {}
        for node in nodes:
            back = node["state"] == "up" and not node["drained"]
            serving[node["service"]] = serving.get(node["service"], 0) + back
        for service, needed in sorted(self.options["needed"].items()):
            if serving.get(service, 0) < needed:
                have = serving.get(service, 0)
                return f"{self.centre} stays closed: {service} has {have} nodes there and needs {needed}"
        return ""

    def _entrance(self, before: dict) -> dict:
        closed = self.centre in before["closed"]
        word = "closed to customers" if self.away else "open to customers"
        if closed == self.away:
            return {"changed": False, "msg": f"{self.centre} is {word} already"}
        if self.check:
            return {"changed": True, "msg": f"would be {word}"}
        body = {"centre": self.centre, "open": not self.away, "epoch": self.options["epoch"]}
        key = f"{self.options['key']}/{self.options['direction']}"
        agent = Agent(self.options["load_url"])
        try:
            agent.act("entrances", {**body, "key": key, "reason": self.options["reason"]})
        finally:
            agent.close()
        if self.away:
            self._wait_until_empty()
        return {"changed": True, "msg": f"{self.centre} is {word}"}

    def _wait_until_empty(self) -> None:
        """No customer waits for an answer of the centre any more."""
        ends = time.monotonic() + self.options["timeout_s"]
        while True:
            inside = [lane["name"] for lane in self._load("status")["lanes"] if lane["centre"] == self.centre]
            waiting = [
                lane["name"] for lane in self._load("status")["lanes"] if lane["name"] in inside and lane["waiting_s"]
            ]
            if not waiting:
                return
            if time.monotonic() > ends:
                raise leads.LeadsError(f"customers still wait for {self.centre}: {', '.join(waiting)}")
            with WAITS.around():
                time.sleep(POLL_S)

    def _leaders(self) -> dict:
        moved = {}
        for shard, peers in self.options["shards"].items():
            seen = leads.look(peers)
            if self.away:
                heir = self._heir(seen) if self.centre in leads.leaders(seen) else ""
            else:
                heir = self.centre if self.options["leaders"] else ""
            if heir:
                options = {**self.options, "key": f"{self.options['key']}/{self.options['direction']}/{shard}"}
                moved[str(shard)] = leads.move(peers, heir, options=options, check=self.check)
        return moved

    def _heir(self, seen: dict) -> str:
        """The wished centre, else the replica that holds most."""
        others = {centre: status for centre, status in seen.items() if status and centre != self.centre}
        if self.options["to"]:
            return self.options["to"] if self.options["to"] in others else ""
        return max(others, key=lambda centre: others[centre]["stable"], default="")

    def _load(self, path: str) -> dict:
        agent = Agent(self.options["load_url"])
        try:
            return agent.get(path)
        finally:
            agent.close()
