"""The embedded database: created whole or not at all, found broken in one sentence, started past a stale lock."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from seeops.bootstrap import postgres
from seeops.bootstrap.errors import SetupError
from tests.embedded import free_port


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("database") / "postgres"
    assert postgres.ensure_created(folder, "geheim", folder.parent / "initdb.log")
    return folder


def ask(port: int, password: str, query: str) -> subprocess.CompletedProcess[str]:
    command = [postgres.program("psql"), "-X", "-A", "-t", "-h", "127.0.0.1", "-p", str(port), "-U", "seeops"]
    return subprocess.run(
        [*command, "-d", "seeops", "-c", query],
        env={**os.environ, "PGPASSWORD": password},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_created_once(data: Path) -> None:
    assert not postgres.ensure_created(data, "geheim", data.parent / "initdb.log")
    assert sorted(path.name for path in data.parent.iterdir()) == ["initdb.log", "postgres"]


def test_durable_on_loopback_with_a_password_and_past_a_stale_lock(data: Path) -> None:
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n0\n1\n\n127.0.0.1\n\n")
    port = free_port()
    with postgres.temporary(data, port, data.parent / "server.log"):
        postgres.create_database(port, "geheim")
        postgres.create_database(port, "geheim")
        answer = ask(port, "geheim", "SELECT current_setting('fsync'), current_setting('listen_addresses')")
        assert answer.stdout.strip() == "on|127.0.0.1"
        assert "password authentication failed" in ask(port, "wrong", "SELECT 1").stderr
    assert not (data / "postmaster.pid").exists()


def test_lock_of_a_living_server_is_respected(data: Path) -> None:
    with postgres.temporary(data, free_port(), data.parent / "server.log"):
        assert not postgres.drop_stale_lock(data)


def test_broken_folder_is_told_with_the_way_out(tmp_path) -> None:
    broken = tmp_path / "postgres"
    broken.mkdir()
    (broken / "PG_VERSION").write_text("18\n")
    with pytest.raises(SetupError, match=r"is broken \(global/pg_control is missing\): restore it .* or delete"):
        postgres.ensure_created(broken, "x", tmp_path / "log")


def test_folder_of_another_version_is_told(tmp_path) -> None:
    old = tmp_path / "postgres"
    for part in ("global/pg_control", "base/x", "pg_wal/x"):
        (old / part).parent.mkdir(parents=True, exist_ok=True)
        (old / part).touch()
    (old / "PG_VERSION").write_text("12\n")
    with pytest.raises(SetupError, match=r"is of PostgreSQL 12, not of this postgres"):
        postgres.check_data(old)


def test_root_becomes_nobody_and_keeps_a_capability_only_where_a_folder_is_closed(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(postgres.os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres, "_open_to_all", lambda path: path.name == "open")
    through_open = postgres.as_database_user(["postgres"], [tmp_path / "open"])
    through_closed = postgres.as_database_user(["postgres"], [tmp_path / "closed"])
    assert through_open[:2] == ["setpriv", "--reuid=65534"]
    assert not any("caps" in part for part in through_open)
    assert "--ambient-caps=+dac_override" in through_closed
    monkeypatch.setattr(postgres.os, "geteuid", lambda: 1000)
    assert postgres.as_database_user(["postgres"], [tmp_path / "closed"]) == ["postgres"]
