"""The supervisor of an instance: started as a child, asked and told over its loopback RPC with a password."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import xmlrpc.client
from collections.abc import Mapping
from typing import Any

from .errors import SetupError
from .files import write_atomic
from .paths import ROOT, VENV, Instance
from .processes import command_line, is_alive, wait_until
from .programs import Program, configuration

# What the other programs need until their own end.
NEEDED = ("postgres", "valkey")


class _Transport(xmlrpc.client.Transport):
    """HTTP with a time-out."""

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = 20
        return connection


class Supervisor:
    """One supervisord. Methods raise SetupError when it does not answer."""

    def __init__(self, instance: Instance, rpc_password: str) -> None:
        self.instance = instance
        self._password = rpc_password
        self.child: subprocess.Popen[bytes] | None = None

    def write_configuration(self, wanted: list[Program], variables: Mapping[str, str]) -> None:
        """Write run/supervisord.conf, readable by its owner only."""
        user = "root" if os.geteuid() == 0 else ""
        text = configuration(self.instance, wanted, {**variables, "SEEOPS_ROOT": str(ROOT)}, self._password, user)
        write_atomic(self.instance.run / "supervisord.conf", text, 0o600)

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches the starter alone, which then stops things in order."""
        self.instance.log.mkdir(parents=True, exist_ok=True)
        with (self.instance.log / "supervisord.out").open("wb") as output:
            self.child = subprocess.Popen(
                [VENV / "bin" / "supervisord", "-c", self.instance.run / "supervisord.conf"],
                env=dict(environment),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if not wait_until(lambda: self.child.poll() is not None or self.answers(), 20) or self.child.poll() is not None:
            log = self.instance.log / "supervisord.out"
            raise SetupError(f"The supervisor does not start: {log.read_text(errors='replace').strip()[-300:] or log}")

    def _call(self, method: str, *arguments: Any) -> Any:
        address = f"http://seeops:{self._password}@127.0.0.1:{self.instance.ports['supervisor']}/RPC2"
        with xmlrpc.client.ServerProxy(address, transport=_Transport()) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def answers(self) -> bool:
        """True when it takes commands."""
        try:
            return self._call("getState")["statename"] == "RUNNING"
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False

    def states(self) -> dict[str, dict[str, Any]]:
        """Per program: statename, pid, spawnerr and the rest of supervisor's process information."""
        try:
            return {info["name"]: info for info in self._call("getAllProcessInfo")}
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
            raise SetupError(f"The supervisor does not answer ({error}): stop the product with `make down`.") from error

    def start_program(self, name: str) -> None:
        """Start a program that does not start by itself; one that runs already is left alone."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise SetupError(f"{name} could not be started: {fault.faultString}.") from fault

    def stop_program(self, name: str, *, wait: bool = True) -> None:
        """Stop a program in order; it stays away until it is started again."""
        self._call("stopProcess", name, wait)

    def pid(self) -> int | None:
        """Process id of a living supervisord of this instance, whoever started it."""
        try:
            pid = int((self.instance.run / "supervisord.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None
        configured = str(self.instance.run / "supervisord.conf")
        return pid if is_alive(pid) and configured in command_line(pid) else None

    def stop(self, timeout_s: float = 90) -> bool:
        """Have everything stop, at last what the others need, and wait; True when it ended."""
        pid = self.child.pid if self.child else self.pid()
        if pid is None:
            return True
        self._stop_at_once_what_nothing_needs()
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return True
        return wait_until(lambda: self._gone(pid), timeout_s)

    def _stop_at_once_what_nothing_needs(self) -> None:
        """By itself it would stop one program after the other, and each takes seconds to end in order."""
        try:
            for name, info in self.states().items():
                if name not in NEEDED and info["statename"] in ("RUNNING", "STARTING"):
                    self.stop_program(name, wait=False)
        except (SetupError, OSError, http.client.HTTPException, xmlrpc.client.Error):
            return  # it is dying or stopping already: the signal that follows does the rest

    def _gone(self, pid: int) -> bool:
        if self.child is not None:
            return self.child.poll() is not None
        return not is_alive(pid)
