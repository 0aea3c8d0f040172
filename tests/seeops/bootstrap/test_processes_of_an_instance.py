"""Whatever an instance started is found and ended, also in sessions of its own; nothing else is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from seeops.bootstrap import processes, valkey
from seeops.bootstrap.checks import port_is_free
from seeops.bootstrap.errors import SetupError
from tests.embedded import free_port

WAIT = "import time\nprint('up', flush=True)\ntime.sleep(600)"
STUBBORN = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{WAIT}"


def start(code: str, mark: str) -> subprocess.Popen[bytes]:
    """A process of the instance `mark`, in a session of its own, once it runs."""
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, processes.MARK: mark},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    return child


@pytest.fixture
def children(tmp_path) -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for child in started:
        child.kill()
        child.wait()
        child.stdout.close()


def test_only_marked_processes_are_ended(tmp_path, children) -> None:
    ours, other = tmp_path / "ours", tmp_path / "ours-too"
    children += [start(WAIT, str(ours)), start(WAIT, str(other))]
    assert processes.members(ours) == [children[0].pid]
    assert processes.sweep(ours) == 1
    assert children[0].wait(5) == -15
    assert children[1].poll() is None


def test_one_that_ignores_the_request_is_killed(tmp_path, children) -> None:
    children.append(start(STUBBORN, str(tmp_path)))
    assert processes.sweep(tmp_path, patience_s=0.5) == 1
    assert children[0].wait(5) == -9


def test_nothing_to_end_is_no_trouble(tmp_path) -> None:
    assert processes.sweep(tmp_path) == 0


def test_failed_program_is_told_with_its_last_line_and_its_log(tmp_path) -> None:
    log = tmp_path / "log" / "step.log"
    with pytest.raises(SetupError, match=r"It failed \(no luck; full output in .*step\.log\)\."):
        processes.run_logged([sys.executable, "-c", "print('no luck'); raise SystemExit(3)"], log, sorry="It failed")


def test_missing_program_is_named(tmp_path) -> None:
    with pytest.raises(SetupError, match="the program no-such-program is missing"):
        processes.run_logged(["no-such-program"], tmp_path / "log", sorry="It failed")


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    assert processes.wait_until(lambda: not processes.is_alive(child.pid), 10)
    assert child.wait() == 0


def test_valkey_keeps_the_mark_by_which_it_is_found(tmp_path, children) -> None:
    port = free_port()
    valkey.write_configuration(tmp_path / "valkey.conf", tmp_path / "data", port, "geheim")
    environment = {**os.environ, processes.MARK: str(tmp_path)}
    command = [valkey.program(), tmp_path / "valkey.conf"]
    children.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, start_new_session=True))
    assert processes.wait_until(lambda: not port_is_free(port), 20)
    assert processes.members(tmp_path) == [children[0].pid]
    assert processes.sweep(tmp_path) == 1
    assert children[0].wait(5) == 0
