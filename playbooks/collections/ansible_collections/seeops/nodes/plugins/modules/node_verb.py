#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, and its answer on a node that has no agent."""

from __future__ import annotations

DOCUMENTATION = """
module: node_verb
short_description: Have a node do one thing through its agent
description:
  - Drains, undrains, restarts, inspects or configures a node, or collects its logs. Needs the host variable C(agent_url).
  - Repeating it with the same O(key) executes nothing twice. An O(epoch) below the highest one seen is refused.
attributes:
  check_mode:
    support: full
    description: Says what would change and touches nothing.
  diff_mode:
    support: partial
    description: Shows the configuration before and after.
options:
  verb: {description: What to do., type: str, required: true, choices: [drain, undrain, restart, inspect, configure, collect]}
  key: {description: Name of this step., type: str, required: true}
  epoch: {description: Fencing number of the run., type: int, required: true}
  reason: {description: Noted by the node., type: str, default: playbook}
  content: {description: The whole new configuration (configure)., type: str}
  expect: {description: SHA-256 of the configuration that is meant to be replaced; empty replaces any (configure)., type: str, default: ""}
  folder: {description: Where the lines are kept, on the controller (collect)., type: str}
  sources: {description: Which logs (collect)., type: list, elements: str, choices: [process, actions], default: [process, actions]}
  minutes: {description: How far back (collect)., type: int, default: 60}
  most_bytes: {description: Most bytes of all logs of the node (collect)., type: int, default: 262144}
  timeout_s: {description: Longest wait for the state aimed at., type: int, default: 60}
author: [seeops maintainers]
"""

EXAMPLES = """
- name: Inspect the node
  seeops.nodes.node_verb:
    verb: inspect
"""

RETURN = """
state: {description: State of the node after the step., returned: always, type: str}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.seeops.nodes.plugins.module_utils.verb_options import ARGUMENT_SPEC


def main():
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="this step needs the node's agent: set agent_url for the host")


if __name__ == "__main__":
    main()
