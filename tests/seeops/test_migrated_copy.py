"""The database that tests work in is a copy of one that was migrated once; nobody can have changed what it was copied from."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from seeops.accounts.models import Grant
from seeops.changes.models import FreezeRule
from tests.conftest import MIGRATED_ROWS, SERVERS
from tests.embedded import TEMPLATE


def test_the_copy_has_every_migration(db: None) -> None:
    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []


def test_nobody_can_connect_to_what_was_copied(db: None) -> None:
    parameters = connection.get_connection_params()
    assert parameters["dbname"] != TEMPLATE
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(**{**parameters, "dbname": TEMPLATE})


def test_an_interrupted_attempt_is_made_again_and_a_finished_one_is_not(tmp_path: Path) -> None:
    asked: list[str] = []

    def fails(name: str) -> None:
        raise RuntimeError(name)

    servers = type(SERVERS)(tmp_path, owner=False)
    (tmp_path / "ports").write_text((SERVERS.folder / "ports").read_text())
    with pytest.raises(RuntimeError, match=TEMPLATE):
        servers.template(fails)
    assert [servers.template(asked.append), servers.template(asked.append)] == [TEMPLATE, TEMPLATE]
    assert asked == [TEMPLATE]


def test_a_server_from_outside_gets_no_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody@127.0.0.1:5432/seeops")
    assert SERVERS.template(pytest.fail) is None


def test_what_migrations_inserted_is_there_again_after_all_tables_were_emptied(
    transactional_db: None, pytestconfig: pytest.Config
) -> None:
    grants, freezes = list(Grant.objects.order_by("pk").values()), list(FreezeRule.objects.order_by("pk").values())
    assert grants
    assert freezes
    call_command("flush", interactive=False, verbosity=0)
    assert not Grant.objects.exists()
    rows = pytestconfig.stash[MIGRATED_ROWS]
    rows.put_back()
    rows.put_back()
    assert list(Grant.objects.order_by("pk").values()) == grants
    assert list(FreezeRule.objects.order_by("pk").values()) == freezes
