"""A real centre process for tests: started on free ports, stopped at the end, killable in between."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.polling import eventually
from trading_sim.client import ClusterClient, ClusterError
from trading_sim.cluster.layout import Layout
from trading_sim.protocol import topology_file

SCALE = 0.05
DEADLINE_S = 30.0


def free_base_port() -> int:
    """A base port of which all ports of a small cluster are free at this moment."""
    bases = list(range(22100, 22940, 60))
    random.Random(os.getpid()).shuffle(bases)
    for base in bases:
        try:
            for port in [*range(base, base + 6), *range(base + 20, base + 26), *range(base + 40, base + 46)]:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise RuntimeError("no free ports between 22100 and 22999")


def until(check, what: str, deadline_s: float = DEADLINE_S):
    """Poll `check` until it gives something true; connection errors count as not yet."""
    return eventually(check, what, deadline_s, not_yet=(ClusterError,))


class RunningCentre:
    """One centre process without shards; `client` talks to it."""

    def __init__(self, state: Path, centre: str = "SZ-A", base_port: int | None = None):
        self.state, self.centre = state, centre
        self.base_port = base_port or free_base_port()
        self.layout = Layout(topology_file.load(scale=SCALE), state, self.base_port)
        state.mkdir(parents=True, exist_ok=True)
        self.layout.endpoints_file.write_text(json.dumps(self.layout.endpoints()), encoding="utf-8")
        self.client = ClusterClient(self.layout.endpoints_file)
        self.process: subprocess.Popen | None = None
        self.start()

    @property
    def url(self) -> str:
        return self.client.endpoints["centres"][self.centre]

    def start(self) -> None:
        argv = [sys.executable, "-m", "trading_sim.cluster.centre_process", "--centre", self.centre]
        argv += ["--state", str(self.state), "--base-port", str(self.base_port), "--scale", str(SCALE)]
        log = (self.state / f"{self.centre}.log").open("ab")
        with log:
            self.process = subprocess.Popen([*argv, "--without-shards"], stdout=log, stderr=log)
        until(self._all_up, f"{self.centre} has all nodes up")

    def _all_up(self) -> bool:
        states = self.client.centre_health(self.centre)["states"]
        return set(states) <= {"up", "drained", "down", "lost", "paused"}

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)

    def state_of(self, node: str) -> str:
        return self.client.agent(node).health()["state"]
