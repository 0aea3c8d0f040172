# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of `node_verb`."""

from __future__ import annotations

ARGUMENT_SPEC = {
    "verb": {"type": "str", "required": True, "choices": ["drain", "undrain", "restart", "inspect", "configure"]},
    "key": {"type": "str", "required": True},
    "epoch": {"type": "int", "required": True},
    "reason": {"type": "str", "default": "playbook"},
    "content": {"type": "str"},
    "timeout_s": {"type": "int", "default": 60},
}
