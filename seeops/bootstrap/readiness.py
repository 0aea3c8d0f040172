"""When the product is really ready: the console answers, Prometheus sees nodes, and orders flow through the cluster."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from .errors import SetupError
from .files import read_json
from .paths import Instance


def fetch(url: str, timeout_s: float = 5) -> tuple[int, bytes]:
    """Status and body of a GET; status 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:  # noqa: S310 - addresses of our own parts
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (OSError, ValueError):
        return 0, b""


def console_answers(url: str) -> bool:
    return fetch(f"{url}/healthz/")[0] == 200


def prometheus_value(url: str, query: str) -> float | None:
    """The one number that a query gives; None when there is none."""
    status, body = fetch(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}")
    if status != 200:
        return None
    result = json.loads(body)["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def nodes_seen(url: str) -> float:
    """How many nodes Prometheus reached at its last scrape."""
    return prometheus_value(url, 'sum(up{job="node"})') or 0.0


def orders_flow(instance: Instance, remembered: dict[str, Any]) -> bool:
    """True when the load process counts more requests than at the first look."""
    endpoints = read_json(instance.cluster_endpoints)
    if not endpoints or not endpoints.get("load"):
        return False
    status, body = fetch(f"{endpoints['load']}/metrics")
    if status != 200:
        return False
    total = sum(
        float(line.rpartition(" ")[2])
        for line in body.decode().splitlines()
        if line.startswith("trading_client_requests_total")
    )
    first = remembered.setdefault("requests", total)
    return total > first


class Awaited:
    """Conditions that must become true within a deadline, with what to say when one does not."""

    def __init__(self, alive: Callable[[], None]) -> None:
        self._alive = alive

    def until(self, what: str, condition: Callable[[], bool], timeout_s: float, hint: str) -> float:
        """Wait for `condition`; returns the seconds it took. `alive` may raise when waiting has become pointless."""
        started = time.monotonic()
        while not condition():
            self._alive()
            if time.monotonic() - started > timeout_s:
                raise SetupError(f"{what} after {timeout_s:.0f} s: {hint}.")
            time.sleep(0.2)
        return time.monotonic() - started


def endpoints(instance: Instance, variables: Mapping[str, str], people: list[dict[str, Any]]) -> dict[str, Any]:
    """Content of run/endpoints.json."""
    cluster = read_json(instance.cluster_endpoints) or {}
    return {
        "console": variables["SEEOPS_CONSOLE_URL"],
        "prometheus": variables["PROMETHEUS_URL"],
        "alertmanager": variables["ALERTMANAGER_URL"],
        "cluster": cluster,
        "users": [{name: person[name] for name in ("username", "role", "password", "token")} for person in people],
    }
