"""Acceptance 6: 1,000 nodes × 20 tasks report 40,000 events at 2,000 a second: stored without a gap and complete by proof, read by the
page in pieces while they come; 10,000 nodes are listed page by page; scrape targets outlive the database."""

from __future__ import annotations

import datetime as dt
import os
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from seeops.accounts import services as accounts
from seeops.accounts.selectors import machine
from seeops.automation import grid, selectors
from seeops.automation.events import Event
from seeops.automation.models import Run, RunEvent, RunState
from seeops.automation.recorder import Recorder
from seeops.inventory import discovery, listing
from seeops.inventory import selectors as inventory
from seeops.inventory.models import Node
from tests.embedded import free_port
from tests.estate import person, small_estate
from tests.polling import eventually

__all__ = ["small_estate"]
HOSTS, TASKS, ROUNDS = 1000, 20, 2
EVENTS, A_SECOND, PIECE_S = HOSTS * TASKS * ROUNDS, 2000, 0.1
LISTED = 10_000
NAMES = [f"node-{number:04d}" for number in range(HOSTS)]
STATUS = {0: "failed", 1: "ok"}  # every node fails in the first round of its last task, and is well in the second


def events() -> list[Event]:
    began = dt.datetime(2026, 3, 2, 1, 30, tzinfo=dt.UTC)
    return [
        Event(began, name, f"Task {task:02d}", STATUS[again] if task == TASKS - 1 else "ok", again == 1, "done", {"ms": 12})
        for task in range(TASKS) for again in range(ROUNDS) for name in NAMES
    ]  # fmt: skip


@pytest.fixture
def run(transactional_db: None, valkey_url: str) -> Run:
    return Run.objects.create(
        number="RUN-00001", playbook="inspection", title="Inspect nodes", state=RunState.RUNNING, epoch=1,
        targets=[{"name": name, "agent_url": "", "vars": {}} for name in NAMES], hosts_total=HOSTS,
        created_by=person("lin", "operator"),
    )  # fmt: skip


class Feeder(threading.Thread):
    """Hands the events to the recorder at their rate, as ansible does; `handed` says when each of them was."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(name="feeder", daemon=True)
        self.recorder, self.handed = recorder, [0.0] * EVENTS

    def run(self) -> None:
        rows, size, began = events(), int(A_SECOND * PIECE_S), time.monotonic()
        for piece, start in enumerate(range(0, EVENTS, size)):
            time.sleep(max(0.0, began + piece * PIECE_S - time.monotonic()))
            self.handed[start : start + size] = [time.monotonic()] * size
            self.recorder.add(rows[start : start + size])


@pytest.mark.timeout(300)
def test_every_event_is_stored_proven_and_reaches_the_page_in_pieces(run, client):
    client.force_login(run.created_by)
    recorder = Recorder(run)
    feeder = Feeder(recorder)
    recorder.start()
    feeder.start()
    after, cells, lags, answers = 0, [], [], []

    def look() -> bool:
        nonlocal after
        asked = time.monotonic()
        found = client.get(f"/automation/runs/{run.pk}/grid.json", {"after": after}).json()
        moment = time.monotonic()
        answers.append(moment - asked)
        assert found["seq"] - after == len(found["cells"]) <= grid.MOST_CHANGES, (
            "no event is left out between two pieces"
        )
        lags.extend(moment - handed for handed in feeder.handed[after : found["seq"]])
        cells.extend(found["cells"])
        after = found["seq"]
        return after == EVENTS

    eventually(look, lambda: f"the page has seen {after} of {EVENTS} events", 240, interval_s=0.25)
    feeder.join()
    recorder.finish()
    lags.sort()
    print(
        f"\n{EVENTS} events at {A_SECOND} a second: from ansible to the page in {statistics.median(lags):.2f} s, 99 % in "
        f"{lags[int(len(lags) * 0.99)]:.2f} s (target 1 s); {len(answers)} answers, the slowest {max(answers):.2f} s; load {os.getloadavg()[0]:.1f}"
    )
    assert [tuple(cell[:2]) for cell in cells] == [(event.host, event.task) for event in events()]
    _stored_whole(run)
    _shown_whole(run)


def _stored_whole(run: Run) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM automation_runevent WHERE run_id = %s",
            [run.pk],
        )
        assert cursor.fetchone() == (EVENTS, EVENTS, 1, EVENTS), "no gap, nothing twice"
    run.refresh_from_db()
    assert (run.events_count, run.hosts_done, run.hosts_failed) == (EVENTS, HOSTS, 0)
    assert selectors.log_verify(run).intact
    assert run.marks.count() > 1, "stored in pieces, each with its digest"
    RunEvent.objects.filter(run=run, seq=EVENTS // 2).update(message="done.")
    assert not selectors.log_verify(run).intact, "one letter in forty thousand lines"


def _shown_whole(run: Run) -> None:
    """The grid, a range of nodes at a time: the last of what each task said of each node."""
    rows = [row for start in range(0, HOSTS, 250) for row in grid.grid(run, start=start, count=250)["rows"]]
    assert rows == [[name, "c" * TASKS] for name in NAMES]


@pytest.fixture
def many(small_estate: Any) -> list[str]:
    """As many nodes as the list is made for."""
    known = list(Node.objects.order_by("pk"))
    pattern = known[0]
    Node.objects.bulk_create(
        [
            Node(name=f"zz-{number:05d}", service=pattern.service, centre=pattern.centre, state="up")
            for number in range(LISTED - len(known))
        ],
        batch_size=2000,
    )
    return sorted(Node.objects.values_list("name", flat=True))


def queries(client: Client, address: str) -> tuple[int, str, float]:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        began = time.perf_counter()
        answer = client.get(address)
        took = time.perf_counter() - began
    assert answer.status_code == 200
    return len(asked), answer.content.decode(), took


def test_ten_thousand_nodes_are_listed_by_pages_that_cost_as_little_as_those_of_a_few(small_estate, client, request):
    client.force_login(person("lin", "operator"))
    queries(client, "/estate/nodes/")
    few, _page, _took = queries(client, "/estate/nodes/")
    names = request.getfixturevalue("many")
    assert len(names) == LISTED
    first, page, took = queries(client, "/estate/nodes/")
    deep, later, took_deep = queries(client, f"/estate/nodes/?after={names[9000]}~{names[9000]}")
    assert (first, deep) == (few, few), "as many queries as for a few nodes, on the first page and far behind"
    shown = [name for name in names if f">{name}<" in page]
    assert shown == names[: listing.PAGE]
    assert [name for name in names if f">{name}<" in later] == names[9001 : 9001 + listing.PAGE]
    print(
        f"\n{LISTED} nodes: {first} queries a page, first page {took * 1000:.0f} ms, page 91 {took_deep * 1000:.0f} ms, "
        f"{len(page) / 1000:.0f} kB; load {os.getloadavg()[0]:.1f}"
    )


@pytest.mark.parametrize("sort", ["name", "-state", "since"])
def test_walking_all_pages_shows_every_node_exactly_once(many, sort):
    seen, after = [], ""
    while True:
        page = listing.page(inventory.active_nodes(), sort=sort, after=after, size=500, total=LISTED)
        seen += [node.name for node in page.nodes]
        after = page.after
        if not after:
            break
    assert sorted(seen) == many


@pytest.fixture
def outage(transactional_db: None) -> Iterator[Any]:
    """Takes the database away: nobody listens where it was."""
    port = connection.settings_dict["PORT"]

    def begins() -> None:
        connection.close()
        connection.settings_dict["PORT"] = str(free_port())

    yield begins
    connection.close()
    connection.settings_dict["PORT"] = port


def test_scrape_targets_outlive_the_database(outage, small_estate, settings, tmp_path):
    settings.VAR_DIR = tmp_path
    discovery.forget()
    Node.objects.filter(name="auth-sza-001").update(agent_url="http://10.0.0.1:9000/nodes/auth-sza-001")
    _token, key = accounts.token_create(actor=None, person=machine("monitoring"), name="scrape")
    _other, of_person = accounts.token_create(actor=None, person=person("lin", "operator"), name="own")
    prometheus = Client(headers={"authorization": f"Bearer {key}"})
    before = prometheus.get("/api/v1/http-sd/node/")
    assert before.json()[0]["labels"]["node"] == "auth-sza-001"
    outage()
    discovery.forget()  # the process has lost its memory of the targets, the file has not
    answer = prometheus.get("/api/v1/http-sd/node/")
    assert (answer.status_code, answer.json()) == (200, before.json())
    for stranger in (of_person, "made-up"):
        other = Client(raise_request_exception=False, headers={"authorization": f"Bearer {stranger}"})
        assert other.get("/api/v1/http-sd/node/").status_code == 503
    discovery.forget()
