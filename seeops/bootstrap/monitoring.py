"""Configuration of Prometheus and Alertmanager, filled in for an instance and checked with their own tools."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from . import tools
from .errors import SetupError
from .files import write_atomic
from .paths import ROOT, Instance

TEMPLATES = ROOT / "dashboards" / "prometheus"
RULES = TEMPLATES / "rules"
PLACEHOLDER = re.compile(r"\$\{([a-z_]+)\}")


def write_configuration(instance: Instance, variables: Mapping[str, str]) -> None:
    """Write run/prometheus.yml, run/alertmanager.yml and the token file they name. Raises SetupError when one is not valid."""
    token = instance.run / "machine-token"
    write_atomic(token, variables["SEEOPS_MACHINE_TOKEN"], 0o600)
    alertmanager = urlsplit(variables["ALERTMANAGER_URL"])
    values = {
        "instance_name": instance.var.name,
        "rules": RULES,
        "console": variables["SEEOPS_CONSOLE_URL"],
        "token_file": token,
        "prometheus": urlsplit(variables["PROMETHEUS_URL"]).netloc,
        "alertmanager": alertmanager.netloc,
        "alertmanager_scheme": alertmanager.scheme,
        "alertmanager_path": alertmanager.path or "/",
    }
    for name in ("prometheus.yml", "alertmanager.yml"):
        text = fill((TEMPLATES / name).read_text(), values)
        write_atomic(instance.run / name, text, 0o600)


def fill(template: str, values: Mapping[str, object]) -> str:
    """Put values in place of ${name}. Other dollar signs stay. Raises SetupError for a name that has no value."""
    unknown = set(PLACEHOLDER.findall(template)) - set(values)
    if unknown:
        raise SetupError(
            f"dashboards/prometheus asks for {', '.join(sorted(unknown))}, which the set-up does not know."
        )
    return PLACEHOLDER.sub(lambda found: str(values[found[1]]), template)


def check_configuration(instance: Instance) -> None:
    """Let promtool and amtool read what was written."""
    for program, arguments in (
        ("promtool", ["check", "config", instance.run / "prometheus.yml"]),
        ("amtool", ["check-config", instance.run / "alertmanager.yml"]),
    ):
        done = subprocess.run(
            [tools.prometheus(program), *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            problem = next((line.strip() for line in done.stderr.splitlines() if line.strip()), done.stdout.strip())
            raise SetupError(
                f"dashboards/prometheus is not valid: {problem}; correct the file and run the command again."
            )


def prometheus_command(instance: Instance) -> list[str]:
    """Loopback only; at most 15 days and 3 GB of history."""
    return [
        str(tools.prometheus()),
        f"--config.file={instance.run / 'prometheus.yml'}",
        f"--storage.tsdb.path={instance.var / 'prometheus'}",
        "--storage.tsdb.retention.time=15d",
        "--storage.tsdb.retention.size=3GB",
        f"--web.listen-address=127.0.0.1:{instance.ports['prometheus']}",
        "--query.timeout=20s",
        "--query.max-concurrency=8",
        "--log.level=warn",
    ]


def alertmanager_command(instance: Instance) -> list[str]:
    """Loopback only, a cluster of one."""
    return [
        str(tools.prometheus("prometheus-alertmanager")),
        f"--config.file={instance.run / 'alertmanager.yml'}",
        f"--storage.path={instance.var / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{instance.ports['alertmanager']}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]


def rule_files() -> list[Path]:
    """Recording and alert rules that Prometheus loads."""
    return sorted(RULES.glob("*.yml"))
