"""Stored sentences in the reader's language.

Workers write for nobody in particular: what they store (the history of a release, the findings of a verdict, titles that
come from files) is English. A page reads it for whoever looks. `read` finds the message of the catalogue that the sentence
was made from, takes the values out of it and puts them into the translation; values that are sentences are read as well.
What no message fits, such as what a person wrote, is returned as it is.

Messages that no gettext call of ours contains stand in the `wording` modules of the apps, marked with gettext_noop.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from babel.messages.mofile import read_mo
from django.conf import settings
from django.utils.translation import get_language, to_locale

# %(name)s and its relatives, or an escaped per cent sign.
_PLACE = re.compile(r"%\((?P<name>\w+)\)[-+ #0]*\d*(?:\.\d+)?(?P<kind>[sdifrg])|%%")
_VALUE = {"d": r"[-+]?\d+", "i": r"[-+]?\d+", "f": r"[-+]?\d+(?:\.\d+)?"}
# A text at the very beginning does not reach over what joins findings; elsewhere it may hold a whole sentence.
_FIRST, _LATER = "[^;:]*?", ".*?"
# A message of little but values would fit nearly everything.
_LEAST_LETTERS = 5
_DEEPEST = 3


@dataclass(frozen=True)
class _Message:
    shape: re.Pattern[str]
    translation: str
    longest: str  # the longest piece between values: a cheap test before the expression

    def apply(self, text: str, depth: int, path: str) -> str | None:
        found = self.shape.fullmatch(text) if self.longest in text else None
        if found is None:
            return None
        values = {name: _value(value, depth + 1, path) for name, value in found.groupdict().items()}
        return _PLACE.sub(lambda place: values[place["name"]] if place["name"] else "%", self.translation)


def read(text: object) -> str:
    """`text` in the active language as far as the catalogue knows it, else unchanged."""
    sentence, path = str(text or ""), _catalogue_file(get_language() or settings.LANGUAGE_CODE)
    return _read(sentence, 0, path) if sentence and path else sentence


def _value(text: str, depth: int, path: str) -> str:
    """A value that is a sentence, or an outcome such as FAIL, is read; a single word is a name or what a person wrote."""
    return _read(text, depth, path) if " " in text or text.isupper() else text


def _catalogue_file(language: str) -> str:
    for folder in settings.LOCALE_PATHS:
        path = Path(folder) / to_locale(language) / "LC_MESSAGES" / "django.mo"
        if path.is_file():
            return str(path)
    return ""


@lru_cache(maxsize=8192)
def _read(text: str, depth: int, path: str) -> str:
    plain, shapes = _catalogue(path)
    known = plain.get(text) or plain.get(text[:1].lower() + text[1:])
    if known is not None:
        return known
    if depth > _DEEPEST:
        return text
    for message in shapes:
        translated = message.apply(text, depth, path)
        if translated is not None:
            return translated
    # Several findings in one line, each after the name of what it is about.
    for mark, joined in (("; ", "；"), (": ", "：")):
        parts = text.split(mark) if mark == "; " else text.split(mark, 1)
        done = [_read(part, depth + 1, path) for part in parts] if len(parts) > 1 else parts
        if done != parts:
            return joined.join(done)
    return text


@lru_cache(maxsize=4)
def _catalogue(path: str) -> tuple[Mapping[str, str], tuple[_Message, ...]]:
    """Messages without values by their text, and those with values, the most specific first."""
    plain: dict[str, str] = {}
    shapes: list[tuple[int, _Message]] = []
    with Path(path).open("rb") as source:
        for message in read_mo(source):
            if not message.id or message.context:
                continue
            for single, translation in _forms(message.id, message.string):
                if "%(" not in single:
                    plain[single] = translation
                    continue
                pieces = [piece.replace("%%", "%") for piece in _split(single)]
                letters = sum(char.isalpha() for piece in pieces for char in piece)
                if letters >= _LEAST_LETTERS:
                    shapes.append((letters, _Message(_shape(single), translation, max(pieces, key=len))))
    shapes.sort(key=lambda pair: -pair[0])
    return plain, tuple(message for _letters, message in shapes)


def _forms(message: object, translation: object) -> list[tuple[str, str]]:
    """Singular and plural of one entry with the translation of each; Chinese has one for both."""
    sources = message if isinstance(message, (tuple, list)) else (message,)
    targets = translation if isinstance(translation, (tuple, list)) else (translation,)
    return [(str(source), str(targets[min(n, len(targets) - 1)])) for n, source in enumerate(sources)]


def _split(message: str) -> list[str]:
    """The pieces of a message between its values."""
    pieces, end = [], 0
    for place in _PLACE.finditer(message):
        if place["name"]:
            pieces.append(message[end : place.start()])
            end = place.end()
    return [*pieces, message[end:]]


def _shape(message: str) -> re.Pattern[str]:
    """What every sentence made from `message` looks like. A value that stands twice must be the same both times."""
    parts, end, seen = [], 0, set()
    for place in _PLACE.finditer(message):
        parts.append(re.escape(message[end : place.start()]))
        name = place["name"]
        if name is None:
            parts.append("%")
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            seen.add(name)
            text = _LATER if place.start() else _FIRST
            parts.append(f"(?P<{name}>{_VALUE.get(place['kind'], text)})")
        end = place.end()
    return re.compile("".join([*parts, re.escape(message[end:])]), re.DOTALL)
