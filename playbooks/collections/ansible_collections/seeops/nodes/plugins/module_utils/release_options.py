# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of `node_release`, shared by the action and the module."""

from __future__ import annotations

ARGUMENT_SPEC = {
    "version": {"type": "str", "required": True},
    "package": {"type": "str", "required": True},
    "digest": {"type": "str", "required": True},
    "key": {"type": "str", "required": True},
    "epoch": {"type": "int", "required": True},
    "drain": {"type": "bool", "default": True},
    "fence": {"type": "bool", "default": False},
    "timeout_s": {"type": "int", "default": 60},
    "reason": {"type": "str", "default": "release"},
    "root": {"type": "path"},
    "restart_command": {"type": "list", "elements": "str", "default": []},
    "health_url": {"type": "str"},
}
