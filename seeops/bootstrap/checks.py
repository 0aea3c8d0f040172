"""What must hold before anything is set up or started, each with the sentence for when it does not."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from .errors import SetupError

GIB = 1024**3
DISK_FOR_SETUP = 4 * GIB
DISK_FOR_RUN = 1 * GIB
# apt-get and dpkg unpack Prometheus and Alertmanager; setpriv lets PostgreSQL run although root starts it.
TOOLS_ALWAYS = ("apt-get", "apt-cache", "dpkg")
TOOLS_AS_ROOT = ("setpriv",)


def check_python(version: tuple[int, ...] = sys.version_info[:2]) -> None:
    """The pinned packages were tested together on Python 3.11 only."""
    if version[:2] != (3, 11):
        raise SetupError(
            f"This is Python {'.'.join(map(str, version[:2]))}, but Python 3.11 is needed: install python3.11 and python3.11-venv,"
            " then run `make PYTHON=python3.11 …`."
        )


def check_tools(find: Callable[[str], str | None] = shutil.which, as_root: bool | None = None) -> None:
    """Programs of the system that the set-up calls."""
    if as_root is None:
        as_root = os.geteuid() == 0
    missing = [tool for tool in TOOLS_ALWAYS + (TOOLS_AS_ROOT if as_root else ()) if find(tool) is None]
    if missing:
        raise SetupError(
            f"Missing on this machine: {', '.join(missing)}; the product needs Debian 12 (apt, dpkg, util-linux)."
        )


def check_venv_module(python: str = sys.executable) -> None:
    """Debian splits venv from Python; without it the environment cannot be made."""
    try:
        import ensurepip  # noqa: F401 - its presence is the question
        import venv  # noqa: F401
    except ImportError as error:
        raise SetupError(f"{python} lacks venv: install the Debian package python3-venv.") from error


def check_disk(folder: Path, needed: int, free_bytes: Callable[[Path], int] | None = None) -> None:
    """Refuse to begin what would fill the disk half-way."""
    place = folder
    while not place.exists():
        place = place.parent
    free = free_bytes(place) if free_bytes else shutil.disk_usage(place).free
    if free < needed:
        raise SetupError(
            f"Only {free / GIB:.1f} GiB are free on the disk of {folder}, {needed / GIB:.0f} GiB are needed: free some space there."
        )


def port_is_free(port: int) -> bool:
    """True when a server could listen on the loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def check_ports(ports: Mapping[str, int], is_free: Callable[[int], bool] = port_is_free) -> None:
    """All ports of the instance must be free; names the first that is not and what would use it."""
    for part, port in ports.items():
        if not is_free(port):
            raise SetupError(
                f"Port {port} (for {part}) is used by another program: stop that program,"
                " or choose another block of ports with SEEOPS_BASE_PORT=18600."
            )


def cluster_ports(base: int, centres: int = 3, shards: int = 2) -> dict[str, int]:
    """Ports that the cluster opens above its base port: control, centres, load, replicas (peer and HTTP)."""
    ports = {"the cluster's control": base, "the cluster's load": base + 4}
    ports |= {f"data centre {number + 1}": base + 1 + number for number in range(centres)}
    for shard in range(shards):
        for replica in range(centres):
            ports[f"shard {shard} replica {replica}"] = base + 20 + 3 * shard + replica
            ports[f"shard {shard} replica {replica} over HTTP"] = base + 40 + 3 * shard + replica
    return ports
