"""Three replica processes of one shard on free ports of this machine, for tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import requests

from tests.polling import eventually

ROOT = Path(__file__).parents[3]
NAMES = ("SZ-A", "SZ-B", "WH-A")
TALLY = "trading_sim.sim.tally:TallyFactory"


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class ShardProcesses:
    """The replicas, by name. `machine` and `config` as the replica's command line takes them."""

    def __init__(self, directory: Path, machine: str = TALLY, config: str = "{}") -> None:
        self.directory = directory
        self.machine = machine
        (directory / "config.json").write_text(config)
        ports = free_ports(6)
        self.addresses = dict(zip(NAMES, [f"127.0.0.1:{port}" for port in ports[:3]], strict=True))
        self.http = dict(zip(NAMES, [f"127.0.0.1:{port}" for port in ports[3:]], strict=True))
        self.processes: dict[str, subprocess.Popen] = {}

    def start(self, name: str) -> None:
        peers = ",".join(f"{peer}={address}" for peer, address in self.addresses.items() if peer != name)
        command = [sys.executable, "-m", "trading_sim.shard.replica", "--shard", "0", "--replica", name]
        command += ["--config", str(self.directory / "config.json"), "--state", str(self.directory / name)]
        command += ["--listen", self.addresses[name], "--peers", peers, "--http", self.http[name]]
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*command, "--machine", self.machine], cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def start_all(self) -> None:
        for name in NAMES:
            if name not in self.processes or self.processes[name].poll() is not None:
                self.start(name)
        self.leader()

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.processes[name].pid, number)

    def kill(self, name: str) -> None:
        self.signal(name, signal.SIGKILL)
        self.processes[name].wait(10)

    def status(self, name: str) -> dict:
        """The status, or {} while there is none."""
        try:
            return requests.get(f"http://{self.http[name]}/status", timeout=1).json()
        except requests.RequestException:
            return {}

    def leader(self, other_than: str = "") -> str:
        """The replica that leads and may answer reads."""

        def found() -> str:
            leading = [n for n in NAMES if n != other_than and self.status(n).get("lease")]
            return leading[0] if leading else ""

        return str(eventually(found, "a leader", interval_s=0.02))

    def agree(self) -> dict:
        """Wait until all replicas have executed the same entries; returns a status."""

        def same() -> dict:
            states = [self.status(name) for name in NAMES]
            ends = {(s.get("applied"), s.get("last_index"), s.get("state_hash")) for s in states}
            return states[0] if len(ends) == 1 and states[0].get("applied") == states[0].get("last_index") else {}

        return dict(eventually(same, "the replicas to agree", interval_s=0.02))  # type: ignore[call-overload]

    def inject(self, name: str, kind: str, lease_s: float, **params: object) -> int:
        answer = requests.post(
            f"http://{self.http[name]}/faults",
            json={"kind": kind, "params": params, "lease_s": lease_s, "owner": "test"},
            timeout=5,
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["lease"]

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(10)
