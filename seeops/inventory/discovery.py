"""Scrape targets for Prometheus: one list per job, always answered, if need be from the last good one.

A monitoring system that loses its targets because the console's database is away is blind exactly when it is needed.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError
from django.utils.translation import gettext as _

from seeops.cluster import door
from seeops.core.errors import InvalidInput, Unavailable
from seeops.inventory.models import Centre, Node

log = logging.getLogger(__name__)
Target = dict[str, Any]
CACHE_S = 10.0
_cache: dict[str, tuple[float, list[Target]]] = {}


def http_sd(job: str) -> list[Target]:
    """Targets of `job` (node, centre, shard, load, gateway, surveillance, console) as Prometheus reads them: [{"targets": [...], "labels": {...}}].

    At most one query, and none within 10 s of the last. When the database or the cluster's endpoints cannot be read, the
    last good list is answered. Raises InvalidInput for an unknown job, Unavailable when there never was a good list.
    """
    build = JOBS.get(job)
    if build is None:
        raise InvalidInput(
            _("No job is called “%(job)s”: use one of %(jobs)s.") % {"job": job, "jobs": ", ".join(JOBS)}
        )
    moment = time.monotonic()
    known = _cache.get(job)
    if known and moment - known[0] < CACHE_S:
        return known[1]
    try:
        targets = build()
    except (DatabaseError, Unavailable) as error:
        log.warning("targets answered from the last good list", extra={"job": job, "error": str(error)})
        targets = _last_good(job)
    else:
        _keep(job, targets)
    _cache[job] = (moment, targets)
    return targets


def forget() -> None:
    """Drop what is cached: the addresses of the cluster have changed."""
    _cache.clear()


def _file(job: str) -> Path:
    return Path(settings.VAR_DIR) / "run" / f"http-sd-{job}.json"


def _keep(job: str, targets: list[Target]) -> None:
    if not targets:
        return
    path = _file(job)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(targets))
    beside.replace(path)


def _last_good(job: str) -> list[Target]:
    try:
        return json.loads(_file(job).read_text())
    except (OSError, ValueError) as error:
        raise Unavailable(
            _("The targets of %(job)s cannot be read now and were never read before: start database and cluster.")
            % {"job": job}
        ) from error


def _target(url: str, labels: dict[str, str], path: str = "/metrics") -> Target:
    parts = urlsplit(url)
    return {
        "targets": [parts.netloc],
        "labels": {"__metrics_path__": parts.path.rstrip("/") + path, "__scheme__": parts.scheme or "http", **labels},
    }


def _nodes() -> list[Target]:
    rows = (
        Node.objects.active()
        .exclude(agent_url="")
        .values_list(
            "name", "agent_url", "service__name", "centre__code", "centre__site__code", "service__domain__code"
        )
        .order_by("name")
    )
    return [
        _target(
            url,
            {"instance": name, "node": name, "service": service, "centre": centre, "site": site, "domain": domain},
        )
        for name, url, service, centre, site, domain in rows
    ]


def _centres() -> list[Target]:
    rows = Centre.objects.exclude(url="").values_list("code", "url", "site__code")
    return [_target(url, {"instance": code, "centre": code, "site": site}) for code, url, site in rows]


def _shards() -> list[Target]:
    return [
        _target(replica["http"], {"instance": f"shard-{shard}-{centre}", "shard": str(shard), "centre": centre})
        for shard, replicas in door.endpoints()["shards"].items()
        for centre, replica in replicas.items()
    ]


def _load() -> list[Target]:
    return [_target(door.endpoints()["load"], {"instance": "load"})]


def _gateway() -> list[Target]:
    """None for a cluster that was started before there was a gateway."""
    found = door.endpoints().get("gateway")
    return [_target(found["http"], {"instance": "gateway"})] if found else []


def _surveillance() -> list[Target]:
    """None for a cluster that was started before there was surveillance."""
    found = door.endpoints().get("surveillance")
    return [_target(found, {"instance": "surveillance"})] if found else []


def _console() -> list[Target]:
    return [_target(settings.CONSOLE_URL, {"instance": "console"})]


JOBS: dict[str, Callable[[], list[Target]]] = {
    "node": _nodes,
    "centre": _centres,
    "shard": _shards,
    "load": _load,
    "gateway": _gateway,
    "surveillance": _surveillance,
    "console": _console,
}
