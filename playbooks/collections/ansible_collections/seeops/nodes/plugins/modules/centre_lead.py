#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, and its answer on a node that has no agent."""

from __future__ import annotations

DOCUMENTATION = """
module: centre_lead
short_description: Bring customers and leaders away from a data centre, or back
description:
  - Away closes the centre's entrance and has every leader there hand over; back opens it when each service has the nodes it needs.
  - Every shard is looked at before anything is touched. What is as wanted already is left alone.
attributes:
  check_mode:
    support: full
    description: Says what would change and touches nothing.
options:
  key: {description: Name of this step., type: str, required: true}
  epoch: {description: Fencing number of the run., type: int, required: true}
  reason: {description: Noted by customers' entrance and replicas., type: str, default: playbook}
  centre: {description: The data centre., type: str, required: true}
  direction: {description: Away from it or back to it., type: str, required: true, choices: [away, back]}
  to: {description: The centre that leads afterwards; the one that holds most without it., type: str, default: ""}
  leaders: {description: Whether leaders come back too., type: bool, default: false}
  shards: {description: Agents of every shard's nodes by centre., type: dict, required: true}
  load_url: {description: Where the customers' entrances are decided., type: str, required: true}
  url: {description: The data centre's own address., type: str, required: true}
  needed: {description: Nodes that each service needs there before customers come back., type: dict, default: {}}
  timeout_s: {description: Longest wait for each step., type: int, default: 30}
author: [seeops maintainers]
"""

EXAMPLES = """
- name: Leave the centre
  seeops.nodes.centre_lead:
    centre: SZ-B
    direction: away
"""

RETURN = """
entrance: {description: What became of the entrance., returned: always, type: dict}
leads: {description: What became of each shard's lead., returned: always, type: dict}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.seeops.nodes.plugins.module_utils.lead_options import CENTRE_SPEC


def main():
    module = AnsibleModule(CENTRE_SPEC, supports_check_mode=True)
    module.fail_json(msg="this step needs the cluster's agents: set agent_url for the host")


if __name__ == "__main__":
    main()
