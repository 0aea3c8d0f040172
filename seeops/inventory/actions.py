"""What people have nodes do: drain, undrain, restart, diagnose, configure. Asked for in one transaction, carried out after.

The row is written first, so a process that dies in between leaves an open action that the reconciler asks for again with
the same key: the node executes it once.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.cluster import door
from seeops.core.clock import now
from seeops.core.errors import Conflict, InvalidInput, RuleViolation, SeeOpsError, Unavailable
from seeops.core.live import announce
from seeops.core.sequence import next_epoch
from seeops.inventory import locks, permits, selectors
from seeops.inventory.models import ActionState, Node, NodeAction, NodeState, Redundancy, Service, Verb
from seeops.inventory.redundancy import Shortfall, shortfalls

RIGHTS = {
    Verb.DRAIN: "node.drain",
    Verb.UNDRAIN: "node.drain",
    Verb.RESTART: "node.restart",
    Verb.DIAGNOSE: "node.diagnose",
    Verb.CONFIGURE: "node.configure",
}
TAKES_AWAY = frozenset({Verb.DRAIN, Verb.RESTART})
# What changes a node keeps to freezes; bringing it back and looking at it stays possible at any time.
CHANGES = frozenset({Verb.DRAIN, Verb.RESTART, Verb.CONFIGURE})
REPEAT_AFTER = dt.timedelta(seconds=10)
GIVE_UP_AFTER = dt.timedelta(hours=1)
MOST_AT_ONCE = 400


def explain(found: Sequence[Shortfall]) -> str:
    """The sentence that says which redundancy a step would break."""
    first = found[0]
    if first.shard is None:
        text = _(
            "%(service)s in %(centre)s has %(serving)d nodes serving and needs %(needed)d: %(leaving)d cannot leave."
        )
    else:
        text = _(
            "Shard %(shard)d of %(service)s has %(serving)d replicas and needs %(needed)d: %(leaving)d cannot leave."
        )
    sentence = text % {
        "service": first.service,
        "centre": first.centre,
        "shard": first.shard or 0,
        "serving": first.serving,
        "needed": first.needed,
        "leaving": first.leaving,
    }
    rest = len(found) - 1
    if rest:
        sentence += " " + ngettext("%(n)d more group would be short.", "%(n)d more groups would be short.", rest) % {
            "n": rest
        }
    return sentence


def blocked(nodes: Sequence[Node], verb: str) -> list[Shortfall]:
    """The groups that the verb on these nodes would leave short; empty when it may go ahead."""
    if verb not in TAKES_AWAY:
        return []
    service_ids = {node.service_id for node in nodes}
    return shortfalls(selectors.members(service_ids), selectors.needed(), [node.name for node in nodes])


@transaction.atomic
def actions_request(
    *, actor: Any, nodes: Sequence[Node], verb: str, reason: str, key: str = "", params: dict[str, Any] | None = None
) -> list[NodeAction]:
    """Write down that `actor` wants `nodes` to do `verb`. The same `key` again returns the actions of the first time.

    Raises Forbidden, InvalidInput (no reason, no node), RuleViolation (production is frozen, redundancy would break), Conflict (somebody
    else holds a node).
    """
    if verb not in Verb.values:
        raise InvalidInput(_("“%(verb)s” is not something a node can do.") % {"verb": verb}, field="verb")
    if not nodes or len(nodes) > MOST_AT_ONCE:
        raise InvalidInput(_("Choose between 1 and %(n)d nodes.") % {"n": MOST_AT_ONCE}, field="nodes")
    if not reason.strip():
        raise InvalidInput(_("Give a reason: it goes into the history of every node."), field="reason")
    for node in nodes:
        rights.require(actor, RIGHTS[Verb(verb)], node)
    batch = uuid.uuid5(uuid.NAMESPACE_URL, f"{actor.pk}:{key}") if key else uuid.uuid4()
    earlier = list(NodeAction.objects.filter(batch=batch).select_related("node", "actor"))
    if earlier:
        return earlier
    if verb in CHANGES:
        permits.require(actor, Service.objects.filter(nodes__in=list(nodes)).distinct())
    _require_unlocked(nodes, verb)
    _hold(nodes)
    short = blocked(nodes, verb)
    if short:
        raise RuleViolation(explain(short), code="redundancy")
    epoch = next_epoch()
    actions = NodeAction.objects.bulk_create(
        NodeAction(
            batch=batch,
            node=node,
            key=f"{batch.hex}:{node.name}",
            epoch=epoch,
            verb=verb,
            reason=reason.strip()[:400],
            actor=actor,
            params=params or {},
        )
        for node in sorted(nodes, key=lambda node: node.name)
    )
    for action in actions:
        audit.record(actor=actor, action=f"node.{verb}", obj=action.node, reason=reason, after=action.as_audit())
    announce("nodes")
    return actions


def _require_unlocked(nodes: Sequence[Node], verb: str) -> None:
    """A node that somebody else works on is left alone, also by what would bring it back; looking at it is free to everybody."""
    problem = "" if verb == Verb.DIAGNOSE else locks.holding_problem(nodes=nodes)
    if problem:
        raise Conflict(problem, code="locked")


def _hold(nodes: Sequence[Node]) -> None:
    """Serialise steps on the same services, so that two people cannot each take the last spare node."""
    wanted = {node.service_id for node in nodes}
    list(Redundancy.objects.select_for_update().filter(service_id__in=wanted).order_by("pk").values_list("pk"))


def action_execute(action: NodeAction) -> NodeAction:
    """Have the agent do it and write down the outcome. Safe to call again: the key makes it happen once.

    No answer leaves the action as unknown; the reconciler asks again. A refusal ends it, and so does a freeze that began before the
    node was asked; what it may have done already is asked again when the freeze is over.
    """
    frozen = _frozen(action)
    if frozen:
        return action if action.tried_at else _finish(action, ActionState.FAILED, {"error": frozen, "code": "frozen"})
    open_still = Q(state__in=[ActionState.REQUESTED, ActionState.UNKNOWN])
    if not NodeAction.objects.filter(open_still, pk=action.pk).update(tried_at=now()):
        action.refresh_from_db()  # cancelled, or finished by somebody else meanwhile
        return action
    try:
        result = _ask(action)
    except Unavailable as error:
        return _finish(action, ActionState.UNKNOWN, {"error": str(error)})
    except (Conflict, RuleViolation, InvalidInput) as error:
        return _finish(action, ActionState.FAILED, {"error": str(error), "code": error.code})
    return _finish(action, ActionState.DONE, {**result, "after": _after(action)})


def _frozen(action: NodeAction) -> str:
    """Why the node may not be changed now, as a sentence; empty when it may."""
    if action.verb not in CHANGES:
        return ""
    try:
        permits.require(action.actor, [action.node.service])
    except RuleViolation as refused:
        return str(refused)
    return ""


def _after(action: NodeAction) -> dict[str, Any]:
    """What the node says of itself right after; that it does not say anything makes nothing undone."""
    if action.verb == Verb.DIAGNOSE:
        return {}
    try:
        return door.call(action.node.name, "health", timeout_s=door.PAGE_TIMEOUT_S)
    except SeeOpsError as error:
        return {"problem": str(error)}


def _ask(action: NodeAction) -> dict[str, Any]:
    stamp: dict[str, Any] = {"key": action.key, "epoch": action.epoch}
    if action.verb == Verb.DIAGNOSE:
        return door.call(action.node.name, "diagnose")
    if action.verb == Verb.CONFIGURE:
        return door.call(action.node.name, "configure", content=action.params["content"], **stamp)
    return door.call(action.node.name, action.verb, reason=action.reason, **stamp)


@transaction.atomic
def _finish(action: NodeAction, state: ActionState, result: dict[str, Any]) -> NodeAction:
    before = action.state
    action.state, action.result, action.tried_at = state, result, now()
    action.finished_at = None if state == ActionState.UNKNOWN else action.tried_at
    action.save(update_fields=["state", "result", "tried_at", "finished_at"])
    after = result.get("after", {}).get("state")
    if after in NodeState.values:
        Node.objects.filter(pk=action.node_id).exclude(state=after).update(state=after, state_at=action.tried_at)
    if before != state:
        audit.record(
            actor=action.actor,
            action=f"node.{action.verb}.{state}",
            obj=action.node,
            reason=action.reason,
            after=action.as_audit() | ({"error": result["error"]} if "error" in result else {}),
        )
    announce("nodes", f"node-{action.node.name}", f"actions-{action.batch}")
    return action


def actions_open() -> list[NodeAction]:
    """Actions without an outcome that nobody has tried for a while, oldest first. Those too old are given up as unknown."""
    moment = now()
    unsettled = NodeAction.objects.filter(state__in=[ActionState.REQUESTED, ActionState.UNKNOWN])
    for action in unsettled.filter(at__lt=moment - GIVE_UP_AFTER).select_related("node", "actor")[:200]:
        error = _("No answer for an hour: the outcome stays unknown, look at the node's own journal of actions.")
        _finish(action, ActionState.FAILED, {"error": error, "code": "given_up"})
    return list(
        unsettled.filter(at__lt=moment - REPEAT_AFTER)
        .exclude(tried_at__gt=moment - REPEAT_AFTER)
        .select_related("node", "actor")
        .order_by("at", "pk")[:50]
    )


def node_act(*, actor: Any, node: Node, verb: str, reason: str, key: str = "", **params: Any) -> NodeAction:
    """One node does `verb` now. Raises what actions_request raises; RuleViolation when the node refused, Unavailable when
    the outcome is not known (it is asked again with the same key)."""
    action = actions_request(actor=actor, nodes=[node], verb=verb, reason=reason, key=key, params=params)[0]
    if action.state == ActionState.REQUESTED:
        action = action_execute(action)
    if action.state == ActionState.FAILED:
        raise RuleViolation(str(action.result.get("error", "")), code=str(action.result.get("code", "refused")))
    if action.state == ActionState.UNKNOWN:
        raise Unavailable(
            _(
                "%(node)s did not answer: whether it did “%(verb)s” is not known yet. It is asked again with the same key."
            )
            % {"node": node, "verb": action.get_verb_display()},
            code="unreached",
        )
    return action


@transaction.atomic
def actions_cancel(*, actor: Any, batch: uuid.UUID | str, reason: str) -> int:
    """Stop a batch: what no node was asked for yet is not asked for any more. Returns how many actions that spared."""
    waiting = list(
        NodeAction.objects.select_for_update(of=("self",))
        .filter(batch=batch, state=ActionState.REQUESTED, tried_at__isnull=True)
        .select_related("node")
    )
    for action in waiting:
        rights.require(actor, RIGHTS[Verb(action.verb)], action.node)
        action.state, action.finished_at = ActionState.CANCELLED, now()
        audit.record(actor=actor, action=f"node.{action.verb}.cancelled", obj=action.node, reason=reason)
    NodeAction.objects.bulk_update(waiting, ["state", "finished_at"])
    announce("nodes", f"actions-{batch}")
    return len(waiting)


def actions_run(batch: uuid.UUID | str) -> None:
    """Carry out the open actions of a batch, one after the other."""
    for action in NodeAction.objects.filter(batch=batch, state=ActionState.REQUESTED).select_related("node", "actor"):
        action_execute(action)
