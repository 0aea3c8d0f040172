"""PostgreSQL and Valkey for one test session: addresses first, servers when the first test needs them.

The session (under xdist its controller) owns a folder below var/test named after its process id. Its workers share the
servers, each with a database of its own, copied from one that was migrated once. What a killed session left is cleared away
by the next one.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from seeops.bootstrap import postgres, valkey
from seeops.bootstrap.files import write_atomic
from seeops.bootstrap.paths import SHARED_VAR
from seeops.bootstrap.processes import MARK, is_alive, sweep, wait_until

SESSIONS = SHARED_VAR / "test"
FOLDER = "SEEOPS_TEST_FOLDER"
TEMPLATE = "seeops_template"


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# Below the ports that the kernel gives to outgoing connections, which may take any of those between a look and its use.
FIRST_OF_ROWS, LAST_OF_ROWS = 22_000, 32_000


def free_row(count: int) -> int:
    """The first of `count` loopback ports in a row that nobody uses now."""
    for _attempt in range(200):
        first = FIRST_OF_ROWS + secrets.randbelow(LAST_OF_ROWS - FIRST_OF_ROWS - count)
        with ExitStack() as held:
            try:
                for port in range(first, first + count):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
        return first
    raise RuntimeError(f"no {count} free ports in a row between {FIRST_OF_ROWS} and {LAST_OF_ROWS}")


class Servers:
    """The servers of this session. `DATABASE_URL` and `VALKEY_URL` given from outside replace them."""

    def __init__(self, folder: Path, owner: bool) -> None:
        self.folder = folder
        self.owner = owner

    @classmethod
    def claim(cls) -> Servers:
        """Choose addresses and put them into the environment, before Django reads its settings."""
        inherited = os.environ.get(FOLDER)
        if inherited:
            return cls(Path(inherited), owner=False)
        _clear_abandoned()
        folder = SESSIONS / str(os.getpid())
        (folder / "instance" / "static").mkdir(parents=True)
        password = secrets.token_hex(12)
        write_atomic(folder / "password", password, 0o600)
        pg_port, valkey_port = free_port(), free_port()
        redis = f"redis://:{password}@127.0.0.1:{valkey_port}"
        os.environ[FOLDER] = str(folder)
        for name, value in {
            "DATABASE_URL": f"postgresql://seeops:{password}@127.0.0.1:{pg_port}/seeops",
            "VALKEY_URL": f"{redis}/0",
            "CELERY_BROKER_URL": f"{redis}/1",
        }.items():
            os.environ.setdefault(name, value)
        os.environ.update(
            {
                "DJANGO_SETTINGS_MODULE": "seeops.settings",
                "SEEOPS_VAR": str(folder / "instance"),
                "SEEOPS_SECRET_KEY": secrets.token_hex(32),
                "SEEOPS_MACHINE_TOKEN": secrets.token_hex(20),
                "SEEOPS_DB_POOL": "0",  # tests create and drop databases, which a pool would hold open
                "NUMBA_CACHE_DIR": str(SHARED_VAR / "numba-cache"),
            }
        )
        write_atomic(folder / "ports", f"{pg_port} {valkey_port}\n")
        return cls(folder, owner=True)

    def ensure_postgres(self) -> None:
        """Start PostgreSQL unless it runs or was given from outside. It need not survive a power cut."""
        if not self._postgres_is_ours():
            return
        port, _ = self._ports()
        data = self.folder / "postgres"
        with self._lock():
            if data.exists() and postgres.ready(port):
                return
            postgres.ensure_created(data, (self.folder / "password").read_text(), self.folder / "initdb.log")
            self._start(postgres.command(data, port, postgres.FOR_TESTS), "postgres.log")
            if not wait_until(lambda: postgres.ready(port), 60):
                raise RuntimeError((self.folder / "postgres.log").read_text())

    def template(self, create: Callable[[str], None]) -> str | None:
        """Name of a database that `create(name)` made once in this session, for its workers to copy; who comes later waits.

        It lives in the session's own server, so none of an earlier state of the sources can be met. None when PostgreSQL was
        given from outside, where a database of that name could be anybody's.
        """
        if not self._postgres_is_ours():
            return None
        done = self.folder / "template"
        with self._lock():
            if not done.exists():
                create(TEMPLATE)
                write_atomic(done, TEMPLATE)
        return TEMPLATE

    def ensure_valkey(self) -> None:
        """Start Valkey unless it runs or was given from outside."""
        _, port = self._ports()
        if f":{port}/" not in os.environ["VALKEY_URL"]:
            return
        with self._lock():
            if _listens(port):
                return
            configuration = self.folder / "valkey.conf"
            password = (self.folder / "password").read_text()
            valkey.write_configuration(configuration, self.folder / "valkey", port, password)
            self._start([str(valkey.program()), str(configuration)], "valkey.log")
            if not wait_until(lambda: _listens(port), 30):
                raise RuntimeError((self.folder / "valkey.log").read_text())

    def release(self) -> None:
        """Stop the servers and delete the folder; only the owner does."""
        if self.owner:
            sweep(self.folder)
            shutil.rmtree(self.folder)

    def _postgres_is_ours(self) -> bool:
        return f":{self._ports()[0]}/" in os.environ["DATABASE_URL"]

    def _ports(self) -> tuple[int, int]:
        first, second = (self.folder / "ports").read_text().split()
        return int(first), int(second)

    def _start(self, command: list[str], log: str) -> None:
        with (self.folder / log).open("ab") as output:
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={**os.environ, MARK: str(self.folder)},
                start_new_session=True,
            ).returncode = 0  # it outlives this worker on purpose: the owner ends it

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _clear_abandoned() -> None:
    """Servers and folders of sessions whose process is gone."""
    for folder in SESSIONS.glob("*"):
        if folder.name.isdigit() and not is_alive(int(folder.name)):
            sweep(folder)
            shutil.rmtree(folder, ignore_errors=True)
