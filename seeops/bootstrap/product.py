"""The life of a running product: start, wait until it is ready, stay, stop without leaving anything behind."""

from __future__ import annotations

import fcntl
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import checks, readiness, valkey
from .credentials import load_people, load_secrets
from .errors import SetupError
from .files import private_folder, read_json, write_json
from .paths import Instance
from .processes import members, sweep, wait_until
from .programs import programs
from .report import complain, say, step
from .setup import Prepared, setup
from .supervisor import Supervisor


class Interrupted(Exception):
    """Ctrl-C or a request to stop."""


def _interrupt(number: int, frame: Any) -> None:
    raise Interrupted


@contextmanager
def only_one(instance: Instance) -> Iterator[None]:
    """Hold the instance's lock; raise SetupError when another start holds it or a supervisor already runs."""
    private_folder(instance.run)
    with (instance.run / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SetupError(_already(instance)) from error
        if Supervisor(instance, load_secrets(instance).supervisor).pid() is not None:
            raise SetupError(_already(instance))
        yield


def _already(instance: Instance) -> str:
    address = (read_json(instance.endpoints) or {}).get("console") or instance.url("console")
    return f"The product already runs at {address}: use it, or stop it with `make down`."


def run(instance: Instance) -> None:
    """Set up, start everything, print how to use it, and stay until it is told to stop."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup it stays when the terminal closes
        signal.signal(signal.SIGHUP, _interrupt)
    ready = False
    started = time.monotonic()
    with only_one(instance):
        supervisor: Supervisor | None = None
        try:
            _clear_leftovers(instance)
            _check_ports(instance)
            prepared = setup(instance)
            assert prepared is not None  # noqa: S101 - setup() returns None only for only_shared
            supervisor = Supervisor(instance, prepared.secrets.supervisor)
            people = _start(prepared, supervisor)
            say(_block(instance, prepared, people, time.monotonic() - started))
            ready = True
            _stay(supervisor)
        except Interrupted as error:
            say("\nStopping …")
            if not ready:
                raise KeyboardInterrupt from error
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it running
            _stop(instance, supervisor)


def _clear_leftovers(instance: Instance) -> None:
    """End what a supervisor that was killed left behind; its ports would be busy otherwise."""
    (instance.endpoints).unlink(missing_ok=True)
    if members(instance.var):
        with step("Processes left by an earlier run") as note:
            note.set(f"{sweep(instance.var)} ended")


def _check_ports(instance: Instance) -> None:
    with step("Ports") as note:
        ports = {name: port for name, port in instance.ports.items() if name != "cluster"}
        checks.check_ports(ports | checks.cluster_ports(instance.ports["cluster"]))
        note.set(f"{instance.base} to {instance.base + 55} are free")


def _start(prepared: Prepared, supervisor: Supervisor) -> list[dict[str, Any]]:
    """Start the supervisor and wait for every part. Returns the demo people."""
    instance, variables = prepared.instance, prepared.variables
    for name in ("prometheus", "alertmanager"):
        (instance.var / name).mkdir(exist_ok=True)
    port = instance.ports["valkey"]
    valkey.write_configuration(instance.run / "valkey.conf", instance.var / "valkey", port, prepared.secrets.valkey)
    # Addresses of an earlier cluster must not pass for those of the one that starts now.
    instance.cluster_endpoints.unlink(missing_ok=True)
    wanted = programs(instance, prepared.embedded)
    supervisor.write_configuration(wanted, variables)
    awaited = readiness.Awaited(lambda: _complain_of_dead_supervisor(supervisor))
    hint = f"look into {instance.log}"
    with step("Processes"):
        supervisor.start(prepared.environment)
    with step("Console answers"):
        url = variables["SEEOPS_CONSOLE_URL"]
        awaited.until("The console does not answer", lambda: readiness.console_answers(url), 180, hint)
        for program in wanted:
            if program.after_console:
                supervisor.start_program(program.name)
    with step("Cluster is up, orders flow"):
        seen: dict[str, Any] = {}
        awaited.until("No order flows", lambda: readiness.orders_flow(instance, seen), 180, hint)
    with step("Prometheus sees the nodes") as note:
        url = variables["PROMETHEUS_URL"]
        awaited.until("Prometheus sees no node", lambda: readiness.nodes_seen(url) > 0, 180, hint)
        note.set(f"{readiness.nodes_seen(url):.0f} so far")
    people = load_people(instance)
    write_json(instance.endpoints, readiness.endpoints(instance, variables, people))
    return people


def _complain_of_dead_supervisor(supervisor: Supervisor) -> None:
    if supervisor.child is not None and supervisor.child.poll() is not None:
        raise SetupError(
            f"The supervisor ended unexpectedly (status {supervisor.child.returncode}): everything was stopped;"
            " start again with `make run`."
        )


def _stay(supervisor: Supervisor) -> None:
    """Wait for Ctrl-C or `make down`; say once which part keeps failing. Raises SetupError when the supervisor dies."""
    told: set[str] = set()
    while True:
        if supervisor.child is not None and supervisor.child.poll() == 0:
            say("Stopped from elsewhere.")
            return
        _complain_of_dead_supervisor(supervisor)
        time.sleep(1)
        if int(time.monotonic()) % 10:
            continue
        try:
            states = supervisor.states()
        except SetupError:
            continue  # it is stopping, or dying: the next round sees which
        _complain_of_failing_parts(states, told)


def _complain_of_failing_parts(states: dict[str, dict[str, Any]], told: set[str]) -> None:
    for name, info in states.items():
        if info["statename"] in ("FATAL", "BACKOFF") and name not in told:
            told.add(name)
            reason = info["spawnerr"] or info["description"]
            complain(f"{name} does not stay up ({reason}): see {info['stdout_logfile']}")
        elif info["statename"] == "RUNNING":
            told.discard(name)


def _block(instance: Instance, prepared: Prepared, people: list[dict[str, Any]], seconds: float) -> str:
    """What a person needs to begin."""
    lines = [
        "",
        f"  The console is ready after {seconds:.1f} s:  {prepared.variables['SEEOPS_CONSOLE_URL']}/",
        f"  Prometheus {prepared.variables['PROMETHEUS_URL']}   Alertmanager {prepared.variables['ALERTMANAGER_URL']}",
        "",
        f"  {'user':<8} {'role':<14} password",
        *(f"  {person['username']:<8} {person['role']:<14} {person['password']}" for person in people),
        "",
        f"  Logs: {instance.log}    Stop: Ctrl-C, or `make down` from another terminal. All data stays.",
        "",
    ]
    return "\n".join(lines)


def _stop(instance: Instance, supervisor: Supervisor | None) -> None:
    """Stop in order, then make sure that nothing of the instance is left."""
    instance.endpoints.unlink(missing_ok=True)
    if supervisor is not None and supervisor.child is not None:
        with step("Stopping all processes") as note:
            if not supervisor.stop():
                note.set("the supervisor did not end in time")
    left = sweep(instance.var)
    if left:
        say(f"{left} processes outside the supervisor were ended too.")


def down(instance: Instance) -> None:
    """Stop the product of this instance, whoever started it and however it ended; no error when nothing runs."""
    if not instance.var.exists():
        say("Nothing runs.")
        return
    supervisor = Supervisor(instance, load_secrets(instance).supervisor)
    pid = supervisor.pid()
    if pid is None and not members(instance.var):
        instance.endpoints.unlink(missing_ok=True)
        say("Nothing runs.")
        return
    with step("Stopping all processes"):
        supervisor.stop()
        instance.endpoints.unlink(missing_ok=True)
        _wait_for_starter(instance)
        sweep(instance.var)


def _wait_for_starter(instance: Instance) -> None:
    """The `run` that holds the lock sees its supervisor end and leaves by itself."""

    def free() -> bool:
        with (instance.run / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    if (instance.run / "lock").exists():
        wait_until(free, 30)
