"""The database that tests work in is a copy of one that was migrated once; nobody can have changed what it was copied from."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests.conftest import SERVERS
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
