"""A real centre with agents, its nodes in the inventory, and waiting for what real processes do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from seeops.automation import configuration, configuration_engine, process, services
from seeops.automation.models import ConfigurationChange, Run
from seeops.inventory.models import Node
from tests.estate import import_estate, observed_up
from tests.polling import eventually

DEADLINE_S = 90
SERVICE = "quote-push"


@pytest.fixture
def operated(transactional_db: None, centre: Any, valkey_url: str, settings: Any, tmp_path: Any) -> Iterator[Any]:
    """The centre SZ-A; its nodes are up and known with their agents."""
    settings.VAR_DIR = tmp_path
    import_estate(0.05)
    observed_up()
    for row in requests.get(f"{centre.url}/nodes", timeout=10).json()["nodes"]:
        Node.objects.filter(name=row["node"]).update(agent_url=f"{centre.url}/nodes/{row['node']}")
    yield centre
    for run in Run.objects.filter(state="running"):
        process.end(run)
    for child in process._children:
        child.kill()
        child.wait(timeout=10)


def names_of(service: str = SERVICE) -> list[str]:
    found = Node.objects.filter(centre__code="SZ-A", service__name=service).order_by("name")
    return list(found.values_list("name", flat=True))


def ended(run: Run) -> Run:
    """The run when its process has ended."""
    eventually(
        lambda: not services.run_check(run).live, lambda: f"{run.number} is {run.state}", DEADLINE_S, interval_s=0.2
    )
    return run


def advanced(
    change: ConfigurationChange, when: Callable[[ConfigurationChange], bool] | None = None
) -> ConfigurationChange:
    """The change after its engine has taken it to where nothing moves, or to `when`."""

    def there() -> bool:
        configuration_engine.advance(change.pk)
        change.refresh_from_db()
        return when(change) if when else not change.live

    eventually(there, lambda: f"{change.number} is {change.state}: {change.problem}", DEADLINE_S, interval_s=0.1)
    return change


def drafted(actor: Any, nodes: list[str], **wanted: Any) -> ConfigurationChange:
    """A change whose nodes were read."""
    change = configuration.draft(actor=actor, choice={"names": nodes}, reason="test", **wanted)
    return advanced(change)
