# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of `shard_lead` and `centre_lead`."""

from __future__ import annotations

OF_RUN = ("key", "epoch", "reason")
OF_CENTRE = ("shards", "load_url", "url", "needed")
_RUN = {
    "key": {"type": "str", "required": True},
    "epoch": {"type": "int", "required": True},
    "reason": {"type": "str", "default": "playbook"},
    "timeout_s": {"type": "int", "default": 30},
}
SHARD_SPEC = {
    **_RUN,
    "peers": {"type": "dict", "required": True},
    "centre": {"type": "str", "required": True},
}
CENTRE_SPEC = {
    **_RUN,
    "centre": {"type": "str", "required": True},
    "direction": {"type": "str", "required": True, "choices": ["away", "back"]},
    "to": {"type": "str", "default": ""},
    "leaders": {"type": "bool", "default": False},
    "shards": {"type": "dict", "required": True},
    "load_url": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "needed": {"type": "dict", "default": {}},
}
