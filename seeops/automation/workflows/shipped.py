"""Workflows that come with the console, as YAML in `automation/examples/`: put in once, then they belong to whoever edits them.

They come unapproved: like every other version they run when somebody else than their author has read and approved them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db import transaction

from seeops.automation.models import Workflow
from seeops.automation.workflows import versions
from seeops.core.errors import Conflict

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
NOTE = "came with the console"


def files() -> list[Path]:
    return sorted(EXAMPLES.glob("*.yaml"))


@transaction.atomic
def put_in(actor: Any) -> list[Workflow]:
    """Make every workflow of the examples that is not there, written by `actor` and waiting for approval. Returns the new ones."""
    made = []
    for file in files():
        definition = versions.parsed(file.read_text(encoding="utf-8"))
        try:
            with transaction.atomic():
                workflow = versions.workflow_create(actor=actor, title=definition["title"])
        except Conflict:
            continue  # it is there already, perhaps edited since
        version = versions.version_save(actor=actor, workflow=workflow, definition=definition, base=1, note=NOTE)
        versions.version_submit(actor=actor, version=version)
        made.append(workflow)
    return made
