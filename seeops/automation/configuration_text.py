"""Configuration files of `key = value` lines: what becomes of one when some keys are set, and how two differ. Pure."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping

LONGEST = 64 * 1024
MOST_SETTINGS = 100


class BadSetting(ValueError):
    """What shall be set is not key = value; the text quotes the line."""


def digest(content: str) -> str:
    """SHA-256 of the file's bytes, as hex: the name that the node's agent gives it too."""
    return hashlib.sha256(content.encode()).hexdigest()


def parsed(text: str) -> dict[str, str]:
    """{"workers": "8"} from lines like `workers = 8`; empty lines and comments are left out. Raises BadSetting."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        code = line.split("#", 1)[0].strip()
        if not code:
            continue
        key, equals, value = (part.strip() for part in code.partition("="))
        if not equals or not key or not value:
            raise BadSetting(line.strip()[:80])
        found[key] = value
    if len(found) > MOST_SETTINGS:
        raise BadSetting(f"{len(found)} > {MOST_SETTINGS}")
    return found


def with_settings(content: str, wanted: Mapping[str, str]) -> str:
    """The content with these keys set: their lines replaced where they stand, new ones added at the end. Comments, order and lines of
    other keys stay as they are, to the byte."""
    left = dict(wanted)
    lines = [_line(line, left) for line in content.splitlines(keepends=True)]
    if left and lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    return "".join(lines + [f"{key} = {value}\n" for key, value in left.items()])


def _line(line: str, left: dict[str, str]) -> str:
    """One line with its key set; what was set is taken out of `left`."""
    code, mark, comment = line.partition("#")
    key, equals, value = (part.strip() for part in code.partition("="))
    if not equals or key not in left:
        return line
    wanted = left.pop(key)
    if wanted == value:
        return line
    return f"{key} = {wanted}  #{comment}" if mark else f"{key} = {wanted}\n"


def difference(before: str, after: str) -> list[str]:
    """The lines of a unified diff with two lines around each change; [] when nothing differs."""
    return list(difflib.unified_diff(before.splitlines(), after.splitlines(), "now", "then", lineterm="", n=2))
