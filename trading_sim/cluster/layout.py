"""Where everything of one cluster is: ports, addresses, files."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from trading_sim.protocol.topology import Topology

HOST = "127.0.0.1"
LOCK_FILE = "supervisor.lock"
HOLDER_TRIES, HOLDER_WAIT_S = 20, 0.05
REPLICA_PORTS_AT = 20
REPLICA_HTTP_AT = 40
PORTS_PER_SHARD = 3
GATEWAY_PORTS = ("binary", "fix", "market_data", "http")


@dataclass(frozen=True)
class Layout:
    """Ports follow from the base port: control +0, centres +1 …, load +4, gateway +5 … +8 (binary, FIX, market data, HTTP),
    surveillance +9, shard s replica r: +20+3s+r and +40+3s+r (HTTP)."""

    topology: Topology
    state: Path
    base_port: int
    config: Path | None = None

    @property
    def control_port(self) -> int:
        return self.base_port

    @property
    def load_port(self) -> int:
        return self.base_port + 1 + len(self.topology.centres)

    @property
    def gateway_ports(self) -> dict[str, int]:
        """binary, fix, market_data, http."""
        return {name: self.load_port + 1 + at for at, name in enumerate(GATEWAY_PORTS)}

    @property
    def surveillance_port(self) -> int:
        return self.load_port + 1 + len(GATEWAY_PORTS)

    def centre_port(self, centre: str) -> int:
        return self.base_port + 1 + list(self.topology.centres).index(centre)

    def replica_ports(self, shard: int, centre: str) -> tuple[int, int]:
        """(peers and clients, HTTP)."""
        offset = PORTS_PER_SHARD * shard + list(self.topology.centres).index(centre)
        return self.base_port + REPLICA_PORTS_AT + offset, self.base_port + REPLICA_HTTP_AT + offset

    def ports(self) -> list[int]:
        replicas = [
            port for shard in self.topology.shards for centre in self.topology.centres
            for port in self.replica_ports(shard, centre)
        ]  # fmt: skip
        centres = [self.centre_port(centre) for centre in self.topology.centres]
        return [
            self.control_port,
            *centres,
            self.load_port,
            *self.gateway_ports.values(),
            self.surveillance_port,
            *replicas,
        ]

    def url(self, port: int) -> str:
        return f"http://{HOST}:{port}"

    @property
    def endpoints_file(self) -> Path:
        return self.state / "endpoints.json"

    def shard_config_file(self, shard: int) -> Path:
        return self.state / "shards" / f"shard-{shard}.json"

    def endpoints(self) -> dict:
        """Content of endpoints.json: all that a client needs to find the cluster."""
        shards: dict[str, dict] = {}
        for shard in self.topology.shards:
            shards[str(shard)] = {}
            for centre in self.topology.centres:
                peer, http = self.replica_ports(shard, centre)
                shards[str(shard)][centre] = {"address": f"{HOST}:{peer}", "http": self.url(http)}
        return {
            "control": self.url(self.control_port),
            "centres": {centre: self.url(self.centre_port(centre)) for centre in self.topology.centres},
            "load": self.url(self.load_port),
            "gateway": {
                name: self.url(port) if name == "http" else f"{HOST}:{port}"
                for name, port in self.gateway_ports.items()
            },
            "surveillance": self.url(self.surveillance_port),
            "shards": shards,
            "scale": self.topology.scale,
            "config": str(self.config.resolve()) if self.config else None,
            "state": str(self.state.resolve()),
        }


def write_private(path: Path, document: dict) -> None:
    """Write JSON that only the owner may read, atomically."""
    beside = path.with_name(path.name + ".tmp")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    beside.replace(path)


def lock_state(state: Path, control_url: str) -> int | None:
    """Take the state folder's lock, which lasts as long as the process; None when another supervisor holds it."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(state / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, json.dumps({"pid": os.getpid(), "control": control_url}).encode())
    return descriptor


def lock_holder(state: Path) -> dict | None:
    """{pid, control} of the supervisor that holds the state folder; None when no cluster runs there."""
    try:
        descriptor = os.open(state / LOCK_FILE, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_holder(descriptor, state)
    finally:
        os.close(descriptor)
    return None


def _read_holder(descriptor: int, state: Path) -> dict:
    """What the holder wrote; it writes right after it took the lock, so an empty file is waited for."""
    for _ in range(HOLDER_TRIES):
        data = os.pread(descriptor, 4096, 0)
        if data:
            return json.loads(data)
        time.sleep(HOLDER_WAIT_S)
    raise OSError(f"{state / LOCK_FILE} is held by a process that does not say who it is")
