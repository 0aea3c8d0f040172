"""A whole product for tests: an instance of its own, beside any that runs, brought up by the same command as people use."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from seeops.bootstrap.checks import cluster_ports, port_is_free
from seeops.bootstrap.credentials import load_secrets
from seeops.bootstrap.files import read_json
from seeops.bootstrap.paths import ROOT, SHARED_VAR, Instance
from seeops.bootstrap.processes import members, sweep, wait_until
from seeops.bootstrap.supervisor import Supervisor
from seeops.bootstrap.surroundings import REPLACEABLE

START_TIMEOUT_S = 300
STOP_TIMEOUT_S = 120


def free_block(first: int = 18600, step: int = 100) -> int:
    """First base port whose whole block is free."""
    for base in range(first, first + 40 * step, step):
        own = list(Instance(SHARED_VAR, base).ports.values())
        if all(port_is_free(port) for port in [*own, *cluster_ports(base + 10).values()]):
            return base
    raise RuntimeError("No free block of ports for a test product.")


class Product:
    """One running instance. `start()` returns when it is ready; `stop()` ends it as Ctrl-C does and checks that nothing is left."""

    def __init__(self, var: Path, base: int | None = None) -> None:
        self.instance = Instance(var=var, base=base or free_block())
        self.process: subprocess.Popen[bytes] | None = None
        self.output = var.with_name(f"{var.name}.out")

    def start(self, *, clean: bool = False) -> Product:
        """Bring it up; with `clean` from an empty folder. Raises RuntimeError with its output when it does not become ready."""
        if clean:
            sweep(self.instance.var)  # a test run that was killed could not stop its product
            shutil.rmtree(self.instance.var, ignore_errors=True)
        self.output.parent.mkdir(parents=True, exist_ok=True)
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "seeops.bootstrap", "run"],
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        ready = wait_until(lambda: self.process.poll() is not None or self.instance.endpoints.exists(), START_TIMEOUT_S)
        if not ready or self.process.poll() is not None:
            text = self.output.read_text(errors="replace")
            self.stop()
            raise RuntimeError(f"The test product did not become ready:\n{text}\n{self.logs()}")
        return self

    def ensure_running(self) -> None:
        """Start it again when the test before has left it stopped; one that was named from outside is nobody's to start."""
        if self.process is not None and self.process.poll() is not None:
            self.start()

    def stop(self) -> None:
        """Stop as Ctrl-C does. Raises RuntimeError when a process is left."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
                self.command("down")
        if left := members(self.instance.var):
            raise RuntimeError(f"Processes {left} are left after the stop.")

    def environment(self) -> dict[str, str]:
        """The caller's environment without the test session's own servers, with this instance's folder and ports."""
        own = {"CELERY_BROKER_URL", "DJANGO_SETTINGS_MODULE", *REPLACEABLE}
        kept = {name: value for name, value in os.environ.items() if name not in own and not name.startswith("SEEOPS_")}
        return {**kept, "SEEOPS_VAR": str(self.instance.var), "SEEOPS_BASE_PORT": str(self.instance.base)}

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the bootstrap for this instance."""
        return subprocess.run(
            [sys.executable, "-m", "seeops.bootstrap", *arguments],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `manage.py` against this instance."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    @property
    def endpoints(self) -> dict[str, Any]:
        """What run/endpoints.json says now."""
        return read_json(self.instance.endpoints) or {}

    @property
    def console(self) -> str:
        return self.instance.url("console")

    @property
    def prometheus(self) -> str:
        return self.instance.url("prometheus")

    def person(self, username: str) -> dict[str, str]:
        """username, role, password and token of a demo person."""
        return next(person for person in self.endpoints["users"] if person["username"] == username)

    def api(self, username: str) -> Api:
        """The REST API as that person."""
        return Api(self.console, self.person(username)["token"])

    def supervisor(self) -> Supervisor:
        return Supervisor(self.instance, load_secrets(self.instance).supervisor)

    def pid(self, program: str) -> int:
        """Process id of a supervised program; 0 while it does not run."""
        return int(self.supervisor().states()[program]["pid"])

    def kill(self, program: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Kill a program without warning; returns the process id that it had."""
        pid = self.pid(program)
        os.kill(pid, number)
        return pid

    @contextlib.contextmanager
    def without(self, program: str) -> Iterator[None]:
        """A while in which a program is away."""
        self.supervisor().stop_program(program)
        try:
            yield
        finally:
            self.supervisor().start_program(program)

    def logs(self, lines: int = 15) -> str:
        """The last lines of every log, for failure messages."""
        parts = []
        for path in sorted(self.instance.log.glob("*.log")):
            tail = path.read_text(errors="replace").splitlines()[-lines:]
            parts.append(f"--- {path.name}\n" + "\n".join(tail))
        return "\n".join(parts)


class Api:
    """Requests of one person to /api/v1/, with a time-out; a failure raises requests.HTTPError that shows the body."""

    def __init__(self, console: str, token: str) -> None:
        self._base = f"{console}/api/v1/"
        self._session = requests.Session()
        self.headers = {"Authorization": f"Token {token}"}
        self._session.headers.update(self.headers)

    def request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """One call, whatever its outcome."""
        return self._session.request(method, self._base + path.lstrip("/"), timeout=30, **arguments)

    def _checked(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self.request(method, path, **arguments)
        if not answer.ok:
            raise requests.HTTPError(f"{method} {path}: {answer.status_code} {answer.text[:2000]}", response=answer)
        return answer.json() if answer.content else None

    def get(self, path: str, **params: Any) -> Any:
        return self._checked("GET", path, params=params)

    def post(self, path: str, **body: Any) -> Any:
        return self._checked("POST", path, json=body)
