"""Failover playbooks: on which nodes they run, what those need to know of their peers, and whether the estate allows it now.

A shard is failed over to one matching node, whose replica is to lead. A data centre is failed over as a whole, on the word of two people: an
approved change is asked for, and nobody approves what they asked for. The playbook looks at the replicas themselves once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.automation import slicing
from seeops.changes import guard as change_guard
from seeops.changes import states as change_states
from seeops.changes.models import ChangeTicket, TicketKind
from seeops.cluster import door, occupied
from seeops.core.errors import InvalidInput, RuleViolation
from seeops.inventory import locks
from seeops.inventory import selectors as inventory
from seeops.inventory.models import Node
from seeops.topology import selectors as topology
from seeops.topology.impact import impact

SHARD, CENTRE = "failover_shard", "failover_centre"
BOOKS = (SHARD, CENTRE)
AWAY = "away"


def targets(
    code: str, *, actor: Any, nodes: Sequence[str], inputs: dict[str, Any], common: dict[str, Any]
) -> list[dict[str, Any]]:
    """Targets of a failover run: [{"name", "agent_url", "vars"}]; `common` are variables of every node but its key.

    Raises Forbidden, InvalidInput, RuleViolation with everything that speaks against it.
    """
    rights.require(actor, "node.restart")
    if reasons := [str(reason) for reason in occupied.by_others("failover")]:
        raise RuleViolation(" ".join(reasons), code="occupied")
    if code == SHARD:
        return [_of_shard(nodes, common)]
    return _of_centre(actor, inputs, common)


def _of_shard(nodes: Sequence[str], common: dict[str, Any]) -> dict[str, Any]:
    if len(nodes) != 1:
        raise InvalidInput(_("Choose exactly one matching node: the one that is to lead its shard."), field="nodes")
    heir = inventory.active_nodes().filter(name=nodes[0]).select_related("centre").first()
    if heir is None or heir.shard is None:
        raise InvalidInput(
            _("%(node)s runs no replica of a shard: choose a matching node.") % {"node": nodes[0]}, field="nodes"
        )
    peers = _peers().get(heir.shard, {})
    _require_unlocked(shards=[heir.shard], nodes=[heir])
    return _target(heir, {**common, "shard_peers": peers, "shard_centre": heir.centre.code})


def _of_centre(actor: Any, inputs: dict[str, Any], common: dict[str, Any]) -> list[dict[str, Any]]:
    code, direction = inputs["centre"], inputs["direction"]
    centres = {centre.code: centre for centre in inventory.centres()}
    if code not in centres:
        raise InvalidInput(
            _("There is no data centre “%(centre)s”: choose one of %(all)s.")
            % {"centre": code[:20], "all": ", ".join(sorted(centres))},
            field="centre",
        )
    if inputs.get("to") and (inputs["to"] not in centres or inputs["to"] == code):
        raise InvalidInput(_("Leaders go to another data centre than the one they leave."), field="to")
    own = list(inventory.active_nodes().filter(centre__code=code).select_related("centre", "service").order_by("name"))
    _require_change(actor, inputs["ticket"], own)
    if direction == AWAY:
        _require_room(code)
    shards = _peers()
    _require_unlocked(shards=list(shards), nodes=own)
    endpoints = door.endpoints()
    needed = {service: count for (service, centre), count in inventory.needed().items() if centre == code}
    about = {
        **common, "centre_shards": {str(shard): peers for shard, peers in shards.items()},
        "centre_load_url": endpoints["load"], "centre_url": endpoints["centres"][code], "centre_needed": needed,
        "centre_last_slice": False,
    }  # fmt: skip
    made = [_target(node, about) for node in own]
    # What is done once at the end belongs to the last slice.
    for last in slicing.last(made):
        last["vars"]["centre_last_slice"] = True
    return made


def _target(node: Node, variables: dict[str, Any]) -> dict[str, Any]:
    own = {**variables, "node_key": f"{variables['node_key']}/{node.name}"}
    return {"name": node.name, "agent_url": node.agent_url, "vars": own}


def _peers() -> dict[int, dict[str, str]]:
    """{shard: {centre: agent's address}} of every replica."""
    found: dict[int, dict[str, str]] = {}
    rows = inventory.active_nodes().filter(shard__isnull=False).order_by("shard", "centre__code")
    for shard, centre, url in rows.values_list("shard", "centre__code", "agent_url"):
        found.setdefault(shard, {})[centre] = url
    return found


def _require_change(actor: Any, number: str, nodes: Sequence[Node]) -> None:
    """An approved change, not a standard one, that holds now and covers nodes of the centre. Raises InvalidInput, RuleViolation."""
    ticket = ChangeTicket.objects.filter(number=number.strip()).first()
    if ticket is None:
        raise InvalidInput(_("There is no change “%(number)s”.") % {"number": number[:20]}, field="ticket")
    named = {"ticket": ticket.number, "state": ticket.get_state_display()}
    if ticket.kind == TicketKind.STANDARD:
        raise InvalidInput(
            _("%(ticket)s is a standard change: a data centre needs one that people approved.") % named, field="ticket"
        )
    if ticket.state not in change_states.STARTABLE:
        raise RuleViolation(_("%(ticket)s is %(state)s: it needs an approval by somebody else first.") % named)
    services = set(ticket.services.values_list("pk", flat=True))
    own = set(ticket.nodes.values_list("pk", flat=True))
    if not any(node.service_id in services or node.pk in own for node in nodes):
        raise RuleViolation(_("%(ticket)s does not name anything in this data centre.") % named)
    if problem := change_guard.closed(ticket):
        raise RuleViolation(problem, code="frozen")


def _require_room(code: str) -> None:
    """The other centres answer, and carry what this one carries. Raises RuleViolation."""
    down = [centre.code for centre in inventory.freshness().silent if centre.code != code]
    if down:
        raise RuleViolation(
            _("%(down)s is down already: no second data centre may be lost.") % {"down": ", ".join(down)}
        )
    report = impact(topology.snapshot(), centres=[code])
    if report.breaks:
        raise RuleViolation(
            _(
                "Without %(centre)s some flow would be lost: look at its impact report, and bring back what is missing first."
            )
            % {"centre": code}
        )


def _require_unlocked(*, shards: Sequence[int], nodes: Sequence[Node]) -> None:
    if problem := locks.holding_problem(nodes=nodes, shards=shards):
        raise RuleViolation(problem, code="locked")
