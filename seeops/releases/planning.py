"""Makes the plan of a release: which nodes of which services in which batches, from what to what, judged how. Refuses what
cannot work."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import rfc8785
from django.utils.translation import gettext as _

from seeops.changes.models import Reversibility
from seeops.core import sentences
from seeops.core.errors import InvalidInput
from seeops.inventory.models import Service, Version
from seeops.releases import batches, judge_profiles, ordering, plan_facts
from seeops.releases.expressions import suggest, suggest_for_shards
from seeops.releases.gates import freezing
from seeops.releases.plan_checks import (
    check_still_true,
    chosen_nodes,
    known_version,
    named_once,
    nodes_of,
    observed,
    package_check,
)
from seeops.releases.plan_facts import Facts
from seeops.releases.verdict import JudgeSettings
from seeops.topology.snapshot import NodeFact, Snapshot

__all__ = ["Draft", "DraftPart", "PartWish", "check_still_true", "draft", "nodes_of", "package_check", "plan_digest"]

SOAK_S = (5, 3600)
MOST_EXTENSIONS = 3
MOST_PARTS = 12
LOCK_POLICIES = ("queue", "fail")
# Of a chain's flow, what the nodes that are out of service at the same time may carry otherwise.
MOST_FLOW_SHARE = 0.3
DIFFER_S = (60, 86_400)
# Of a batch of which more is lost there is too little left to compare.
MOST_BUDGET_SHARE = 0.5


@dataclass(frozen=True)
class PartWish:
    """What a person asks for one service. `expression` empty: the usual batches as far as the service is big enough; `nodes`
    None: all of the service that do not run the version yet; `order` see releases.batches; `short`: one node less than needed
    is accepted where a centre has none to spare."""

    service: Service
    version: str
    expression: str = ""
    nodes: Sequence[str] | None = None
    reversibility: str = Reversibility.AUTO
    order: str = batches.SPREAD
    short: bool = False


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
    """A plan that is not stored yet, its parts in the order of execution. `plan` is what is frozen and digested; `facts` is what
    it was made from."""

    parts: tuple[DraftPart, ...]
    plan: dict[str, Any]
    digest: str
    facts: Facts

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
    most_flow_share: float = MOST_FLOW_SHARE,
    budget_share: float = 0.0,
    basis: Snapshot | None = None,
) -> Draft:
    """The plan for now, what is depended on first. `budget_share`: of a batch, the nodes that may be lost without ending it; `basis`:
    a snapshot of the topology that was just taken. Raises InvalidInput."""
    _check_wishes(parts)
    _check_options(soak_s, lock_policy, versions_differ_at_most_s)
    _check_shares(most_flow_share, budget_share)
    facts = plan_facts.facts([wish.service for wish in parts], basis)
    by_service = {wish.service.name: wish for wish in parts}
    order = ordering.dependency_order(list(by_service), facts.needs, facts.chains)
    made: list[DraftPart] = []
    for service in order.services:
        first = 1 + sum(len(part.plan["batches"]) for part in made)
        made.append(_part(by_service[service], facts, first_number=first, most_flow_share=most_flow_share))
    plan = {
        "parts": [part.plan for part in made],
        "soak_s": soak_s,
        "drain": drain,
        "most_extensions": MOST_EXTENSIONS,
        "judge": asdict(judge or judge_profiles.in_force()),
        "warnings": list(order.notes),
        "gates": freezing.frozen(gates, [part.version for part in made]),
        "budget": {"share": budget_share},
        "versions_differ_at_most_s": versions_differ_at_most_s,
        "most_flow_share": most_flow_share,
        "policy": {"locks": lock_policy},
    }
    return Draft(tuple(made), plan, plan_digest(plan), facts)


def inputs_again(plan: Mapping[str, Any], services: Mapping[str, Service]) -> dict[str, Any]:
    """What a frozen plan was made from, as arguments of `draft`: to plan the same again. `services` by name."""
    parts = [
        PartWish(
            services[part["service"]], part["version"], part["expression"],
            nodes=[node["name"] for batch in part["batches"] for node in batch["nodes"]] if part.get("named") else None,
            reversibility=part["reversibility"], order=part.get("order", batches.SPREAD), short=part.get("short", False),
        )
        for part in plan["parts"]
    ]  # fmt: skip
    return {
        "parts": parts, "soak_s": plan["soak_s"], "drain": plan["drain"], "gates": plan.get("gates"),
        "lock_policy": plan.get("policy", {}).get("locks", "fail"),
        "versions_differ_at_most_s": plan.get("versions_differ_at_most_s"),
        "most_flow_share": plan.get("most_flow_share", MOST_FLOW_SHARE),
        "budget_share": plan.get("budget", {}).get("share", 0.0),
    }  # fmt: skip


def plan_digest(plan: dict[str, Any]) -> str:
    """SHA-256 of the plan's RFC 8785 canonical JSON, hex."""
    return hashlib.sha256(rfc8785.dumps(plan)).hexdigest()


def _check_wishes(parts: Sequence[PartWish]) -> None:
    if not parts:
        raise InvalidInput(_("Choose at least one service with its version."), field="parts")
    if len(parts) > MOST_PARTS:
        raise InvalidInput(
            _("%(n)d services are too many for one release: at most %(most)d.") % {"n": len(parts), "most": MOST_PARTS},
            field="parts",
        )
    named_once([wish.service.name for wish in parts], [wish.nodes for wish in parts])
    for wish in parts:
        if wish.reversibility not in Reversibility.values:
            raise InvalidInput(
                _("“%(word)s” is no way to take a release back.") % {"word": wish.reversibility[:20]},
                field="reversibility",
            )
        if wish.order not in batches.ORDERS:
            raise InvalidInput(
                _("“%(word)s” is no order of centres: “spread” or “centres”.") % {"word": wish.order[:20]},
                field="order",
            )


def _check_options(soak_s: int, lock_policy: str, differ_s: int | None) -> None:
    if not SOAK_S[0] <= soak_s <= SOAK_S[1]:
        raise InvalidInput(
            _("The soak time must be between %(low)d and %(high)d seconds.") % {"low": SOAK_S[0], "high": SOAK_S[1]},
            field="soak_s",
        )
    if lock_policy not in LOCK_POLICIES:
        raise InvalidInput(_("The lock policy is either “queue” or “fail”."), field="lock_policy")
    if differ_s is not None and not DIFFER_S[0] <= differ_s <= DIFFER_S[1]:
        raise InvalidInput(
            _("The time for which versions may differ must be between %(low)d and %(high)d seconds.")
            % {"low": DIFFER_S[0], "high": DIFFER_S[1]},
            field="versions_differ_at_most_s",
        )


def _check_shares(most_flow: float, budget: float) -> None:
    if not 0 < most_flow <= 1:
        raise InvalidInput(
            _("The share of the flow that may be out of service at the same time is above 0, and at most 1."),
            field="most_flow_share",
        )
    if not 0 <= budget <= MOST_BUDGET_SHARE:
        raise InvalidInput(
            _("Of a batch between 0 and %(most)d %% of the nodes may be lost.") % {"most": MOST_BUDGET_SHARE * 100},
            field="budget_share",
        )


def _part(wish: PartWish, facts: Facts, *, first_number: int, most_flow_share: float) -> DraftPart:
    """One service cut into batches, numbered from `first_number`."""
    service = wish.service
    target = known_version(facts, service, wish.version)
    package_check(target)
    chosen = chosen_nodes(facts, service, target, wish.nodes)
    observed(facts, service, {node.centre for node in chosen})
    expression = wish.expression.strip() or _usual(chosen)
    spare = {centre: room.spare for centre, room in facts.room(service.name).items()}
    try:
        cut = batches.plan(
            expression, [_member(node, facts) for node in chosen], spare, order=wish.order, short=wish.short
        )
    except batches.PlanError as error:
        reason = sentences.read(error)
        raise InvalidInput(
            _("%(name)s: %(problem)s") % {"name": service.name, "problem": reason}, field="expression"
        ) from error
    by_name = {node.name: node for node in chosen}
    made = [
        _batch(service, batch, first_number + index, by_name, facts, most_flow_share)
        for index, batch in enumerate(cut.batches)
    ]
    plan = {
        "service": service.name,
        "version": target.number,
        "package": target.file,
        "package_digest": target.digest,
        "expression": expression,
        "order": wish.order,
        "short": wish.short,
        "named": wish.nodes is not None,
        "reversibility": str(wish.reversibility),
        "warnings": [*cut.warnings, *_leader_notes(facts, service), *_loss_notes(made)],
        "batches": made,
    }
    running = wish.nodes if wish.nodes is not None else facts.nodes(service.name)
    return DraftPart(service, target, plan, len(running) - len(chosen))


def _usual(chosen: Sequence[NodeFact]) -> str:
    """The usual batches; for replicas those that never hold two of a shard."""
    replicas: dict[int, int] = {}
    for node in chosen:
        if node.shard is not None:
            replicas[node.shard] = replicas.get(node.shard, 0) + 1
    return suggest_for_shards(list(replicas.values())) if replicas else suggest(len(chosen))


def _member(node: NodeFact, facts: Facts) -> batches.Member:
    return batches.Member(node.name, node.centre, facts.ranks[node.centre], node.shard, facts.leads(node))


def _leader_notes(facts: Facts, service: Service) -> list[str]:
    unknown = facts.leaderless(service.name)
    if not unknown:
        return []
    shards = ", ".join(str(shard) for shard in unknown)
    return [f"It is not known which replica leads shard {shards}: its replicas are taken by centre, the standby first."]


def _loss_notes(made: Sequence[Mapping[str, Any]]) -> list[str]:
    """Batches whose nodes nobody can stand in for."""
    return [
        f"While batch {batch['number']} is under way, up to {batch['blast']['lost'] * 100:.1f} % of the flow of a chain is lost."
        for batch in made
        if batch["blast"]["lost"] > 0
    ]


def _batch(
    service: Service, batch: batches.Batch, number: int, by_name: dict[str, NodeFact], facts: Facts, most_share: float
) -> dict[str, Any]:
    """A batch as it is frozen. Raises InvalidInput when a single node carries more flow than may be out of service."""
    at_once = facts.reckoner.most_at_once(batch.nodes, batch.concurrency, most_share)
    if at_once < 1:
        name, share = facts.reckoner.largest_share(batch.nodes)
        raise InvalidInput(
            _(
                "%(node)s alone carries %(share).1f %% of the flow of %(n)d chains, and the plan lets %(most).1f %% be out of "
                "service at the same time: allow more, or wait until more nodes of %(service)s serve."
            )
            % {
                "node": name, "share": share * 100, "n": len(facts.reckoner.chains(service.name)),
                "most": most_share * 100, "service": service.name,
            },
            field="most_flow_share",
        )  # fmt: skip
    return {
        "number": number,
        "term": batch.term,
        "concurrency": at_once,
        "nodes": [_node(by_name[name], facts) for name in batch.nodes],
        "blast": facts.reckoner.of(service.name, batch.nodes, at_once).as_plan(),
    }


def _node(node: NodeFact, facts: Facts) -> dict[str, Any]:
    frozen: dict[str, Any] = {"name": node.name, "centre": node.centre, "from": facts.versions_now[node.name]}
    if node.shard is not None:
        frozen |= {"shard": node.shard, "leads": facts.leads(node)}
    return frozen
