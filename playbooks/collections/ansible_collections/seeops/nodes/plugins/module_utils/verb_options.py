# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of `node_verb`."""

from __future__ import annotations

VERBS = ["drain", "undrain", "restart", "inspect", "configure", "collect"]
SOURCES = ["process", "actions"]
ARGUMENT_SPEC = {
    "verb": {"type": "str", "required": True, "choices": VERBS},
    "key": {"type": "str", "required": True},
    "epoch": {"type": "int", "required": True},
    "reason": {"type": "str", "default": "playbook"},
    "content": {"type": "str"},
    "expect": {"type": "str", "default": ""},
    "folder": {"type": "str"},
    "sources": {"type": "list", "elements": "str", "choices": SOURCES, "default": SOURCES},
    "minutes": {"type": "int", "default": 60},
    "most_bytes": {"type": "int", "default": 262144},
    "timeout_s": {"type": "int", "default": 60},
}
#: Options that a host's variables give when the task does not: `node_key`, `node_epoch` …
OF_HOST = ("key", "epoch", "reason", "content", "expect")
