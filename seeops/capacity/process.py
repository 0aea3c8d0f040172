"""The process of a capacity test or shadow run: started in a session of its own, so that it outlives worker and console."""

from __future__ import annotations

import contextlib
import hashlib
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

from seeops.capacity.models import Supervised
from seeops.environment import BASE_DIR

MOST_EVENTS_BYTES = 8 << 20
_children: list[subprocess.Popen[bytes]] = []


def spool_of(number: str) -> Path:
    """Where the process leaves its events and its report."""
    return Path(settings.VAR_DIR) / "capacity" / number


def spawn(work: Supervised, arguments: list[str]) -> dict[str, Any]:
    """Start `python -m trading_sim …`; returns what identifies the process (pid, start time, host).

    A worker that died after it had started the process leaves one that nobody knows of: it is found by its folder.
    """
    _children[:] = [child for child in _children if child.poll() is None]
    spool = Path(work.spool)
    spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    if adopted := _orphan(str(spool)):
        return adopted
    with (spool / "process.log").open("ab") as log, (spool / "output.txt").open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "trading_sim", *arguments],
            cwd=BASE_DIR, stdin=subprocess.DEVNULL, stdout=output, stderr=log, start_new_session=True,
        )  # fmt: skip
    _children.append(child)
    return {"pid": child.pid, "pid_started_at": _start_time(child.pid), "host": socket.gethostname()}


def _orphan(spool: str) -> dict[str, Any] | None:
    for found in psutil.process_iter(["cmdline", "create_time"]):
        words = found.info["cmdline"] or []
        if "trading_sim" in words and any(word.startswith(spool) for word in words):
            return {"pid": found.pid, "pid_started_at": found.info["create_time"], "host": socket.gethostname()}
    return None


def _start_time(pid: int) -> float | None:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def alive(work: Supervised) -> bool:
    """Whether exactly the process that was started is still there. A pid alone would not say that."""
    if work.pid is None or work.pid_started_at is None or work.host != socket.gethostname():
        return False
    try:
        found = psutil.Process(work.pid)
        return abs(found.create_time() - work.pid_started_at) < 0.05 and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(work: Supervised) -> None:
    """kill -9 the process, if it is still exactly that one."""
    if alive(work) and work.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(work.pid, signal.SIGKILL)


def request_stop(work: Supervised, why: str) -> None:
    """Ask the process to end; can be repeated, and is found by one that is only starting."""
    spool = Path(work.spool)
    spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    (spool / "stop").write_text(why)


def last_words(work: Supervised) -> str:
    """The last line that the process wrote before it died; empty when it wrote none."""
    path = Path(work.spool) / "process.log"
    if not path.exists():
        return ""
    written = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return written[-1][:300] if written else ""


def events(work: Supervised) -> list[dict[str, Any]]:
    """Complete lines of events.jsonl, the newest MOST_EVENTS_BYTES of them; empty before the first."""
    path = Path(work.spool) / "events.jsonl"
    if not path.exists():
        return []
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - MOST_EVENTS_BYTES))
        content = file.read()
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    return [json.loads(line) for line in (lines[1:] if size > MOST_EVENTS_BYTES else lines) if line]


def report(work: Supervised) -> tuple[dict[str, Any], str] | None:
    """(the report, SHA-256 of its file); None while the process goes on or when it died without one."""
    path = Path(work.spool) / "report.json"
    if not path.exists():
        return None
    data = path.read_bytes()
    return json.loads(data), hashlib.sha256(data).hexdigest()
