"""Makes releases: freezes a plan, binds it to its ticket, and stores parts, batches and nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from seeops.accounts import rights
from seeops.changes import services as changes
from seeops.changes.models import ChangeTicket
from seeops.core.clock import now
from seeops.core.errors import InvalidInput, RuleViolation
from seeops.core.numbering import next_number
from seeops.inventory.models import Node
from seeops.releases import journal, planning, reversal, states
from seeops.releases.models import Batch, BatchNode, Release, ReleasePart
from seeops.releases.planning import PartWish
from seeops.releases.steps import named

SHOWN_OF_PART = ("service", "version", "package_digest", "expression", "reversibility", "warnings")


@transaction.atomic
def release_plan(
    *,
    actor: Any,
    ticket: ChangeTicket,
    parts: Sequence[PartWish],
    soak_s: int = 60,
    drain: bool = True,
    gates: dict[str, Any] | None = None,
    lock_policy: str = "fail",
    versions_differ_at_most_s: int | None = None,
    most_flow_share: float = planning.MOST_FLOW_SHARE,
    budget_share: float = 0.0,
    retry_of: Release | None = None,
) -> Release:
    """Freeze a plan and bind it to the ticket. A plan of the same ticket that was not started is replaced; what was approved
    before is void. Raises Forbidden, InvalidInput, RuleViolation."""
    rights.require(actor, "release.plan")
    _require_named(ticket, parts)
    made = planning.draft(
        parts=parts, soak_s=soak_s, drain=drain, gates=gates, lock_policy=lock_policy,
        versions_differ_at_most_s=versions_differ_at_most_s, most_flow_share=most_flow_share,
        budget_share=budget_share,
    )  # fmt: skip
    _replace(actor, ticket)
    release = Release.objects.create(
        **next_number(Release, "REL"), ticket=ticket, soak_s=soak_s, plan=made.plan, plan_digest=made.digest,
        created_by=actor, retry_of=retry_of, state_reason=gettext_noop("planned, not started"),
    )  # fmt: skip
    _create_parts(release, made)
    changes.ticket_plan_set(actor=actor, ticket=ticket, plan=_for_approver(release, made), plan_digest=made.digest)
    text = gettext_noop("%(count)d nodes in %(n)d batches: %(title)s") % {
        "count": made.total, "n": release.batches.count(), "title": made.title,
    }  # fmt: skip
    journal.step(
        release, text, actor=actor, action="plan", before="", after=states.READY, details={"plan_digest": made.digest}
    )
    return release


def _require_named(ticket: ChangeTicket, parts: Sequence[PartWish]) -> None:
    named = set(ticket.services.values_list("pk", flat=True))
    for wish in parts:
        if wish.service.pk not in named:
            raise InvalidInput(
                _("%(ticket)s does not name %(service)s: add it to the ticket first.")
                % {"ticket": ticket.number, "service": wish.service.name},
                field="service",
            )


def _replace(actor: Any, ticket: ChangeTicket) -> None:
    text = gettext_noop("replaced by a newer plan")
    for old in Release.objects.select_for_update().filter(ticket=ticket, state__in=(states.READY, states.QUEUED)):
        Release.objects.filter(pk=old.pk).update(state=states.ABORTED, state_reason=text, finished_at=now())
        journal.step(old, text, actor=actor, action="replace", before=old.state, after=states.ABORTED)


def _create_parts(release: Release, made: planning.Draft) -> None:
    """Parts, batches and nodes of the frozen plan."""
    pks = dict(
        Node.objects.filter(name__in=[node["name"] for node in planning.nodes_of(made.plan)]).values_list("name", "pk")
    )
    for position, part in enumerate(made.parts, start=1):
        stored = ReleasePart.objects.create(
            release=release, position=position, service=part.service, version=part.version,
            expression=part.plan["expression"], reversibility=part.plan["reversibility"],
        )  # fmt: skip
        planned = part.plan["batches"]
        created = Batch.objects.bulk_create(
            Batch(
                release=release, part=stored, number=item["number"], term=item["term"], concurrency=item["concurrency"]
            )
            for item in planned
        )
        BatchNode.objects.bulk_create(
            [
                BatchNode(
                    batch=batch, release=release, node_id=pks[node["name"]], position=index, from_version=node["from"]
                )
                for batch, item in zip(created, planned, strict=True)
                for index, node in enumerate(item["nodes"])
            ],
            batch_size=1000,
        )


def _for_approver(release: Release, made: planning.Draft) -> dict[str, Any]:
    """What the ticket shows of the plan: parts with their batches, and all batches in the order of execution."""
    parts = [
        {
            **{key: part.plan[key] for key in SHOWN_OF_PART},
            "batches": [
                {
                    "number": item["number"],
                    "term": item["term"],
                    "count": len(item["nodes"]),
                    "at_once": item["concurrency"],
                }
                for item in part.plan["batches"]
            ],
        }
        for part in made.parts
    ]
    return {
        "kind": "release",
        "number": release.number,
        "title": made.title,
        "soak_s": made.plan["soak_s"],
        "drain": made.plan["drain"],
        "warnings": made.plan["warnings"],
        "gates": made.plan.get("gates") or {},
        "budget_percent": round(made.plan["budget"]["share"] * 100, 1),
        "reversibility": max((part["reversibility"] for part in parts), key=reversal.HARDER.index),
        "parts": parts,
        "batches": [batch for part in parts for batch in part["batches"]],
    }


@transaction.atomic
def release_retry(*, actor: Any, release: Release) -> Release:
    """Plan the same again as a new release, with a new approval: nothing of the old execution is taken over."""
    rights.require(actor, "release.plan")
    if release.state not in (states.ROLLED_BACK, states.ABORTED, states.FAILED):
        raise RuleViolation(_("%(release)s is %(state)s: there is nothing to retry.") % named(release))
    inputs = planning.inputs_again(release.plan, {part.service.name: part.service for part in release.parts.all()})
    return release_plan(actor=actor, ticket=release.ticket, **inputs, retry_of=release)
