"""References in parameters: `${inputs.service}`, `${steps.check.value}`, `${run.number}`. Pure.

A text that is one reference keeps the value's type; a reference inside a longer text becomes text. `$${` is a plain `${`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
RUN_FIELDS = {"number": "str", "started_by": "str", "trial": "bool"}


class ReferenceProblem(Exception):
    """A reference that cannot be read, or whose value is not there."""


@dataclass(frozen=True)
class Reference:
    """`scope` is inputs, steps or run; `step` is empty but for steps."""

    scope: str
    step: str
    field: str

    def __str__(self) -> str:
        return ".".join(part for part in (self.scope, self.step, self.field) if part)


def parse(text: str) -> list[str | Reference]:
    """The pieces of a text: plain texts and references. Raises ReferenceProblem naming what cannot be read."""
    pieces: list[str | Reference] = []
    end = 0
    for token in _TOKEN.finditer(text):
        if token.start() > end:
            pieces.append(text[end : token.start()])
        pieces.append("${" if token.group() == "$${" else _reference(token))
        end = token.end()
    if end < len(text):
        pieces.append(text[end:])
    return pieces


def _reference(token: re.Match[str]) -> Reference:
    inside = token.group(1)
    if inside is None:
        raise ReferenceProblem(token.string[token.start() : token.start() + 24])
    parts = inside.strip().split(".")
    if not all(_NAME.fullmatch(part) for part in parts):
        raise ReferenceProblem(token.group())
    if len(parts) == 2 and parts[0] in ("inputs", "run"):
        return Reference(parts[0], "", parts[1])
    if len(parts) == 3 and parts[0] == "steps":
        return Reference("steps", parts[1], parts[2])
    raise ReferenceProblem(token.group())


def has_reference(value: Any) -> bool:
    """Whether a text contains anything that looks like a reference."""
    return isinstance(value, str) and any(token.group() != "$${" for token in _TOKEN.finditer(value))


def whole(text: str) -> Reference | None:
    """The reference when the text is nothing else."""
    pieces = parse(text)
    return pieces[0] if len(pieces) == 1 and isinstance(pieces[0], Reference) else None


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text inside a parameter with its path: `headers.accept`, `conditions.0.left`."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from texts(item, f"{path}.{number}" if path else str(number))


def as_text(value: Any) -> str:
    """A value inside a longer text: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def resolve(value: Any, known: Mapping[str, Any], quote: Callable[[str], str] = lambda text: text) -> Any:
    """`value` with every reference replaced from `known` ("inputs.service" → value).

    `quote` makes a value harmless inside a longer text (of a query, of an address); it is not applied to what stands alone.
    Raises ReferenceProblem naming the reference whose value is not there.
    """
    if isinstance(value, dict):
        return {key: resolve(item, known, quote) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, known, quote) for item in value]
    if not isinstance(value, str):
        return value
    pieces = parse(value)
    if len(pieces) == 1 and isinstance(pieces[0], Reference):
        return _lookup(pieces[0], known)
    return "".join(quote(as_text(_lookup(piece, known))) if isinstance(piece, Reference) else piece for piece in pieces)


def _lookup(reference: Reference, known: Mapping[str, Any]) -> Any:
    try:
        return known[str(reference)]
    except KeyError:
        raise ReferenceProblem(str(reference)) from None
