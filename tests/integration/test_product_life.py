"""The product starts, survives the death of its parts, refuses what cannot work, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat

import pytest
import requests

from seeops.bootstrap.paths import SHARED_VAR
from seeops.bootstrap.processes import command_line, members, wait_until
from seeops.bootstrap.readiness import nodes_seen, orders_flow
from tests.polling import eventually
from tests.product import Product

PROGRAMS = ("postgres", "valkey", "cluster", "web", "worker", "worker-release", "beat", "prometheus", "alertmanager")


def healthy(product: Product) -> bool:
    """Console, Prometheus and the flow of orders all answer."""
    try:
        answers = requests.get(f"{product.console}/healthz/", timeout=5).ok
    except requests.RequestException:
        return False
    seen: dict[str, float] = {}
    orders_flow(product.instance, seen)
    flows = wait_until(lambda: orders_flow(product.instance, seen), 20)
    return answers and flows and nodes_seen(product.prometheus) > 0


def running(product: Product, program: str) -> int:
    """Process id of a program that the supervisor calls running, else 0."""
    info = product.supervisor().states()[program]
    return int(info["pid"]) if info["statename"] == "RUNNING" else 0


def test_endpoints_are_private_and_complete(product: Product) -> None:
    path = product.instance.endpoints
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    endpoints = json.loads(path.read_text())
    assert set(endpoints) == {"console", "prometheus", "alertmanager", "cluster", "users"}
    roles = [user["role"] for user in endpoints["users"]]
    assert sorted(roles) == sorted(["operator"] * 2 + ["approver"] * 2 + ["on_call", "auditor", "administrator"])
    assert requests.get(f"{endpoints['alertmanager']}/-/ready", timeout=5).ok


def test_all_nodes_are_scraped(product: Product) -> None:
    nodes = eventually(lambda: nodes_seen(product.prometheus) >= 1200, "Prometheus sees 1,200 nodes", 100)
    assert nodes


def test_passwords_of_the_parts_are_on_no_command_line(product: Product) -> None:
    secrets = json.loads((product.instance.secrets / "secrets.json").read_text())
    lines = [" ".join(command_line(pid)) for pid in members(product.instance.var)]
    assert lines
    assert not [line for line in lines for secret in secrets.values() if secret in line]


def test_a_second_start_is_one_sentence(product: Product) -> None:
    again = product.command("run")
    assert again.returncode == 1
    assert again.stderr.strip() == (
        f"The product already runs at {product.console}: use it, or stop it with `make down`."
    )
    eventually(lambda: healthy(product), "the product is healthy", 100)


@pytest.mark.timeout(400)
def test_every_part_comes_back_after_kill_9(product: Product) -> None:
    before = {program: product.kill(program) for program in PROGRAMS}
    for program in PROGRAMS:
        pid = eventually(lambda name=program: running(product, name), f"{program} runs again", 180)
        assert pid != before[program]
    eventually(lambda: healthy(product), "the product is healthy again", 180)


@pytest.mark.timeout(400)
def test_killed_supervisor_ends_everything_and_the_next_start_has_all_data(product: Product) -> None:
    tokens = [user["token"] for user in product.endpoints["users"]]
    os.kill(product.supervisor().pid(), signal.SIGKILL)
    assert product.process.wait(90) == 1
    assert "The supervisor ended unexpectedly" in product.output.read_text()
    assert members(product.instance.var) == []
    assert not product.instance.endpoints.exists()
    product.start()
    assert [user["token"] for user in product.endpoints["users"]] == tokens
    answer = requests.get(
        f"{product.console}/api/v1/nodes/", headers={"Authorization": f"Token {tokens[0]}"}, timeout=30
    )
    assert answer.json()["count"] >= 1200


@pytest.mark.timeout(400)
def test_killed_starter_leaves_a_product_that_down_stops(product: Product) -> None:
    product.process.kill()
    product.process.wait(10)
    assert "already runs" in product.command("run").stderr
    assert product.command("down").returncode == 0
    assert members(product.instance.var) == []
    assert not product.instance.endpoints.exists()
    assert product.command("down").stdout.strip() == "Nothing runs."
    product.start()
    eventually(lambda: healthy(product), "the product is healthy", 100)


@pytest.mark.timeout(400)
def test_down_ends_a_start_in_another_terminal_without_complaint(product: Product) -> None:
    assert product.command("down").returncode == 0
    assert product.process.wait(90) == 0
    assert "Stopped from elsewhere." in product.output.read_text()
    assert members(product.instance.var) == []


def test_busy_port_is_one_sentence(tmp_path) -> None:
    other = Product(SHARED_VAR / "test-refused")
    with socket.create_server(("127.0.0.1", other.instance.ports["prometheus"])):
        refused = other.command("run")
    assert refused.returncode == 1
    port = other.instance.ports["prometheus"]
    assert f"Port {port} (for prometheus) is used by another program: stop that program" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_broken_database_folder_is_one_sentence() -> None:
    other = Product(SHARED_VAR / "test-refused")
    broken = other.instance.var / "postgres"
    broken.mkdir(parents=True, exist_ok=True)
    refused = other.command("setup")
    assert refused.returncode == 1
    assert f"The database folder {broken} is broken (PG_VERSION is missing): restore it from a backup" in refused.stderr
    assert "Traceback" not in refused.stderr
