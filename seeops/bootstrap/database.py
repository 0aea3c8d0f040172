"""The database of an instance: created, migrated, with the demo people and the inventory in it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from . import checks, postgres
from .credentials import Secrets, load_people
from .paths import ROOT, VENV_PYTHON, Instance
from .processes import run_logged
from .report import StepNote
from .stamps import Stamp, digest


def ensure_created(instance: Instance, secrets: Secrets, note: StepNote) -> None:
    """Make the data folder of the embedded server."""
    made = postgres.ensure_created(instance.var / "postgres", secrets.database, instance.log / "setup-postgres.log")
    if made:
        Stamp(instance.stamps, "database", "").forget()
    note.set("created" if made else "unchanged")


def ensure_filled(
    instance: Instance, secrets: Secrets, environment: Mapping[str, str], embedded: bool, note: StepNote
) -> None:
    """Apply migrations and create the demo people and the inventory, unless nothing that decides them has changed.

    A database given from outside is asked every time, because others may have changed it.
    """
    load_people(instance)
    people = instance.secrets / "people.json"
    sources = [path for folder in ("seeops", "trading_sim") for path in (ROOT / folder).rglob("*.py")]
    sources += [path for path in (ROOT / "trading_sim").rglob("*.yaml") if path.is_file()]
    inputs = digest(
        environment["DATABASE_URL"],
        people,
        instance.packages / "index.json",
        [path for path in sources if "bootstrap" not in path.parts],
    )
    stamp = Stamp(instance.stamps, "database", inputs)
    if embedded and stamp.is_current():
        note.set("unchanged")
        return
    stamp.forget()
    log = instance.log / "setup-database.log"
    with ExitStack() as stack:
        if embedded:
            port = instance.ports["postgres"]
            checks.check_ports({"PostgreSQL": port})
            server = postgres.temporary(instance.var / "postgres", port, instance.log / "postgres.log")
            stack.enter_context(server)
            postgres.create_database(port, secrets.database)
        for arguments, sorry in (
            (["migrate", "--noinput"], "The database could not be brought to this version"),
            (["demo_setup", "--people", str(people)], "The demo people could not be created"),
            (["inventory_setup"], "The inventory could not be read from the cluster's files"),
            (["automation_setup"], "The schedules could not be created"),
            (["workflow_setup"], "The workflows that come with the console could not be put in"),
        ):
            command = [VENV_PYTHON, ROOT / "manage.py", *arguments]
            run_logged(command, log, sorry=sorry, env=environment, cwd=ROOT, timeout_s=600)
    stamp.write()
    note.set("migrated and filled")
