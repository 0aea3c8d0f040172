# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection of a host that is reached through its node agent only.

The actions of this collection talk to the agent themselves and need no connection. Any other module is refused here: it would
otherwise run on the controller, or over an SSH that nobody has set up. It also spares what an SSH connection costs to prepare,
per host and task.
"""

from __future__ import annotations

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: agent
short_description: No commands and no files, the node has an agent
description:
  - For hosts with the variable C(agent_url), whose actions call the node's agent.
author: [seeops maintainers]
options: {}
"""


class Connection(ConnectionBase):
    transport = "seeops.nodes.agent"
    has_pipelining = False

    def _connect(self):
        return self

    def close(self):
        self._connected = False

    def _refused(self):
        return AnsibleConnectionFailure(
            "This host is reached through its node agent: it runs node_release and node_verb, no other module."
        )

    def exec_command(self, cmd, in_data=None, sudoable=True):
        raise self._refused()

    def put_file(self, in_path, out_path):
        raise self._refused()

    def fetch_file(self, in_path, out_path):
        raise self._refused()
