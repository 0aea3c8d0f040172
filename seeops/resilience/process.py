"""The process of an experiment: started in a session of its own, so that it outlives the worker that started it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
from django.conf import settings

from seeops.environment import BASE_DIR
from seeops.resilience.models import ExperimentRun

CLEAR_TIMEOUT_S = 45
_children: list[subprocess.Popen[bytes]] = []


def spool_of(number: str) -> Path:
    """Where a run leaves its events, samples, journal and result."""
    return Path(settings.VAR_DIR) / "experiments" / number


def owner_of(run: ExperimentRun) -> str:
    """Under this name the run injects its faults."""
    return f"experiment:{run.number}"


def spawn(run: ExperimentRun) -> dict[str, Any]:
    """Start the runner; returns what identifies its process (pid, start time, host).

    A worker that died after it had started the runner leaves one that nobody knows of: it is found by its first event.
    """
    _children[:] = [child for child in _children if child.poll() is None]
    if adopted := _orphan(run):
        return adopted
    spool = Path(run.spool)
    spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    document = spool / f"{run.code}.json"
    document.write_text(json.dumps(run.document))
    with (spool / "runner.log").open("ab") as log:
        child = subprocess.Popen(
            [
                sys.executable, "-m", "chaos.runner", "--experiment", str(document), "--owner", owner_of(run),
                "--endpoints", str(settings.CLUSTER_ENDPOINTS), "--spool", str(spool),
            ],
            cwd=BASE_DIR, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    _children.append(child)
    return {"pid": child.pid, "pid_started_at": _start_time(child.pid), "host": socket.gethostname()}


def _orphan(run: ExperimentRun) -> dict[str, Any] | None:
    """The runner of this run that is at work already, if there is one."""
    for event in lines(run, "events.jsonl"):
        if event["kind"] == "started":
            try:
                found = psutil.Process(event["pid"])
                if owner_of(run) in found.cmdline():
                    return {"pid": found.pid, "pid_started_at": found.create_time(), "host": socket.gethostname()}
            except psutil.Error:
                continue
    return None


def _start_time(pid: int) -> float | None:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def alive(run: ExperimentRun) -> bool:
    """Whether exactly the process that was started for the run is still there. A pid alone would not say that."""
    if run.pid is None or run.pid_started_at is None or run.host != socket.gethostname():
        return False
    try:
        found = psutil.Process(run.pid)
        return abs(found.create_time() - run.pid_started_at) < 0.05 and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(run: ExperimentRun) -> None:
    """kill -9 the runner, if it is still exactly that process."""
    if alive(run) and run.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(run.pid, signal.SIGKILL)


def last_words(run: ExperimentRun) -> str:
    """The last line that the runner wrote before it died; empty when it wrote none."""
    path = Path(run.spool) / "runner.log"
    if not path.exists():
        return ""
    written = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return written[-1][:300] if written else ""


def request_stop(run: ExperimentRun, why: str) -> None:
    """Ask the runner to end; can be repeated, and is found by a runner that is only starting."""
    spool = Path(run.spool)
    spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    (spool / "stop").write_text(why)


def clear(run: ExperimentRun) -> str:
    """Remove every fault of the run. Returns what went wrong; empty when all is gone."""
    command = [
        sys.executable,
        "-m",
        "chaos.clear",
        "--owner",
        owner_of(run),
        "--endpoints",
        str(settings.CLUSTER_ENDPOINTS),
    ]
    try:
        answer = subprocess.run(
            command, cwd=BASE_DIR, capture_output=True, text=True, timeout=CLEAR_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {CLEAR_TIMEOUT_S} s"
    return "" if answer.returncode == 0 else answer.stderr.strip() or f"exit {answer.returncode}"


def lines(run: ExperimentRun, name: str) -> list[dict[str, Any]]:
    """Complete JSON lines of events.jsonl or samples.jsonl; empty before the first."""
    path = Path(run.spool) / name
    if not path.exists():
        return []
    content = path.read_bytes()
    return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines() if line]


def result(run: ExperimentRun) -> dict[str, Any] | None:
    """What the runner concluded; None while it goes on or when it died."""
    path = Path(run.spool) / "result.json"
    return json.loads(path.read_text()) if path.exists() else None
