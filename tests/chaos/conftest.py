"""A small real cluster for the experiments: three centres, six replicas, customers; started once for a file of tests."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.polling import eventually
from trading_sim.client import ClusterClient
from trading_sim.client.errors import ClusterError

SCALE = 0.05
UP_WITHIN_S = 100.0


def free_base() -> int:
    """A first port with the ports of a cluster behind it free."""
    offsets = [*range(5), *range(20, 26), *range(40, 46)]
    for base in range(31000, 60000, 97):
        sockets = [socket.socket() for _ in offsets]
        try:
            for offset, probe in zip(offsets, sockets, strict=True):
                probe.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        finally:
            for probe in sockets:
                probe.close()
        return base
    raise RuntimeError("no free ports for a cluster")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The endpoints file of a cluster whose customers are being served; gone before the tests of other files, which it would slow."""
    state = tmp_path_factory.mktemp("cluster")
    command = [sys.executable, "-m", "trading_sim", "up", "--state", str(state), "--base-port", str(free_base())]
    command += ["--scale", str(SCALE), "--foreground"]
    with (state / "up.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as supervisor:
        endpoints = state / "endpoints.json"
        eventually(
            lambda: supervisor.poll() is not None or served(endpoints), (state / "up.log").read_text, UP_WITHIN_S
        )
        assert supervisor.poll() is None, (state / "up.log").read_text()
        # Fewer nodes, and customers in proportion.
        ClusterClient(endpoints).set_load(rate_factor=SCALE)
        yield endpoints
        supervisor.terminate()
        supervisor.wait(30)


def served(endpoints: Path) -> bool:
    """Whether orders are being answered."""
    if not endpoints.exists():
        return False
    try:
        client = ClusterClient(endpoints, timeout_s=2)
        status = client.load_status()
    except ClusterError:
        return False
    return status["ready"] and status["requests"].get("cash-order", {}).get("ok", 0) > 0
