# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes secrets out of log lines before they are written anywhere. Pure.

What stands behind a name that means a secret, the credentials of addresses and of HTTP headers, private keys and JSON web tokens
are replaced; the name stays, so that a reader sees that something was there.
"""

from __future__ import annotations

import re

PLACEHOLDER = "[redacted]"
_NAMES = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential|session[-_]?id|pin)"
_PATTERNS = (
    # name=value, "name": "value", name: value; the name may be a part of a longer one (db_password).
    (
        re.compile(rf"(?i)([\w.-]*{_NAMES}[\w.-]*[\"']?\s*[=:]\s*)(?!\[redacted\])(\"[^\"]*\"|'[^']*'|[^\s,;&}}\]]+)"),
        r"\1" + PLACEHOLDER,
    ),
    (re.compile(r"(?i)\b(bearer|basic|digest)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 " + PLACEHOLDER),
    (re.compile(r"(\w+://[^\s:/@]+:)[^\s@/]+@"), r"\1" + PLACEHOLDER + "@"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), PLACEHOLDER),
)
_KEY_BEGINS, _KEY_ENDS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"), re.compile(r"-----END [A-Z ]*PRIVATE KEY")


def redacted(lines: list[str]) -> tuple[list[str], int]:
    """(the lines without secrets, how many lines were changed)."""
    found, changed, in_key = [], 0, False
    for line in lines:
        in_key = in_key or bool(_KEY_BEGINS.search(line))
        clean = PLACEHOLDER if in_key else _line(line)
        in_key = in_key and not _KEY_ENDS.search(line)
        changed += clean != line
        found.append(clean)
    return found, changed


def _line(line: str) -> str:
    for pattern, replacement in _PATTERNS:
        line = pattern.sub(replacement, line)
    return line
