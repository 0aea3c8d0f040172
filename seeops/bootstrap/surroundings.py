"""The environment variables through which every part learns of the others, and which parts are ours to start."""

from __future__ import annotations

import os
from collections.abc import Mapping

from .credentials import Secrets
from .files import write_json
from .paths import ROOT, VENV, Instance
from .processes import MARK

# An address given from outside replaces the embedded part.
REPLACEABLE = {
    "DATABASE_URL": "postgres",
    "VALKEY_URL": "valkey",
    "PROMETHEUS_URL": "prometheus",
    "ALERTMANAGER_URL": "alertmanager",
}


def embedded_parts(outside: Mapping[str, str] = os.environ) -> set[str]:
    """The parts that this instance starts itself: those whose address was not given."""
    parts = {part for name, part in REPLACEABLE.items() if not outside.get(name)}
    if outside.get("CELERY_BROKER_URL") and outside.get("VALKEY_URL"):
        parts.discard("valkey")
    return parts


def variables(instance: Instance, secrets: Secrets, outside: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of the instance; those given from outside win."""
    ports = instance.ports
    valkey = f"redis://:{secrets.valkey}@127.0.0.1:{ports['valkey']}"
    own = {
        "SEEOPS_VAR": str(instance.var),
        "SEEOPS_BASE_PORT": str(instance.base),
        "SEEOPS_SECRET_KEY": secrets.django,
        "SEEOPS_MACHINE_TOKEN": secrets.machine_token,
        "DATABASE_URL": f"postgresql://seeops:{secrets.database}@127.0.0.1:{ports['postgres']}/seeops",
        "VALKEY_URL": f"{valkey}/0",
        # Whoever gives a Valkey of their own means it for the broker too, in its next database.
        "CELERY_BROKER_URL": _next_database(outside["VALKEY_URL"]) if outside.get("VALKEY_URL") else f"{valkey}/1",
        "PROMETHEUS_URL": instance.url("prometheus"),
        "ALERTMANAGER_URL": instance.url("alertmanager"),
        "SEEOPS_CLUSTER": str(instance.cluster_endpoints),
        "SEEOPS_PACKAGES": str(instance.packages),
        "SEEOPS_CONSOLE_URL": instance.url("console"),
        "SEEOPS_SESSION_COOKIE": f"seeops_session_{instance.base}",
    }
    return {name: outside.get(name) or value for name, value in own.items()}


def _next_database(url: str) -> str:
    address, _, number = url.rstrip("/").rpartition("/")
    if not number.isdigit():
        return f"{url.rstrip('/')}/1"
    return f"{address}/{int(number) + 1}"


def process_environment(instance: Instance, given: Mapping[str, str]) -> dict[str, str]:
    """Environment of every process of the instance: the caller's, the variables, the mark, the virtual environment first."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return {
        **inherited,
        **given,
        MARK: str(instance.var),
        "PATH": f"{VENV / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "VIRTUAL_ENV": str(VENV),
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "seeops.settings",
        # Celery would have Django check itself at every start of a worker, which loads every page: a killed worker would be
        # back seconds later. The checks run in set-up and tests.
        "CELERY_SKIP_CHECKS": "1",
        "NUMBA_CACHE_DIR": str(ROOT / "var" / "numba-cache"),
    }


def write_environment(instance: Instance, given: Mapping[str, str]) -> None:
    """Leave the variables where commands typed by hand find them (run/env.json, owner only)."""
    write_json(instance.run / "env.json", dict(given))
