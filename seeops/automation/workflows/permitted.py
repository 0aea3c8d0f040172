"""May a call or a script that says which service it changes be begun now? Freezes and locks hold for it as for a playbook."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from seeops.changes import services as changes
from seeops.core.errors import RuleViolation
from seeops.inventory import locks
from seeops.inventory import selectors as inventory
from seeops.inventory.models import Service


def problem(actor: Any, name: str) -> str:
    """Why the service may not be changed now, as a sentence; empty when it may, or when no service is named."""
    if not name:
        return ""
    service = Service.objects.filter(name=name).first()
    if service is None:
        return _("There is no service “%(name)s”.") % {"name": name}
    try:
        changes.production_require_open(actor, [service])
    except RuleViolation as refused:
        return str(refused)
    return locks.holding_problem(services=[name], nodes=inventory.nodes_of(service))
