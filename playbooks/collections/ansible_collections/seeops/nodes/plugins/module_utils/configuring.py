# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a configuration file of `key = value` lines when some keys are set. Pure."""

from __future__ import annotations

import difflib


class BadSetting(ValueError):
    """What shall be set is not key = value."""


def parsed(settings: list[str]) -> dict[str, str]:
    """{"workers": "8"} from ["workers = 8"]. Raises BadSetting."""
    found = {}
    for line in settings:
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key or not value or len(line.splitlines()) != 1:
            raise BadSetting(f"“{line[:80]}” is not key = value")
        found[key] = value
    return found


def with_settings(content: str, wanted: dict[str, str]) -> str:
    """The content with these keys set: their lines replaced where they stand, new ones added at the end; comments, order and
    everything else stay as they are."""
    left, lines = dict(wanted), []
    for line in content.splitlines():
        code, mark, comment = line.partition("#")
        key, equals, value = (part.strip() for part in code.partition("="))
        if equals and key in left and left[key] != value:
            lines.append(f"{key} = {left[key]}" + (f"  #{comment}" if mark else ""))
        else:
            lines.append(line)
        if equals:
            left.pop(key, None)
    lines += [f"{key} = {value}" for key, value in left.items()]
    return "\n".join(lines) + "\n"


def difference(before: str, after: str) -> str:
    """The lines that differ with one line around them; empty when nothing does."""
    return "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), "now", "then", lineterm="", n=1))
