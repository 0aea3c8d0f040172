"""Who serves at the end of a soak, as Prometheus knows it: what it knows from before the soak says nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from seeops.monitoring import prometheus
from seeops.releases import collect
from tests import prometheus_stub

START = dt.datetime(2026, 3, 2, 2, 0, tzinfo=dt.UTC)
END = START + dt.timedelta(seconds=5)
BEGAN = START.timestamp()
# node: (up, trading_up, seconds from the beginning of the soak to the last scrape)
NODES = {
    "serves": (1, 1, 3.0),
    "says no": (1, 0, 3.0),
    "gone": (0, None, 3.0),
    "was starting": (1, 0, -0.5),
    "was gone": (0, None, -0.5),
    "served before": (1, 1, -0.5),
}


def answer(path: str, params: dict[str, str]) -> tuple[int, Any]:
    if path.endswith("query_range"):
        return 200, prometheus_stub.matrix([])
    query = params["query"]
    if "timestamp(" in query:
        rows = [({"node": name}, BEGAN + scraped) for name, (_up, _said, scraped) in NODES.items()]
    elif "(trading_up{" in query:
        rows = [({"node": name}, said) for name, (_up, said, _scraped) in NODES.items() if said is not None]
    elif "(up{" in query:
        rows = [({"node": name}, up) for name, (up, _said, _scraped) in NODES.items()]
    else:
        rows = []
    return 200, prometheus_stub.vector(rows)


@pytest.fixture
def stub(settings: Any) -> Any:
    with prometheus_stub.running() as running:
        running.answer = answer
        settings.PROMETHEUS_URL = running.url
        prometheus.forget()
        yield running
    prometheus.forget()


def test_only_what_was_scraped_within_the_soak_says_who_serves(stub: Any) -> None:
    wanted = [collect.Wanted(name, "SZ-A", "1.1.0") for name in NODES]
    found = collect.measure("quote-push", wanted, START, END).samples
    assert {name: sample.serving for name, sample in found.items()} == {
        "serves": True,
        "says no": False,
        "gone": False,
        "was starting": None,
        "was gone": None,
        "served before": None,
    }
