#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, and its answer on a node that has no agent."""

from __future__ import annotations

DOCUMENTATION = """
module: shard_lead
short_description: Have this node's replica lead its shard
description:
  - The present leader takes nothing new on, waits until this node's replica holds everything, and hands its lead over.
  - Refused when the replica is behind, silent or under repair, or when no majority answers. Nothing is lost.
  - Repeating it with the same O(key) hands over once. An O(epoch) below the highest one seen is refused.
attributes:
  check_mode:
    support: full
    description: Says from whom to whom the lead would go, or why not, and touches nothing.
options:
  key: {description: Name of this step., type: str, required: true}
  epoch: {description: Fencing number of the run., type: int, required: true}
  reason: {description: Noted by the replica., type: str, default: playbook}
  peers: {description: Agents of the shard's nodes by centre., type: dict, required: true}
  centre: {description: The centre of this node., type: str, required: true}
  timeout_s: {description: Longest wait for the replicas to agree afterwards., type: int, default: 30}
author: [seeops maintainers]
"""

EXAMPLES = """
- name: Lead the shard
  seeops.nodes.shard_lead:
"""

RETURN = """
before: {description: The replicas before., returned: always, type: dict}
after: {description: The replicas afterwards., returned: changed, type: dict}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.seeops.nodes.plugins.module_utils.lead_options import SHARD_SPEC


def main():
    module = AnsibleModule(SHARD_SPEC, supports_check_mode=True)
    module.fail_json(msg="this step needs the node's agent: set agent_url for the host")


if __name__ == "__main__":
    main()
