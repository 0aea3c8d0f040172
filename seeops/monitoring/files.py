"""What operators own as files under dashboards/: read once, checked, with errors that name the file and the place."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from seeops.monitoring.health import Thresholds

FOLDER = Path(__file__).resolve().parents[2] / "dashboards"


class FileInvalid(ValueError):
    """A file under dashboards/ is not what it must be; says which, where and why."""


def read(path: Path, schema: dict[str, Any] | None = None) -> Any:
    """The YAML file, checked against the JSON schema. Raises FileInvalid."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise FileInvalid(f"{path.name}: {error}") from error
    if schema is not None:
        problems = sorted(Draft202012Validator(schema).iter_errors(content), key=lambda e: list(map(str, e.path)))
        if problems:
            first = problems[0]
            where = "/".join(map(str, first.path)) or "the top"
            raise FileInvalid(f"{path.name}: at {where}: {first.message}")
    return content


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON schema dashboards/schema/<name>.json."""
    found: dict[str, Any] = json.loads((FOLDER / "schema" / f"{name}.json").read_text(encoding="utf-8"))
    return found


@cache
def thresholds() -> Thresholds:
    """dashboards/thresholds.yml."""
    content = read(FOLDER / "thresholds.yml", schema("thresholds"))
    return Thresholds(
        error_attention=content["error_ratio"]["attention"],
        error_bad=content["error_ratio"]["bad"],
        latency_attention=content["latency_ratio"]["attention"],
        latency_bad=content["latency_ratio"]["bad"],
        latency_floor_s=content["latency_floor_s"],
        min_rate=content["min_rate"],
    )
