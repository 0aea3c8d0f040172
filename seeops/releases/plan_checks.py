"""What no plan is made of, and what no plan is started with: each refusal names the object and what to do."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from seeops.core.clock import shanghai
from seeops.core.errors import InvalidInput, RuleViolation
from seeops.inventory import selectors as inventory
from seeops.inventory.models import Node, Service, Version
from seeops.releases.plan_facts import Facts
from seeops.topology.snapshot import NodeFact

NAMES_SHOWN = 5


def package_check(version: Version) -> None:
    """Refuses a package that is not there or not what the inventory knows. Raises InvalidInput."""
    path = Path(version.file)
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInput(
            _("The package of %(service)s %(version)s cannot be read (%(error)s): import the versions again.")
            % {"service": version.service.name, "version": version.number, "error": error.strerror},
            field="version",
        ) from error
    if found != version.digest:
        raise InvalidInput(
            _("The package of %(service)s %(version)s is not what was registered: its digest is %(found)s…, not %(known)s….")
            % {
                "service": version.service.name, "version": version.number, "found": found[:12],
                "known": version.digest[:12],
            },
            field="version", code="digest_mismatch",
        )  # fmt: skip


def known_version(facts: Facts, service: Service, number: str) -> Version:
    """Raises InvalidInput for a version that the service does not have."""
    found = facts.packages.get((service.name, number.strip()))
    if found is None:
        raise InvalidInput(
            _("%(service)s has no version “%(version)s”.") % {"service": service.name, "version": number[:40]},
            field="version",
        )
    return found


def named_once(service_names: Sequence[str], node_lists: Iterable[Sequence[str] | None]) -> None:
    """A service, and a node, takes part in a release once. Raises InvalidInput."""
    services = _twice(service_names)
    if services:
        raise InvalidInput(
            _("Named twice: %(names)s. Each service stands once in a release, with one version.")
            % {"names": ", ".join(services)},
            field="parts",
        )
    nodes = _twice([name for names in node_lists for name in names or ()])
    if nodes:
        raise InvalidInput(
            _("Named twice: %(names)s. Each node takes part once.") % {"names": _listed(nodes)}, field="nodes"
        )


def _twice(names: Iterable[str]) -> list[str]:
    return sorted(name for name, times in Counter(names).items() if times > 1)


def chosen_nodes(facts: Facts, service: Service, target: Version, names: Sequence[str] | None) -> list[NodeFact]:
    """The nodes to change: those named, or all active ones, without those that run the version already. Raises InvalidInput."""
    active = facts.nodes(service.name)
    if not active:
        raise InvalidInput(_("%(service)s has no active node.") % {"service": service.name}, field="service")
    if names is not None:
        active = _named(service, active, names)
    chosen = [node for node in active if facts.versions_now.get(node.name) != target.number]
    if not chosen:
        raise InvalidInput(
            _("All %(count)d nodes of %(service)s run %(version)s already.")
            % {"count": len(active), "service": service.name, "version": target.number},
            field="version",
        )
    unknown = [node.name for node in chosen if not facts.versions_now.get(node.name)]
    if unknown:
        raise InvalidInput(
            _("It is not known what %(names)s and %(count)d nodes in all run: without that nothing can be rolled back.")
            % {"names": ", ".join(unknown[:3]), "count": len(unknown)},
            field="service",
        )
    return chosen


def _named(service: Service, active: Sequence[NodeFact], names: Sequence[str]) -> list[NodeFact]:
    if not names:
        raise InvalidInput(
            _("No node of %(service)s is named: name some, or leave the list away to take all.")
            % {"service": service.name},
            field="nodes",
        )
    known = {node.name: node for node in active}
    missing = sorted(set(names) - set(known))
    if missing:
        raise InvalidInput(_why_missing(service, missing), field="nodes")
    return [known[name] for name in names]


def _why_missing(service: Service, missing: Sequence[str]) -> str:
    """Nodes that left, nodes of another service, and names that nobody knows are told apart."""
    found = Node.objects.filter(name__in=missing).select_related("service").order_by("name")
    left = [node for node in found if node.decommissioned_at is not None]
    if left:
        return _("%(names)s left the inventory on %(day)s: take what was decommissioned out of the list.") % {
            "names": _listed([node.name for node in left]),
            "day": shanghai(left[0].decommissioned_at).strftime("%Y-%m-%d"),
        }
    other = [node for node in found if node.service_id != service.pk]
    if other:
        return _("Not an active node of %(service)s: %(names)s (of %(other)s). Add it to the part of its own service.") % {
            "service": service.name, "names": _listed([node.name for node in other]), "other": other[0].service.name,
        }  # fmt: skip
    return _("Not an active node of %(service)s: %(names)s.") % {"service": service.name, "names": _listed(missing)}


def observed(facts: Facts, service: Service, centres: Collection[str]) -> None:
    """Refuses to plan blind: batches are cut by what each centre can spare, and nodes in an unknown state hide just that."""
    rooms = facts.room(service.name)
    for centre in sorted(centres):
        room = rooms[centre]
        hidden = room.unknown if not service.replicated else sum(other.unknown for other in rooms.values())
        enough = service.replicated or room.serving + room.unknown - room.needed >= 1
        if room.spare < 1 and hidden and enough:
            raise InvalidInput(
                _(
                    "%(n)d nodes of %(service)s in %(centre)s are in an unknown state, so nobody can say how many may leave "
                    "at the same time: plan again when they have been observed."
                )
                % {"n": hidden, "service": service.name, "centre": centre},
                field="service",
            )


def check_still_true(plan: dict[str, Any], versions: Sequence[Version]) -> None:
    """Refuses to start a plan that the estate has moved away from. Raises RuleViolation or InvalidInput."""
    for version in versions:
        package_check(version)
    planned = {node["name"]: node["from"] for node in nodes_of(plan)}
    active = dict(inventory.active_nodes().filter(name__in=planned).values_list("name", "version"))
    gone = sorted(set(planned) - set(active))
    if gone:
        raise RuleViolation(
            _("%(names)s left the inventory since the plan was made: plan again.") % {"names": _listed(gone)}
        )
    moved = sorted(name for name, before in planned.items() if active[name] != before)
    if moved:
        raise RuleViolation(
            _("%(count)d nodes run another version than planned (%(names)s …): plan again.")
            % {"count": len(moved), "names": ", ".join(moved[:3])}
        )


def nodes_of(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All nodes of a frozen plan in the order of execution: name, centre, from; of replicas also shard, and leads."""
    return [node for part in plan["parts"] for batch in part["batches"] for node in batch["nodes"]]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMES_SHOWN
    shown = ", ".join(names[:NAMES_SHOWN])
    return shown if more <= 0 else _("%(names)s and %(n)d more") % {"names": shown, "n": more}
