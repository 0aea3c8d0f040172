"""How soon a release does what a person says, in a whole product with all its nodes and order flow: hold, resume, promote, skip,
abort and retry. The moments are read in the database; figures are printed, not asserted."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance import survival
from tests.acceptance.survival import Glass, Wish
from tests.e2e import walks
from tests.polling import eventually
from tests.product import Product

pytestmark = pytest.mark.bench
SERVICE = os.environ.get("SEEOPS_BENCH_SERVICE", "quote-push")
VERSION, EXPRESSION = "1.1.0", "1 5% 30% 100%"
BEGIN_S, END_S = 2.0, 10.0

REPORTS = """
SELECT min(e.at) AS first, max(e.at) AS last FROM automation_runevent e
JOIN releases_batchrun w ON w.run_id = e.run_id JOIN releases_batch b ON b.id = w.batch_id
WHERE b.release_id = %s AND w.purpose = 'deploy' AND e.host <> '' AND e.at > %s
"""
RUNS = """
SELECT DISTINCT run.id, run.number, run.purpose, run.state, run.hosts_total, run.concurrency, run.created_at, run.started_at,
       run.finished_at,
       (SELECT min(e.at) FROM automation_runevent e WHERE e.run_id = run.id AND e.host <> '') AS first_node
FROM automation_run run JOIN releases_batchrun w ON w.run_id = run.id JOIN releases_batch b ON b.id = w.batch_id
WHERE b.release_id = %s AND run.created_at > %s ORDER BY run.id
"""
ENDED = "SELECT finished_at, state, state_reason FROM releases_release WHERE id = %s"
LIVE = """
SELECT count(*) AS n FROM automation_run run JOIN releases_batchrun w ON w.run_id = run.id JOIN releases_batch b ON b.id = w.batch_id
WHERE b.release_id = %s AND run.state IN ('queued', 'running')
"""
LAST_ENDED = """
SELECT max(run.finished_at) AS at FROM automation_run run JOIN releases_batchrun w ON w.run_id = run.id
JOIN releases_batch b ON b.id = w.batch_id WHERE b.release_id = %s
"""


def moment() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Measured:
    """One release, what a person does with it, and the seconds that each took."""

    def __init__(self, product: Product, glass: Glass, pk: int) -> None:
        self.product, self.glass, self.pk = product, glass, pk
        self.api = product.api("wu")

    def say(self, verb: str, **body: Any) -> dt.datetime:
        """Do it; the moment at which it was asked for."""
        asked = moment()
        self.api.post(f"releases/{self.pk}/{verb}/", **body)
        return asked

    def reported_after(self, asked: dt.datetime) -> dt.datetime:
        """When the first node was done after it."""

        def look() -> Any:
            return self.glass.rows(REPORTS, self.pk, asked)[0]["first"]

        found: dt.datetime = eventually(look, "a node is done", 120, interval_s=0.1)
        return found

    def queued_after(self, asked: dt.datetime) -> dt.datetime:
        """When the first run was queued after it."""

        def look() -> Any:
            return next((row["created_at"] for row in self.glass.rows(RUNS, self.pk, asked)), None)

        found: dt.datetime = eventually(look, "a run is queued", 60, interval_s=0.05)
        return found

    def quiet(self) -> None:
        eventually(lambda: not self.glass.rows(LIVE, self.pk)[0]["n"], "no run is left", 60, interval_s=0.05)

    def state(self) -> dict[str, Any]:
        return self.glass.release(self.pk)

    def until(self, *wanted: str, batch: int = 0, timeout_s: float = 600) -> dict[str, Any]:
        """Until the release is in one of these states, or its batch `batch` deploys; what is inconclusive is promoted."""

        def look() -> dict[str, Any] | None:
            row = self.state()
            if not row:
                return None
            deploys = (
                batch and row["batch"] == batch and row["batch_state"] == "deploying" and row["run_state"] == "running"
            )
            if row["state"] in wanted or deploys:
                return row
            if row["state"] == "holding" and row["batch_state"] == "held":
                self.promoted.append(self.say("promote", reason="too few requests to judge by"))
            return None

        found: dict[str, Any] = eventually(
            look, lambda: f"the release is there: {self.state()}", timeout_s, interval_s=0.1
        )
        return found

    promoted: list[dt.datetime] = []


@pytest.fixture
def measured(product: Product) -> Iterator[Measured]:
    with survival.looking(product) as glass:
        names = [node["name"] for node in walks.observed(product, SERVICE, 240) if node["version"] == "1.0.0"]
        pk = survival.approved(product, Wish(SERVICE, VERSION, tuple(names)), expression=EXPRESSION, soak_s=5)
        found = Measured(product, glass, pk)
        found.promoted = []
        yield found


def line(what: str, seconds: float, target_s: float) -> None:
    word = "reached" if seconds <= target_s else "missed"
    print(f"{what:58}{seconds:7.1f} s   (target {target_s:g} s: {word})   load {os.getloadavg()[0]:.1f}")


@pytest.mark.timeout(1500)
def test_what_a_person_says_to_a_release_that_has_touched_three_batches(measured: Measured) -> None:
    one = measured
    print()
    asked = one.say("start")
    line("start: the first run is queued", (one.queued_after(asked) - asked).total_seconds(), BEGIN_S)
    line("start: the first node is done", (one.reported_after(asked) - asked).total_seconds(), END_S)
    one.until(batch=3)
    one.reported_after(one.glass.rows(LAST_ENDED, one.pk)[0]["at"])

    asked = one.say("hold", reason="a person looks at it")
    answered = moment()
    one.quiet()
    last = one.glass.rows(REPORTS, one.pk, asked)[0]["last"] or asked
    over = one.glass.rows(LAST_ENDED, one.pk)[0]["at"]
    line("hold: answered", (answered - asked).total_seconds(), BEGIN_S)
    line("hold: the last node reports", (last - asked).total_seconds(), BEGIN_S)
    line("hold: nothing runs any more", (over - asked).total_seconds(), END_S)

    waiting = one.glass.rows(
        "SELECT i.name FROM releases_batchnode n JOIN inventory_node i ON i.id = n.node_id "
        "JOIN releases_batch b ON b.id = n.batch_id WHERE n.release_id = %s AND n.state = 'pending' ORDER BY n.id DESC LIMIT 1",
        one.pk,
    )[0]["name"]
    asked = one.say("skip", nodes=[waiting], reason="it is being repaired")
    line("skip: the node is left out", (moment() - asked).total_seconds(), BEGIN_S)

    asked = one.say("resume", reason="go on")
    line("resume: the next run is queued", (one.queued_after(asked) - asked).total_seconds(), BEGIN_S)
    line("resume: the next node is done", (one.reported_after(asked) - asked).total_seconds(), END_S)

    for promoted in one.promoted:
        line("promote: the next run is queued", (one.queued_after(promoted) - promoted).total_seconds(), BEGIN_S)
    if not one.promoted:
        print("promote: no verdict of this release was inconclusive, nothing to promote")

    eventually(lambda: one.state()["batch_state"] in ("soaking", "judging", "held"), "batch 3 is deployed", 600)
    _abort(one, "soaking")

    asked = moment()
    fresh = one.api.post(f"releases/{one.pk}/retry/")
    line("retry: a new release is planned", (moment() - asked).total_seconds(), BEGIN_S)
    assert fresh["state"] == "ready"


@pytest.mark.timeout(1500)
def test_an_abort_while_nodes_are_under_way(measured: Measured) -> None:
    print()
    measured.say("start")
    measured.until(batch=3)
    measured.reported_after(measured.glass.rows(LAST_ENDED, measured.pk)[0]["at"])
    _abort(measured, "deploying")


def _abort(one: Measured, phase: str) -> None:
    asked = one.say("abort", reason="a person has seen enough")
    answered = moment()
    one.until("aborted", "failed")
    row = one.glass.rows(ENDED, one.pk)[0]
    last = one.glass.rows(REPORTS, one.pk, asked)[0]["last"] or asked
    line(f"abort while {phase}: answered", (answered - asked).total_seconds(), BEGIN_S)
    line(f"abort while {phase}: the last node of the deployment reports", (last - asked).total_seconds(), BEGIN_S)
    line(f"abort while {phase}: ended", (row["finished_at"] - asked).total_seconds(), END_S)
    for run in one.glass.rows(RUNS, one.pk, asked):
        steps = [
            run[key] and round((run[key] - asked).total_seconds(), 1)
            for key in ("created_at", "started_at", "first_node", "finished_at")
        ]
        print(
            f"    {run['number']}: {run['hosts_total']} nodes, {run['concurrency']} at once; queued, begun, first node done, ended after {steps}"
        )
    assert row["state"] == "aborted", row["state_reason"]
