"""Brings the inventory in line with the cluster's own description of itself. Can be run again at any time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.cluster import door
from seeops.core.clock import now
from seeops.core.errors import InvalidInput
from seeops.inventory.models import Centre, CentreRole, Domain, Node, Redundancy, Service, Site, Version

_ROLES = {"primary": CentreRole.PRODUCTION, "same-city": CentreRole.SAME_CITY, "remote": CentreRole.REMOTE}


@transaction.atomic
def inventory_import(*, actor: Any, description: dict[str, Any] | None = None) -> dict[str, int]:
    """Create and update sites, centres, domains, services, redundancy and nodes from `description` (default: the cluster's).

    Nodes that the cluster no longer has are marked as decommissioned, never deleted: history points at them. Returns how
    many nodes were added, kept and decommissioned. `actor` None is the set-up itself.
    """
    if actor is not None:
        rights.require(actor, "inventory.discover")
    described = description or door.describe()
    sites = _put_all(Site, "code", {row["name"]: {"name": row["title"]} for row in described["sites"]})
    centres = _put_all(
        Centre, "code", {row["name"]: _centre(row, at, sites) for at, row in enumerate(described["centres"])}
    )
    domains = _put_all(Domain, "code", {row["name"]: {"name": row["title"]} for row in described["domains"]})
    services = _put_all(Service, "name", {row["name"]: _service(row, domains) for row in described["services"]})
    Redundancy.objects.bulk_create(
        [
            Redundancy(service=services[row["name"]], centre=centres[centre], needed=row["needed"][centre], of=count)
            for row in described["services"]
            for centre, count in row["nodes"].items()
        ],
        update_conflicts=True,
        unique_fields=["service", "centre"],
        update_fields=["needed", "of"],
    )
    counts = _nodes(described, services, centres)
    if counts["added"] or counts["decommissioned"]:
        audit.record(actor=actor, action="inventory.import", obj=("inventory", "nodes", "nodes"), after=counts)
    return counts


def _put_all(model: Any, key: str, values: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Insert or update one row for each {key: other fields}, in one statement; answers {key: row}."""
    rows = {name: model(**{key: name}, **fields) for name, fields in values.items()}
    fields = sorted({field for each in values.values() for field in each})
    model.objects.bulk_create(rows.values(), update_conflicts=True, unique_fields=[key], update_fields=fields)
    return rows


def _centre(row: dict[str, Any], position: int, sites: dict[str, Site]) -> dict[str, Any]:
    return {
        "name": row["title"],
        "site": sites[row["site"]],
        "role": _ROLES[row["role"]],
        "flow_share": row["flow_share"],
        "position": position,
    }


def _service(row: dict[str, Any], domains: dict[str, Domain]) -> dict[str, Any]:
    values = {field: row[field] for field in ("title", "tier", "kind", "protocol", "service_time_ms", "capacity_per_s")}
    return values | {"domain": domains[row["domain"]], "memory_limit_mb": row["memory_limit_mb"]}


def _nodes(described: dict[str, Any], services: dict[str, Service], centres: dict[str, Centre]) -> dict[str, int]:
    shards = {node: row["shard"] for row in described["shards"] for node in row["nodes"].values()}
    wanted = {
        row["name"]: Node(
            name=row["name"],
            service=services[row["service"]],
            centre=centres[row["centre"]],
            shard=shards.get(row["name"]),
        )
        for row in described["nodes"]
    }
    active = set(Node.objects.active().values_list("name", flat=True))
    Node.objects.bulk_create(
        wanted.values(),
        batch_size=500,
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["service", "centre", "shard"],
    )
    Node.objects.filter(name__in=wanted.keys() - active).update(decommissioned_at=None)
    gone = Node.objects.active().exclude(name__in=wanted).update(decommissioned_at=now())
    return {"added": len(wanted.keys() - active), "kept": len(wanted.keys() & active), "decommissioned": gone}


@transaction.atomic
def versions_import(*, actor: Any, folder: str | Path | None = None) -> int:
    """Read the package index (`index.json`) and record every version. Returns how many versions are known afterwards.

    A number whose package changed its digest is refused: what was approved must be what is installed.
    """
    if actor is not None:
        rights.require(actor, "inventory.discover")
    root = Path(folder or settings.PACKAGES_DIR)
    index = root / "index.json"
    try:
        entries = json.loads(index.read_text())
    except (OSError, ValueError) as error:
        raise InvalidInput(
            _("The package index %(file)s cannot be read (%(error)s): build the packages first.")
            % {"file": index, "error": error}
        ) from error
    services = {service.name: service for service in Service.objects.all()}
    known = {(row.service.name, row.number): row for row in Version.objects.select_related("service")}
    fresh = []
    for entry in entries:
        key = entry["service"], entry["version"]
        if key[0] not in services:
            continue
        if key in known:
            if known[key].digest != entry["digest"]:
                raise InvalidInput(
                    _("%(service)s %(version)s has another digest than when it was first seen: give it a new number.")
                    % {"service": key[0], "version": key[1]}
                )
            continue
        file = Path(entry["file"])
        fresh.append(
            Version(
                service=services[key[0]],
                number=key[1],
                digest=entry["digest"],
                file=str(file if file.is_absolute() else (root / file).resolve()),
                notes=entry.get("notes", ""),
                built_at=parse_datetime(entry["built_at"]) if entry.get("built_at") else None,
            )
        )
    Version.objects.bulk_create(fresh, batch_size=500)
    if fresh:
        audit.record(
            actor=actor,
            action="inventory.versions",
            obj=("inventory", "versions", "versions"),
            after={"added": len(fresh)},
        )
    return len(known) + len(fresh)
