"""Writes of the inventory, as other apps call them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.core.enqueue import poke
from seeops.core.errors import InvalidInput
from seeops.inventory.actions import (
    MOST_AT_ONCE,
    action_execute,
    actions_cancel,
    actions_open,
    actions_request,
    actions_run,
    node_act,
)
from seeops.inventory.importer import inventory_import, versions_import
from seeops.inventory.models import Node, NodeAction, SavedView, Service, Verb
from seeops.inventory.observer import nodes_observe

__all__ = [
    "MOST_AT_ONCE",
    "action_execute",
    "actions_cancel",
    "actions_open",
    "actions_request",
    "actions_run",
    "desired_version_set",
    "inventory_import",
    "node_configure",
    "node_diagnose",
    "node_drain",
    "node_restart",
    "node_undrain",
    "nodes_act",
    "nodes_observe",
    "saved_view_delete",
    "saved_view_put",
    "versions_import",
]


def node_drain(*, actor: Any, node: Node, reason: str, key: str = "") -> NodeAction:
    """Stop new requests to the node. Refused when its service would be short in its centre."""
    return node_act(actor=actor, node=node, verb=Verb.DRAIN, reason=reason, key=key)


def node_undrain(*, actor: Any, node: Node, reason: str, key: str = "") -> NodeAction:
    return node_act(actor=actor, node=node, verb=Verb.UNDRAIN, reason=reason, key=key)


def node_restart(*, actor: Any, node: Node, reason: str, key: str = "") -> NodeAction:
    """Restart the service's process. Refused when its service would be short in its centre meanwhile."""
    return node_act(actor=actor, node=node, verb=Verb.RESTART, reason=reason, key=key)


def node_diagnose(*, actor: Any, node: Node, reason: str, key: str = "") -> NodeAction:
    """Collect the agent's diagnostics into the action's result."""
    return node_act(actor=actor, node=node, verb=Verb.DIAGNOSE, reason=reason, key=key)


def node_configure(*, actor: Any, node: Node, content: str, reason: str, key: str = "") -> NodeAction:
    """Replace the node's configuration file. The node checks it against its release's schema and refuses what is wrong."""
    return node_act(actor=actor, node=node, verb=Verb.CONFIGURE, reason=reason, key=key, content=content)


@transaction.atomic
def nodes_act(*, actor: Any, nodes: Sequence[Node], verb: str, reason: str, key: str = "") -> list[NodeAction]:
    """Many nodes do `verb`, carried out by a worker. Returns the actions, which share one batch to follow."""
    from seeops.inventory.tasks import node_actions_run

    if verb == Verb.CONFIGURE:
        raise InvalidInput(_("Configurations are changed one node at a time."), field="verb")
    actions = actions_request(actor=actor, nodes=nodes, verb=verb, reason=reason, key=key)
    poke(node_actions_run, str(actions[0].batch))
    return actions


@transaction.atomic
def desired_version_set(*, service: Service, node_names: Sequence[str], number: str) -> int:
    """What a finished release wants these nodes to run; nodes that run something else count as drifted. For releases."""
    return (
        Node.objects.filter(service=service, name__in=node_names)
        .exclude(desired_version=number)
        .update(desired_version=number)
    )


@transaction.atomic
def saved_view_put(*, actor: Any, page: str, name: str, query: str) -> SavedView:
    """Keep a list's filters under a name; the same name again replaces them."""
    rights.require(actor, "view.save")
    name = name.strip()[:60]
    if not name:
        raise InvalidInput(_("Give the view a name."), field="name")
    return SavedView.objects.update_or_create(person=actor, page=page, name=name, defaults={"query": query[:1000]})[0]


@transaction.atomic
def saved_view_delete(*, actor: Any, page: str, name: str) -> None:
    rights.require(actor, "view.save")
    SavedView.objects.filter(person=actor, page=page, name=name).delete()
