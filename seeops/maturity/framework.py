"""Maturity frameworks are data: this module reads them from YAML and checks them against a schema."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

FOLDER = Path(__file__).parent / "frameworks"


class FrameworkError(ValueError):
    """A framework file cannot be used; says where and why."""


@dataclass(frozen=True)
class Text:
    """The same words in both languages of the console."""

    en: str
    zh: str

    def in_language(self, language: str) -> str:
        return self.zh if language.startswith("zh") else self.en


@dataclass(frozen=True)
class Criterion:
    """What a level asks for: a bound on a measure, or the attestation of a person; evidence may be `max_age_d` old."""

    code: str
    level: int
    text: Text
    max_age_d: float
    measure: str = ""
    at_least: float | None = None
    at_most: float | None = None
    sample_at_least: int = 1

    @property
    def attested(self) -> bool:
        return not self.measure


@dataclass(frozen=True)
class Item:
    code: str
    name: Text
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True)
class Domain:
    code: str
    name: Text
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Framework:
    code: str
    name: Text
    disclaimer: Text
    levels: tuple[Text, ...]
    domains: tuple[Domain, ...]

    def criteria(self) -> list[Criterion]:
        return [criterion for domain in self.domains for item in domain.items for criterion in item.criteria]

    def criterion(self, code: str) -> Criterion:
        return next(criterion for criterion in self.criteria() if criterion.code == code)


def parse(source: str, *, name: str) -> Framework:
    """A framework from YAML text. Raises FrameworkError naming the place that does not fit."""
    try:
        document = yaml.safe_load(source)
        jsonschema.validate(document, _schema())
    except yaml.YAMLError as error:
        raise FrameworkError(f"{name}: not YAML ({error})") from error
    except jsonschema.ValidationError as error:
        raise FrameworkError(f"{name}: {error.json_path}: {error.message}") from error
    framework = _framework(document)
    codes = [criterion.code for criterion in framework.criteria()]
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        raise FrameworkError(f"{name}: criteria used twice: {', '.join(twice)}")
    return framework


def _framework(document: dict[str, Any]) -> Framework:
    return Framework(
        code=document["code"],
        name=Text(**document["name"]),
        disclaimer=Text(**document["disclaimer"]),
        levels=tuple(Text(**level) for level in document["levels"]),
        domains=tuple(
            Domain(
                code=domain["code"],
                name=Text(**domain["name"]),
                items=tuple(
                    Item(item["code"], Text(**item["name"]), tuple(_criterion(entry) for entry in item["criteria"]))
                    for item in domain["items"]
                ),
            )
            for domain in document["domains"]
        ),
    )


def _criterion(entry: dict[str, Any]) -> Criterion:
    values = {key: value for key, value in entry.items() if key not in ("text", "attested")}
    return Criterion(text=Text(**entry["text"]), **values)


@lru_cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / "schema.json").read_text())
    return schema


@lru_cache
def frameworks() -> dict[str, Framework]:
    """All frameworks of the folder by code."""
    found = [parse(path.read_text(), name=path.name) for path in sorted(FOLDER.glob("*.yaml"))]
    return {framework.code: framework for framework in found}
