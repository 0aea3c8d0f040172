"""The rules that a release package of the matching service brings: its rules.json, applied to a shard's configuration.

    {"limits": {"collar_ppm": 20000}, "boards": {"growth": {"breaker_ppm": 80000}}}

`limits` are fields of the shard's risk limits; `boards` change rows of the symbol table, board by board ("*" is every board). Rules only
ever say what differs, so an empty file is a version with the rules that are in force.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trading_sim.nodes.package_file import MAX_PACKAGE_BYTES, Package, PackageError, verify
from trading_sim.shard.config import ShardConfig, ShardConfigError

RULES_FILE = "rules.json"
SERVICE = "matching"
#: What a package may change of a symbol's row; who the symbols are is not its business.
ROW_FIELDS = frozenset({"breaker_ppm", "halt_s", "band_ppm", "commission_ppm", "stamp_ppm", "margin_ppm"})


class RulesError(ValueError):
    """The package brings no rules that this shard could take; says what is wrong with which."""


@dataclass(frozen=True)
class PackageRules:
    """What a package is and what it changes."""

    version: str
    digest: str
    notes: str
    rules: dict[str, Any]


def read_package(path: Path) -> PackageRules:
    """A release package of the matching service, checked against its own manifest. Raises RulesError, OSError."""
    if path.stat().st_size > MAX_PACKAGE_BYTES:
        raise RulesError(f"{path} has more than {MAX_PACKAGE_BYTES} bytes")
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    name = path.name.removesuffix(".tar.gz")
    if not name.startswith(f"{SERVICE}-"):
        raise RulesError(f"{path.name} is no package of the service {SERVICE}: only those change what a shard does")
    try:
        package = verify(data, digest=digest, service=SERVICE, version=name.removeprefix(f"{SERVICE}-"))
    except PackageError as error:
        raise RulesError(f"{path.name} is no usable package: {error}") from error
    return PackageRules(package.version, digest, package.manifest.get("notes", ""), rules_of(package))


def rules_of(package: Package) -> dict[str, Any]:
    """The package's rules; {} when it brings none. Raises RulesError."""
    data = package.files.get(RULES_FILE)
    if data is None:
        return {}
    try:
        rules = json.loads(data)
    except ValueError as error:
        raise RulesError(f"{RULES_FILE} is not JSON: {error}") from error
    if not isinstance(rules, dict) or set(rules) - {"limits", "boards"}:
        raise RulesError(f'{RULES_FILE} must be {{"limits": {{…}}, "boards": {{…}}}}, either or both')
    return rules


def apply(config: ShardConfig, rules: dict[str, Any]) -> ShardConfig:
    """The configuration with the rules in force. Raises RulesError for a rule that the shard does not know."""
    try:
        limits = replace(config.limits, **rules.get("limits", {}))
        rows = [_changed(row, rules.get("boards", {})) for row in config.symbols]
        return replace(config, limits=limits, symbols=rows)
    except (TypeError, ValueError, AttributeError, ShardConfigError) as error:
        raise RulesError(f"{RULES_FILE} asks for a rule that this shard does not know: {error}") from error


def _changed(row: dict[str, Any], boards: dict[str, dict[str, Any]]) -> dict[str, Any]:
    changes = {**boards.get("*", {}), **boards.get(row.get("board", ""), {})}
    if unknown := changes.keys() - ROW_FIELDS:
        raise RulesError(
            f"{RULES_FILE} changes {', '.join(sorted(unknown))} of a board: it may change {', '.join(sorted(ROW_FIELDS))}"
        )
    return {**row, **changes}
