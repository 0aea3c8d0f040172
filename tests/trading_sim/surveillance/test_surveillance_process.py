"""The process on a real shard: it acts, goes on after kill -9 without missing or repeating anything, and does what people ask once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from tests.polling import eventually
from trading_sim.load.session import phase_command
from trading_sim.protocol.records import COMMAND
from trading_sim.shard.client import ShardClient
from trading_sim.surveillance.bench_live import Running

BASE_PORT = 24_500
DEADLINE_S = 20.0
FIRST, SECOND = 12, 14


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(Path(tmp_path_factory.mktemp("surveillance")), BASE_PORT) as running:
        yield running


def get(running: Running, path: str) -> Any:
    return requests.get(running.url + path, timeout=5).json()


def executed(running: Running, account: int) -> bool:
    return any(one["outcome"] == "executed" for one in get(running, f"/accounts/{account}")["actions"])


def oversized(client: ShardClient, account: int, request: int) -> None:
    """A buy of a hundred usual orders, near the bottom of the band so that it costs what the account has."""
    symbol = client.query_symbol(0)
    order = np.zeros(1, COMMAND)
    for name, value in (
        ("kind", 1), ("account", account), ("side", 1), ("type", 1), ("tif", 1), ("price", symbol["low"]), ("qty", 30_000),
    ):  # fmt: skip
        order[name] = value
    reply = client.submit(order, request)
    assert not len(reply.rejects)


def test_it_acts_survives_kill_9_repeats_nothing_and_tells_it_in_metrics(running: Running) -> None:
    with ShardClient(running.addresses, 9001, timeout_s=5.0) as client:
        client.submit(phase_command(3), 1)
        oversized(client, FIRST, 2)
        eventually(lambda: executed(running, FIRST), "the first restriction", DEADLINE_S)
        assert client.query_account(FIRST)["status"] == 1
        running.kill()
        oversized(client, SECOND, 3)
        running.start()
        eventually(lambda: executed(running, SECOND), "the restriction of what happened while it was dead", DEADLINE_S)
        assert client.query_account(SECOND)["status"] == 1
    for account in (FIRST, SECOND):
        assert len(get(running, f"/accounts/{account}")["actions"]) == 1
    cases = get(running, "/cases")["cases"]
    assert sorted((case["pattern"], *case["accounts"]) for case in cases) == [
        ("oversized", FIRST),
        ("oversized", SECOND),
    ]
    assert get(running, "/status")["shards"]["0"]["missed_entries"] == 0
    case = get(running, f"/cases/{cases[0]['id']}")
    assert case["evidence"]["rows"][-1]["qty"] == 30_000
    assert case["actions"][0]["outcome"] == "executed"
    text = requests.get(f"{running.url}/metrics", timeout=5).text
    assert 'trading_surveillance_cases_total{pattern="oversized",step="act"} 2' in text
    assert 'trading_surveillance_actions_total{status="cancel-only",outcome="executed"} 2' in text
    assert 'trading_surveillance_watching{shard="0"} 1' in text
    assert 'trading_surveillance_lag_seconds{shard="0"}' in text


def test_people_release_an_account_once_per_key(running: Running) -> None:
    body = {"status": 0, "reason": "spoke to the customer", "actor": "mei", "key": "release-1"}
    url = f"{running.url}/accounts/{FIRST}/status"
    first, second = (requests.post(url, json=body, timeout=5).json() for _ in range(2))
    assert first == second
    assert first["outcome"] == "executed"
    assert get(running, f"/accounts/{FIRST}")["shards"] == {"0": 0}
    other = requests.post(url, json=body | {"status": 2}, timeout=5)
    assert (other.status_code, other.json()["error"]) == (409, "key_used")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/accounts/12/status", {"status": 9, "reason": "r", "actor": "a", "key": "k"}, 400),
        ("/accounts/12/status", {"status": 1, "actor": "a", "key": "k"}, 400),
        ("/accounts/99999/status", {"status": 1, "reason": "r", "actor": "a", "key": "k"}, 404),
        ("/cases/99999/close", {"actor": "a", "note": "n"}, 404),
        ("/settings", {"mode": "sometimes"}, 400),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(running: Running, path: str, body: dict, status: int) -> None:
    answer = requests.post(running.url + path, json=body, timeout=5)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_filters_that_mean_nothing_are_refused(running: Running) -> None:
    for query in ("step=loud", "limit=0", "account=x", "before=-1"):
        assert requests.get(f"{running.url}/cases?{query}", timeout=5).status_code == 400
