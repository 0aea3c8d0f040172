"""Server time of the pages people open most, at 1,200 nodes with the cluster under load, beside the smallest answer of the
same server in the same run."""

from __future__ import annotations

import statistics
import time

import pytest
import requests

from tests.product import Product

pytestmark = pytest.mark.bench
ROUNDS = 60
PAGES = {
    "smallest answer": "/healthz/",
    "overview": "/",
    "overview, the part that lives": "/now/",
    "nodes, first page of 1,200": "/estate/nodes/",
    "nodes, filtered": "/estate/nodes/?service=quote-push&sort=-name",
    "services": "/estate/services/",
    "topology": "/topology/",
    "topology, graph data": "/topology/graph.json",
    "releases": "/releases/",
    "alerts": "/alerts/",
}


def signed_in(product: Product) -> requests.Session:
    session = requests.Session()
    page = session.get(f"{product.console}/sign-in/", timeout=30)
    person = product.person("lin")
    form = {"username": person["username"], "password": person["password"]}
    form["csrfmiddlewaretoken"] = page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    answer = session.post(f"{product.console}/sign-in/", data=form, timeout=30, headers={"Referer": product.console})
    assert answer.ok
    return session


def test_pages(product: Product) -> None:
    session = signed_in(product)
    print(f"\n{'page':34}{'p50 ms':>9}{'p95 ms':>9}{'KB':>8}{'× smallest':>12}")
    smallest = 0.0
    for name, address in PAGES.items():
        times, size = [], 0
        for _ in range(ROUNDS):
            began = time.perf_counter()
            answer = session.get(product.console + address, timeout=30)
            times.append((time.perf_counter() - began) * 1000)
            size = len(answer.content)
            assert answer.status_code == 200, f"{address}: {answer.status_code}"
        times.sort()
        p50, p95 = statistics.median(times), times[int(len(times) * 0.95) - 1]
        smallest = smallest or p50
        print(f"{name:34}{p50:9.1f}{p95:9.1f}{size / 1000:8.1f}{p50 / smallest:12.1f}")
