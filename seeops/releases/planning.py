"""Makes the plan of a release: which nodes in which batches, from what to what, judged how. Refuses what cannot work."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import rfc8785
from django.utils.translation import gettext as _

from seeops.changes.models import Reversibility
from seeops.core import sentences
from seeops.core.errors import InvalidInput, RuleViolation
from seeops.inventory import selectors as inventory
from seeops.inventory.models import CentreRole, Node, Service, Version
from seeops.releases import batches
from seeops.releases.verdict import JudgeSettings
from seeops.topology import selectors as topology

# Standby first: what goes wrong there is felt by the fewest.
RANK = {CentreRole.REMOTE: 0, CentreRole.SAME_CITY: 1, CentreRole.PRODUCTION: 2}
SOAK_S = (5, 3600)
MOST_EXTENSIONS = 3
LOCK_POLICIES = ("queue", "fail")


@dataclass(frozen=True)
class PartWish:
    """What a person asks for one service. `expression` empty: the usual batches as far as the service is big enough; `nodes`
    None: all of the service that do not run the version yet."""

    service: Service
    version: str
    expression: str = ""
    nodes: Sequence[str] | None = None
    reversibility: str = Reversibility.AUTO


@dataclass(frozen=True)
class DraftPart:
    """One service of a plan; `others` counts nodes that run the version already."""

    service: Service
    version: Version
    plan: dict[str, Any]
    others: int

    @property
    def total(self) -> int:
        return sum(len(batch["nodes"]) for batch in self.plan["batches"])

    @property
    def title(self) -> str:
        return f"{self.service.name} {self.version.number}"


@dataclass(frozen=True)
class Draft:
    """A plan that is not stored yet. `plan` is what is frozen and digested."""

    parts: tuple[DraftPart, ...]
    plan: dict[str, Any]
    digest: str

    @property
    def total(self) -> int:
        return sum(part.total for part in self.parts)

    @property
    def others(self) -> int:
        return sum(part.others for part in self.parts)

    @property
    def title(self) -> str:
        return ", ".join(part.title for part in self.parts)


def draft(
    *,
    parts: Sequence[PartWish],
    soak_s: int = 60,
    drain: bool = True,
    judge: JudgeSettings | None = None,
    gates: dict[str, Any] | None = None,
    lock_policy: str = "fail",
    versions_differ_at_most_s: int | None = None,
) -> Draft:
    """The plan for now, part after part in the order given. Raises InvalidInput."""
    _check_wishes(parts)
    if not SOAK_S[0] <= soak_s <= SOAK_S[1]:
        raise InvalidInput(
            _("The soak time must be between %(low)d and %(high)d seconds.") % {"low": SOAK_S[0], "high": SOAK_S[1]},
            field="soak_s",
        )
    if lock_policy not in LOCK_POLICIES:
        raise InvalidInput(_("The lock policy is either “queue” or “fail”."), field="lock_policy")
    made, number = [], 1
    for wish in parts:
        part = _part(wish, first_number=number)
        number += len(part.plan["batches"])
        made.append(part)
    plan = {
        "parts": [part.plan for part in made],
        "soak_s": soak_s,
        "drain": drain,
        "most_extensions": MOST_EXTENSIONS,
        "judge": asdict(judge or JudgeSettings()),
        "warnings": [],
        "gates": gates or {},
        "budget": {"share": 0.0},
        "versions_differ_at_most_s": versions_differ_at_most_s,
        "policy": {"locks": lock_policy},
    }
    return Draft(tuple(made), plan, plan_digest(plan))


def _check_wishes(parts: Sequence[PartWish]) -> None:
    if not parts:
        raise InvalidInput(_("Choose at least one service with its version."), field="parts")
    names = [wish.service.name for wish in parts]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInput(_("Named twice: %(names)s.") % {"names": ", ".join(twice)}, field="parts")
    for wish in parts:
        if wish.reversibility not in Reversibility.values:
            raise InvalidInput(
                _("“%(word)s” is no way to take a release back.") % {"word": wish.reversibility[:20]},
                field="reversibility",
            )


def _part(wish: PartWish, *, first_number: int) -> DraftPart:
    """One service cut into batches, numbered from `first_number`."""
    service = wish.service
    target = _version(service, wish.version)
    package_check(target)
    chosen, others = _nodes(service, target, wish.nodes)
    _observed(service, {node.centre.code for node in chosen})
    expression = wish.expression.strip() or batches.suggest(len(chosen))
    centres = {node.centre_id: node.centre for node in chosen}
    spare = {centre.code: topology.max_unavailable(service, centre) for centre in centres.values()}
    members = [batches.Member(node.name, node.centre.code, RANK[CentreRole(node.centre.role)]) for node in chosen]
    try:
        cut = batches.plan(expression, members, spare)
    except batches.PlanError as error:
        raise InvalidInput(sentences.read(error), field="expression") from error
    by_name = {node.name: node for node in chosen}
    plan = {
        "service": service.name,
        "version": target.number,
        "package": target.file,
        "package_digest": target.digest,
        "expression": expression,
        "reversibility": str(wish.reversibility),
        "warnings": list(cut.warnings),
        "batches": [
            {
                "number": first_number + index,
                "term": batch.term,
                "concurrency": batch.concurrency,
                "nodes": [
                    {"name": name, "centre": by_name[name].centre.code, "from": by_name[name].version}
                    for name in batch.nodes
                ],
            }
            for index, batch in enumerate(cut.batches)
        ],
    }
    return DraftPart(service, target, plan, others)


def _observed(service: Service, centres: set[str]) -> None:
    """Refuses to plan blind: batches are cut by what each centre can spare, and nodes in an unknown state hide just that."""
    for cell in inventory.cells(service):
        if cell.centre in centres and cell.spare < 1 <= cell.spare + cell.unknown:
            raise InvalidInput(
                _(
                    "%(n)d nodes of %(service)s in %(centre)s are in an unknown state, so nobody can say how many may leave "
                    "at the same time: plan again when they have been observed."
                )
                % {"n": cell.unknown, "service": service.name, "centre": cell.centre},
                field="service",
            )


def plan_digest(plan: dict[str, Any]) -> str:
    """SHA-256 of the plan's RFC 8785 canonical JSON, hex."""
    return hashlib.sha256(rfc8785.dumps(plan)).hexdigest()


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


def check_still_true(plan: dict[str, Any], versions: Sequence[Version]) -> None:
    """Refuses to start a plan that the estate has moved away from. Raises RuleViolation or InvalidInput."""
    for version in versions:
        package_check(version)
    planned = {node["name"]: node["from"] for node in nodes_of(plan)}
    active = dict(inventory.active_nodes().filter(name__in=planned).values_list("name", "version"))
    gone = sorted(set(planned) - set(active))
    if gone:
        raise RuleViolation(
            _("%(names)s left the inventory since the plan was made: plan again.") % {"names": ", ".join(gone[:5])}
        )
    moved = sorted(name for name, before in planned.items() if active[name] != before)
    if moved:
        raise RuleViolation(
            _("%(count)d nodes run another version than planned (%(names)s …): plan again.")
            % {"count": len(moved), "names": ", ".join(moved[:3])}
        )


def nodes_of(plan: dict[str, Any]) -> list[dict[str, str]]:
    """All nodes of a frozen plan in the order of execution: name, centre, from."""
    return [node for part in plan["parts"] for batch in part["batches"] for node in batch["nodes"]]


def _version(service: Service, number: str) -> Version:
    try:
        return inventory.version(service, number.strip())
    except Version.DoesNotExist:
        raise InvalidInput(
            _("%(service)s has no version “%(version)s”.") % {"service": service.name, "version": number[:40]},
            field="version",
        ) from None


def _nodes(service: Service, target: Version, names: Sequence[str] | None) -> tuple[list[Node], int]:
    """The nodes to change, and how many run the version already."""
    active = list(inventory.nodes_of(service).order_by("name"))
    if names is not None:
        active = _named(service, active, names)
    chosen = [node for node in active if node.version != target.number]
    if not active:
        raise InvalidInput(_("%(service)s has no active node.") % {"service": service.name}, field="service")
    if not chosen:
        raise InvalidInput(
            _("All %(count)d nodes of %(service)s run %(version)s already.")
            % {"count": len(active), "service": service.name, "version": target.number},
            field="version",
        )
    unknown = [node.name for node in chosen if not node.version]
    if unknown:
        raise InvalidInput(
            _("It is not known what %(names)s and %(count)d nodes in all run: without that nothing can be rolled back.")
            % {"names": ", ".join(unknown[:3]), "count": len(unknown)},
            field="service",
        )
    return chosen, len(active) - len(chosen)


def _named(service: Service, active: list[Node], names: Sequence[str]) -> list[Node]:
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise InvalidInput(_("Named twice: %(names)s.") % {"names": ", ".join(twice[:5])}, field="nodes")
    known = {node.name: node for node in active}
    missing = sorted(set(names) - set(known))
    if missing:
        raise InvalidInput(
            _("Not an active node of %(service)s: %(names)s.")
            % {"service": service.name, "names": ", ".join(missing[:5])},
            field="nodes",
        )
    return [known[name] for name in names]
