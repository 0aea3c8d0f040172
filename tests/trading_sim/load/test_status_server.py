"""HTTP of the load process over a real socket: settings, surges, metrics, refusals; settings survive a restart."""

import asyncio
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from trading_sim.load.customers_process import CustomersProcess
from trading_sim.load.status_server import make_app
from trading_sim.market import shard_config
from trading_sim.protocol import topology_file

CONFIGS = [replace(shard_config(shard), max_order_id=100, max_live=100) for shard in (0, 1)]
NOBODY = "127.0.0.1:1"
ENDPOINTS = {
    "centres": dict.fromkeys(("SZ-A", "SZ-B", "WH-A"), f"http://{NOBODY}"),
    "shards": {shard: {"SZ-A": {"address": NOBODY}} for shard in ("0", "1")},
}


def make_process(folder) -> CustomersProcess:
    return CustomersProcess(folder, ENDPOINTS, topology_file.load(), CONFIGS, 1800.0, 1)


def ask(process, *requests) -> list:
    """(status, JSON or text) of each (method, path, body)."""

    async def talk() -> list:
        runner = web.AppRunner(make_app(process))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        answers = []
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
                for method, path, body in requests:
                    async with session.request(method, f"http://127.0.0.1:{port}{path}", json=body) as response:
                        text = await response.text()
                        is_json = response.content_type == "application/json"
                        answers.append((response.status, await response.json() if is_json else text))
        finally:
            await runner.cleanup()
        return answers

    return asyncio.run(talk())


@pytest.fixture
def process(tmp_path):
    made = make_process(tmp_path)
    yield made
    made.book.close()


def test_status_session_and_metrics_before_any_shard_answers(process):
    status, session, metrics = ask(
        process, ("GET", "/status", None), ("GET", "/session", None), ("GET", "/metrics", None)
    )
    assert status[1]["ready"] is False
    assert status[1]["seconds_since_audit"] is None
    assert session[1]["shards"] == {"0": None, "1": None}
    assert (session[1]["day"], session[1]["market_time"][:5]) == (0, "09:15")
    for name in ("requests_total{", "duration_seconds_bucket{", "lost_total 0", "duplicate_total 0"):
        assert f"trading_client_{name}" in metrics[1]
    assert 'trading_offered_rate{chain="quote-push"}' in metrics[1]


def test_settings_and_surges_survive_a_restart(process, tmp_path):
    surge = {"kind": "surge", "params": {"factor": 2, "chains": ["login"]}, "lease_s": 60, "owner": "test"}
    answers = ask(
        process, ("POST", "/settings", {"rate_factor": 0.5}), ("POST", "/faults", surge), ("GET", "/faults", None)
    )
    assert answers[0] == (200, {"rate_factor": 0.5, "paused": False})
    lease = answers[1][1]["lease"]
    assert [fault["lease"] for fault in answers[2][1]["faults"]] == [lease]
    again = make_process(tmp_path)
    assert again.rates.rate_factor == 0.5
    assert again.rates.rate("login", again.clock.moment()) == pytest.approx(
        process.rates.rate("login", process.clock.moment()), rel=0.01
    )
    removed = ask(again, ("DELETE", f"/faults/{lease}", None), ("DELETE", f"/faults/{lease}", None))
    assert removed == [(200, {"removed": True}), (200, {"removed": False})]
    again.book.close()


@pytest.mark.parametrize(
    ("path", "body"), [("/settings", {"rate": 1}), ("/settings", None), ("/faults", {"kind": "x"})]
)
def test_refusals_say_what_to_do(process, path, body):
    ((status, answer),) = ask(process, ("POST", path, body))
    assert status == 400
    assert answer["error"] in ("bad_settings", "bad_fault")
    assert len(answer["message"]) > 20
