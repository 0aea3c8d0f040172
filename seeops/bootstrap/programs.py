"""The programs of the product: command, order, how to stop each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import monitoring, tools, valkey
from .paths import VENV, VENV_PYTHON, Instance

# Two workers look after releases and runs: when one dies, the other goes on while the first comes back. The second does nothing
# else, so that long work of the other queue never stands in a release's way.
WORKERS = (("worker", "default,release", 2), ("worker-release", "release", 1))


@dataclass(frozen=True)
class Program:
    """One supervised process. Lower priority starts earlier and stops later."""

    name: str
    command: list[str]
    priority: int
    stop_signal: str = "TERM"
    stop_wait_s: int = 15
    whole_group: bool = True
    # Started once the console answers: Prometheus asks it for its targets, and the others would only slow its start.
    after_console: bool = False
    cwd: str | None = None


def programs(instance: Instance, embedded: set[str]) -> list[Program]:
    """What this instance runs, in starting order."""
    python = str(VENV_PYTHON)
    ports = instance.ports
    found = []
    if "postgres" in embedded:
        # SIGINT is PostgreSQL's fast shutdown; its children end with it.
        command = [python, "-m", "seeops.bootstrap", "become-postgres"]
        found.append(Program("postgres", command, 10, stop_signal="INT", stop_wait_s=40, whole_group=False))
    if "valkey" in embedded:
        found.append(Program("valkey", [str(valkey.program()), str(instance.run / "valkey.conf")], 10))
    cluster = [
        python,
        "-m",
        "trading_sim",
        "up",
        "--state",
        str(instance.cluster),
        "--base-port",
        str(ports["cluster"]),
    ]
    found.append(Program("cluster", [*cluster, "--foreground"], 20, stop_wait_s=30))
    web = [
        str(VENV / "bin" / "uvicorn"),
        "seeops.asgi:application",
        "--host",
        "127.0.0.1",
        "--port",
        str(ports["console"]),
    ]
    # One process on two cores; streams are cut after 5 s of a stop, so that a browser tab never holds it up.
    web += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--timeout-graceful-shutdown", "5"]
    found.append(Program("web", web, 30, stop_wait_s=20))
    if "prometheus" in embedded:
        command = monitoring.prometheus_command(instance)
        found.append(Program("prometheus", command, 60, stop_wait_s=30, after_console=True))
    celery = [str(VENV / "bin" / "celery"), "-A", "seeops.celery"]
    for name, queues, concurrency in WORKERS:
        worker = ["worker", "-Q", queues, "--pool", "prefork", "--concurrency", str(concurrency)]
        worker += ["--max-tasks-per-child", "200", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
        command = [*celery, *worker, "-n", f"{name}-{instance.base}@%h"]
        found.append(Program(name, command, 40, stop_wait_s=30, after_console=True))
    beat = ["beat", "--loglevel", "INFO", "--pidfile=", "--schedule", str(instance.run / "beat-schedule")]
    found.append(Program("beat", [*celery, *beat], 50, after_console=True))
    if "alertmanager" in embedded:
        # It finds its templates relative to the folder that it was unpacked into.
        command = monitoring.alertmanager_command(instance)
        found.append(Program("alertmanager", command, 55, cwd=str(tools.MONITORING)))
    return found


def configuration(
    instance: Instance, wanted: list[Program], variables: Mapping[str, str], rpc_password: str, user: str
) -> str:
    """Text of supervisord.conf. Secrets of the programs travel in the environment, not in this file."""
    port = instance.ports["supervisor"]
    lines = [
        "[supervisord]",
        "nodaemon=true",
        "silent=true",
        f"logfile={_plain(instance.log / 'supervisord.log')}",
        "logfile_maxbytes=5MB",
        "logfile_backups=2",
        "loglevel=info",
        f"pidfile={_plain(instance.run / 'supervisord.pid')}",
        f"childlogdir={_plain(instance.log)}",
        "umask=077",
        f"identifier=seeops-{instance.base}",
        *([f"user={user}"] if user else []),
        "",
        "[inet_http_server]",
        f"port=127.0.0.1:{port}",
        "username=seeops",
        f"password={rpc_password}",
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "",
    ]
    for program in wanted:
        lines += [
            f"[program:{program.name}]",
            f"command={' '.join(_quoted(part) for part in program.command)}",
            f"directory={_plain(program.cwd or variables['SEEOPS_ROOT'])}",
            f"priority={program.priority}",
            f"autostart={'false' if program.after_console else 'true'}",
            "autorestart=true",
            "startsecs=2",
            # A part that fails again and again is tried for many minutes, ever more slowly, before it is given up.
            "startretries=60",
            f"stopsignal={program.stop_signal}",
            f"stopwaitsecs={program.stop_wait_s}",
            f"stopasgroup={'true' if program.whole_group else 'false'}",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={_plain(instance.log / (program.name + '.log'))}",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=3",
            "",
        ]
    return "\n".join(lines)


def _plain(value: object) -> str:
    """A value in supervisor's file format, where % begins an expression."""
    return str(value).replace("%", "%%")


def _quoted(value: str) -> str:
    text = _plain(value)
    return f'"{text}"' if any(character in text for character in " ;#'") else text
