from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seeops.accounts.models import Person
from seeops.accounts.selectors import machine


@pytest.fixture
def alertmanager(db: None) -> Person:
    return machine("alertmanager")


@pytest.fixture
def on_call(db: None) -> Person:
    return Person.objects.create_user(username="zhou", password="x", roles=["on_call"])


@pytest.fixture
def auditor(db: None) -> Person:
    return Person.objects.create_user(username="qian", password="x", roles=["auditor"])


@pytest.fixture
def notification() -> Callable[..., dict[str, Any]]:
    """A webhook body with one alert; keywords change it: node, start (seconds), ended (seconds or None), name, service."""

    def make(
        *,
        node: str = "n-1",
        start: int = 0,
        ended: int | None = None,
        name: str = "NodeDown",
        service: str = "auth",
        severity: str = "warning",
    ) -> dict[str, Any]:
        return {
            "version": "4",
            "alerts": [
                {
                    "status": "firing" if ended is None else "resolved",
                    "labels": {
                        "alertname": name, "service": service, "centre": "SZ-A", "node": node, "severity": severity,
                    },
                    "annotations": {"summary": f"{node} does not serve"},
                    "startsAt": f"2026-05-11T01:30:{start:02d}Z",
                    "endsAt": "0001-01-01T00:00:00Z" if ended is None else f"2026-05-11T01:30:{ended:02d}Z",
                    "fingerprint": f"{name}-{service}-{node}",
                }
            ],
        }  # fmt: skip

    return make
