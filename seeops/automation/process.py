"""The process of a run: started in a session of its own, known by pid and start time, ended only when it is that process.

A pid alone says nothing after a restart of the machine; pid and start time together name one process for ever.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import psutil
from django.conf import settings
from django.db import connection

from seeops.automation.models import Run, StepRun
from seeops.environment import BASE_DIR

_children: list[subprocess.Popen[bytes]] = []


Supervised = Run | StepRun


def spawn(pk: int, module: str = "seeops.automation.runner") -> None:
    """Start the process of a run (or of a step) and leave it alone: it outlives the worker that starts it."""
    _children[:] = [child for child in _children if child.poll() is None]
    folder = Path(settings.VAR_DIR) / "log"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "runner.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", module, str(pk)],
            cwd=BASE_DIR,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _children.append(child)


def _environment() -> dict[str, str]:
    """The worker's own surroundings and database, one connection per thread instead of a pool."""
    used = connection.settings_dict
    user, password = quote(used["USER"], safe=""), quote(used["PASSWORD"], safe="")
    database = f"postgresql://{user}:{password}@{used['HOST']}:{used['PORT']}/{used['NAME']}"
    own = {"DATABASE_URL": database, "SEEOPS_DB_POOL": "0", "SEEOPS_VAR": str(settings.VAR_DIR)}
    return {**os.environ, **own, "DJANGO_SETTINGS_MODULE": "seeops.settings"}


def identity() -> dict[str, object]:
    """What a runner writes into its row about itself."""
    own = psutil.Process()
    return {"pid": own.pid, "pid_started_at": own.create_time(), "host": socket.gethostname()}


def here(run: Supervised) -> bool:
    """Whether the run's process was started on this machine, so that it can be looked at."""
    return run.host == socket.gethostname()


def alive(run: Supervised) -> bool:
    """Whether exactly the process that claimed the run is still there (and not a zombie)."""
    found = _process(run)
    return found is not None


def end(run: Supervised) -> bool:
    """Kill the run's process and what it started. False when it is gone already."""
    found = _process(run)
    if found is None:
        return False
    children = found.children(recursive=True)
    found.send_signal(signal.SIGKILL)
    for child in children:
        try:
            child.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    return True


def _process(run: Supervised) -> psutil.Process | None:
    if run.pid is None or run.pid_started_at is None or not here(run):
        return None
    try:
        found = psutil.Process(run.pid)
        same = abs(found.create_time() - run.pid_started_at) < 0.05
        return found if same and found.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None
