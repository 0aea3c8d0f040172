# SPDX-License-Identifier: GPL-3.0-or-later
"""Have this matching node's replica lead its shard, in an orderly way. The host is the heir.

Reads the host's variables `node_key`, `node_epoch`, `node_reason`, `shard_peers` ({centre: agent_url} of the shard) and `shard_centre`.
"""

from __future__ import annotations

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible_collections.seeops.nodes.plugins.module_utils import leads
from ansible_collections.seeops.nodes.plugins.module_utils.agent import WAITS, Refused, Silent
from ansible_collections.seeops.nodes.plugins.module_utils.lead_options import OF_RUN, SHARD_SPEC


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    waits = WAITS

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        given = {name: task_vars[f"node_{name}"] for name in OF_RUN if f"node_{name}" in task_vars}
        given |= {name: task_vars[f"shard_{name}"] for name in ("peers", "centre") if f"shard_{name}" in task_vars}
        checked = ArgumentSpecValidator(SHARD_SPEC).validate(given | self._task.args)
        if checked.error_messages:
            return result | {"failed": True, "msg": "; ".join(checked.error_messages)}
        options = checked.validated_parameters
        try:
            return result | leads.move(
                options["peers"], options["centre"], options=options, check=self._task.check_mode
            )
        except Silent as error:
            raise AnsibleConnectionFailure(str(error)) from error
        except Refused as error:
            return result | {"failed": True, "msg": str(error), "refused": error.code}
        except leads.LeadsError as error:
            return result | {"failed": True, "msg": str(error), "seen": leads.shown(leads.look(options["peers"]))}
