"""Experiment files: chaostoolkit's format, and what this product asks of them beyond it.

The entry `{"name": "seeops", …}` under "extensions" declares what the experiment may touch and what it expects, so that the
guard can refuse it and the verdict can compare: families, targets, expects {alerts, recovery_s, lost_orders,
success_threshold}, max_nodes. Only this extension's functions may be called: a file is data, not code.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

FOLDER = Path(__file__).parent / "experiments"
MODULES = ("chaos.chaostrading.actions", "chaos.chaostrading.probes")
SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "experiment.schema.json").read_text())


class ExperimentError(ValueError):
    """An experiment file that will not be run; says where and why."""


@dataclass(frozen=True)
class Declared:
    """What an experiment declares about itself."""

    families: tuple[str, ...]
    services: tuple[str, ...]
    centres: tuple[str, ...]
    shards: tuple[int, ...]
    max_nodes: int
    expected_alerts: tuple[str, ...]
    recovery_s: float
    lost_orders: int
    success_threshold: float
    about_s: float


@dataclass(frozen=True)
class Document:
    """A checked experiment file. `digest` is the SHA-256 of its bytes."""

    code: str
    title: str
    description: str
    digest: str
    declared: Declared
    body: dict[str, Any] = field(repr=False)

    def steps(self) -> list[dict[str, Any]]:
        """The method, step by step: [{type, name, function, arguments, pauses}]."""
        return [
            {
                "type": step["type"],
                "name": step["name"],
                "function": step["provider"]["func"],
                "arguments": step["provider"].get("arguments", {}),
                "pauses": step.get("pauses", {}),
            }
            for step in self.body["method"]
        ]

    def probes(self) -> list[dict[str, Any]]:
        """The steady state: [{name, tolerance, function, arguments}]."""
        return [
            {
                "name": probe["name"],
                "tolerance": probe["tolerance"],
                "function": probe["provider"]["func"],
                "arguments": probe["provider"].get("arguments", {}),
            }
            for probe in self.body["steady-state-hypothesis"]["probes"]
        ]


def parse(content: bytes, *, name: str) -> Document:
    """A document from the bytes of a file. Raises ExperimentError."""
    try:
        body = json.loads(content)
        jsonschema.validate(body, SCHEMA)
    except ValueError as error:
        raise ExperimentError(f"{name}: not JSON ({error})") from error
    except jsonschema.ValidationError as error:
        raise ExperimentError(f"{name}: {error.json_path}: {error.message}") from error
    own = next((entry for entry in body["extensions"] if entry["name"] == "seeops"), None)
    if own is None:
        raise ExperimentError(f"{name}: no declaration of this product under extensions")
    if strayed := _undeclared(body["method"], own["targets"]):
        raise ExperimentError(f"{name}: {strayed}, which it does not declare under targets")
    return Document(
        code=Path(name).stem,
        title=body["title"],
        description=body["description"],
        digest=hashlib.sha256(content).hexdigest(),
        declared=_declared(own),
        body=body,
    )


def _undeclared(method: list[dict[str, Any]], targets: dict[str, Any]) -> str:
    """The first step that hits what the file does not declare; empty when there is none."""
    centres, services = targets.get("centres", ()), targets.get("services", ())
    for step in method:
        if step["type"] != "action":
            continue
        arguments = step["provider"].get("arguments", {})
        centre, service, shard = arguments.get("centre"), arguments.get("service"), arguments.get("shard")
        named = [*arguments.get("nodes", ())]
        strays = [
            f"centre {centre}" if centre and centre not in centres else "",
            f"service {service}" if service and service not in services else "",
            f"shard {shard}" if shard is not None and shard not in targets.get("shards", ()) else "",
            *(f"node {node}" for node in named if not any(node.startswith(f"{known}-") for known in services)),
            _undeclared_process(str(arguments.get("name", "")), targets),
        ]
        if stray := next(filter(None, strays), ""):
            return f"{step['name']!r} hits {stray}"
    return ""


def _undeclared_process(name: str, targets: dict[str, Any]) -> str:
    known = {f"centre-{centre}" for centre in targets.get("centres", ())}
    parts = name.split("-", 2)
    shard = parts[0] == "shard" and len(parts) == 3 and parts[1] in map(str, targets.get("shards", ()))
    return "" if not name or name in known or shard or name == "load" else f"process {name}"


def _declared(own: dict[str, Any]) -> Declared:
    targets, expects = own["targets"], own["expects"]
    return Declared(
        families=tuple(own["families"]),
        services=tuple(targets.get("services", ())),
        centres=tuple(targets.get("centres", ())),
        shards=tuple(targets.get("shards", ())),
        max_nodes=own["max_nodes"],
        expected_alerts=tuple(expects["alerts"]),
        recovery_s=expects["recovery_s"],
        lost_orders=expects["lost_orders"],
        success_threshold=expects["success_threshold"],
        about_s=own["about_s"],
    )


def read(path: Path) -> Document:
    return parse(path.read_bytes(), name=path.name)


def documents(folder: Path = FOLDER) -> dict[str, Document]:
    """Every experiment of the folder by code (the file's name). Raises ExperimentError for the first that does not fit."""
    found = [read(path) for path in sorted(folder.glob("*.json"))]
    return {document.code: document for document in found}
