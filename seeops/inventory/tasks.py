"""Pokes of the inventory."""

from __future__ import annotations

from seeops.accounts.selectors import machine
from seeops.celery import app
from seeops.inventory import services

BEAT_SCHEDULE = {
    "nodes-observe": {"task": "seeops.inventory.nodes_observe", "schedule": 5.0, "options": {"expires": 5}},
    "node-actions-reconcile": {
        "task": "seeops.inventory.node_actions_reconcile",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
}


@app.task(name="seeops.inventory.nodes_observe")
def nodes_observe() -> None:
    """Look at every node; import again when nodes answered that the inventory does not have."""
    found = services.nodes_observe()
    if found.strangers:
        services.inventory_import(actor=machine("discovery"))


@app.task(name="seeops.inventory.node_actions_run")
def node_actions_run(batch: str) -> None:
    services.actions_run(batch)


@app.task(name="seeops.inventory.node_actions_reconcile")
def node_actions_reconcile() -> None:
    """Ask again, with the same keys, for actions whose outcome is not known."""
    for action in services.actions_open():
        services.action_execute(action)
