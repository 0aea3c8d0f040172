"""The migration that turned releases of one service into releases with parts, on a database that is filled."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import StateApps
from django.utils import timezone

BEFORE, AFTER = ("releases", "0002_parts"), ("releases", "0004_parts_only")
OLD_PLAN = {
    "service": "quote-push", "version": "1.1.0", "package": "p.tar.gz", "package_digest": "d", "expression": "1, 100%",
    "batches": [{"number": 1}], "soak_s": 60, "drain": True,
}  # fmt: skip
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def migrated_before(transactional_db: None) -> Iterator[MigrationExecutor]:
    """An empty database of its own, behind the usual connection, with the migrations up to the one that is tested."""
    usual, name = connection.settings_dict["NAME"], f"seeops_migration_{secrets.token_hex(4)}"
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    _connect(name)
    try:
        MigrationExecutor(connection).migrate([BEFORE])
        yield MigrationExecutor(connection)
    finally:
        _connect(usual)
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _connect(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


def filled(apps: StateApps) -> None:
    """Three releases in the form of that time: one that has ended, one under way, one that was not started."""
    model = apps.get_model
    person = model("accounts", "Person").objects.create(username="lin", display_name="Lin", roles=["operator"])
    domain = model("inventory", "Domain").objects.create(code="quotes", name="Quotes")
    service = model("inventory", "Service").objects.create(
        name="quote-push", title="Quotes", domain=domain, tier="core", kind="stateless", protocol="tcp", service_time_ms=1,
        capacity_per_s=1, memory_limit_mb=1,
    )  # fmt: skip
    version = model("inventory", "Version").objects.create(service=service, number="1.1.0", digest="d", file="p.tar.gz")
    ticket = model("changes", "ChangeTicket").objects.create(number="CHG-1", title="t", kind="normal", requester=person)
    for number, state in enumerate(("done", "running", "ready"), start=1):
        release = model("releases", "Release").objects.create(
            number=f"REL-{number}", ticket=ticket, service=service, version=version,
            expression="1, 100%", plan=dict(OLD_PLAN), plan_digest=f"digest {number}", state=state, created_by=person,
            started_by=person, started_at=timezone.now(), finished_at=timezone.now() if state == "done" else None,
        )  # fmt: skip
        model("releases", "Batch").objects.create(release=release, number=1, term="1", state="pending")


def test_every_release_becomes_one_with_a_single_part(migrated_before):
    filled(migrated_before.loader.project_state([BEFORE]).apps)
    migrated_before.migrate([AFTER])
    apps = MigrationExecutor(connection).loader.project_state([AFTER]).apps
    releases = {row.number: row for row in apps.get_model("releases", "Release").objects.all()}
    parts = {part.release.number: part for part in apps.get_model("releases", "ReleasePart").objects.all()}
    assert {name: (part.position, part.service.name, part.version.number, part.expression) for name, part in parts.items()} == dict.fromkeys(("REL-1", "REL-2", "REL-3"), (1, "quote-push", "1.1.0", "1, 100%"))  # fmt: skip
    assert {name: part.active for name, part in parts.items()} == {"REL-1": False, "REL-2": True, "REL-3": False}
    batches = apps.get_model("releases", "Batch").objects.all()
    assert {batch.release.number: batch.part_id for batch in batches} == {n: part.pk for n, part in parts.items()}
    plan = releases["REL-1"].plan
    own = {key: OLD_PLAN[key] for key in ("service", "version", "package", "package_digest", "expression", "batches")}
    assert plan == {"soak_s": 60, "drain": True, "parts": [{**own, "warnings": [], "reversibility": "auto"}]}
    assert [releases[f"REL-{n}"].plan_digest for n in (1, 2, 3)] == ["digest 1", "digest 2", "digest 3"], (
        "what was approved"
    )
    assert {name: row.state for name, row in releases.items()} == {
        "REL-1": "done",
        "REL-2": "running",
        "REL-3": "aborted",
    }
    assert releases["REL-3"].state_reason == "the form of plans has changed: plan again"
    assert releases["REL-3"].finished_at is not None
