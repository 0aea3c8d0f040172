"""What the tests of survival share: releases brought into a phase, processes killed, and what must hold afterwards.

The database is asked directly, so that nothing that is killed stands between a test and the truth.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg
import requests
from psycopg.rows import dict_row

from tests.e2e import walks
from tests.polling import eventually
from tests.product import Api, Product

PROCESSES = ("workers", "runner", "beat", "valkey", "postgres", "web")
# Two releases come through all phases: one that is carried through, one that is held and given up.
CARRIED_THROUGH = ("starting", "deploying", "soaking", "judging")
GIVEN_UP = ("lost", "holding", "rolling back")
# Phases in which a process of a run is at work.
WITH_RUNNER = ("starting", "deploying", "rolling back")
PICKED_UP_WITHIN_S = 10.0
AWAY = (requests.RequestException,)
# What the console says of a plan while nobody observes the nodes.
UNOBSERVED = "plan again when they have been observed"

LOOK = """
SELECT r.state, r.state_reason, r.hold_kind, r.looked_at, r.lease_until, b.number AS batch, b.state AS batch_state, b.soak_until,
       w.run_id, w.run_state, w.pid,
       (SELECT count(*) FROM releases_batchnode n WHERE n.batch_id = b.id AND n.state = 'done') AS done
FROM releases_release r
LEFT JOIN LATERAL (
    SELECT * FROM releases_batch b WHERE b.release_id = r.id AND b.state <> 'pending'
    ORDER BY b.state_at DESC, b.number DESC LIMIT 1
) b ON true
LEFT JOIN LATERAL (
    SELECT run.id AS run_id, run.state AS run_state, run.pid
    FROM releases_batchrun w JOIN automation_run run ON run.id = w.run_id WHERE w.batch_id = b.id ORDER BY w.id DESC LIMIT 1
) w ON true
WHERE r.id = %s
"""

RUNS_OF = """
SELECT run.number, run.state, run.pid, run.owner, coalesce(run.lease_until > now() + interval '1 second', false) AS leased
FROM automation_run run JOIN releases_batchrun w ON w.run_id = run.id JOIN releases_batch b ON b.id = w.batch_id
WHERE b.release_id = ANY(%s)
"""
RELEASES_OF = """
SELECT number, state, owner, coalesce(lease_until > now() + interval '1 second', false) AS leased
FROM releases_release WHERE id = ANY(%s)
"""
LOCKS_OF = """
SELECT l.scope, l.name, h.owner FROM inventory_lock l JOIN inventory_lockholder h ON h.id = l.holder_id
WHERE h.owner IN (SELECT number FROM releases_release WHERE id = ANY(%s))
"""
FAILED_BY_VERDICT = """
SELECT v.summary FROM releases_verdict v JOIN releases_batch b ON b.id = v.batch_id
WHERE b.release_id = %s AND v.outcome = 'FAIL' ORDER BY v.id DESC LIMIT 1
"""
UNATTENDED = """
SELECT r.id, r.number, greatest(r.looked_at, (SELECT max(at) FROM releases_releaseevent WHERE release_id = r.id)) AS looked_at
FROM releases_release r WHERE r.state IN ('running', 'rolling_back')
"""
OPEN_TRANSACTIONS = """
SELECT pid, query FROM pg_stat_activity
WHERE state IN ('idle in transaction', 'idle in transaction (aborted)') AND state_change < now() - interval '5 seconds'
"""


class Glass:
    """A look at the product's database that outlives the death of its server."""

    def __init__(self, product: Product) -> None:
        self._url = json.loads((product.instance.run / "env.json").read_text())["DATABASE_URL"]
        self._connection: psycopg.Connection[dict[str, Any]] | None = None

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Raises psycopg.OperationalError while the server is away."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=2, row_factory=dict_row)
        try:
            return self._connection.execute(query, values).fetchall()
        except psycopg.OperationalError:
            self._connection.close()
            raise

    def release(self, pk: int) -> dict[str, Any]:
        """State of a release, of the batch it is at and of that batch's last run; {} while the server is away."""
        try:
            return self.rows(LOOK, pk)[0]
        except psycopg.OperationalError:
            return {}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


@contextlib.contextmanager
def looking(product: Product) -> Iterator[Glass]:
    glass = Glass(product)
    try:
        yield glass
    finally:
        glass.close()


# --- a release and its phases ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wish:
    """The version that these nodes of a service shall run; their peers stay what they are compared with."""

    service: str
    version: str
    nodes: tuple[str, ...]


def insist(api: Api, path: str, **body: Any) -> Any:
    """A person who tries again while the console is away, or says that nobody has looked at the nodes.

    Told at a later attempt that it cannot be done (any more), the person takes it for done: the answer to the first was lost.
    What became of it is seen at the release itself.
    """
    attempts = 0

    def attempt() -> Any:
        nonlocal attempts
        attempts += 1
        answer = api.request("POST", path, json=body)
        if answer.status_code >= 500 or UNOBSERVED in answer.text:
            return None
        if answer.status_code == 409 and attempts > 1:
            return {"taken_for_done": answer.text}
        assert answer.ok, f"POST {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() or True

    return eventually(attempt, f"POST {path} is accepted", 90, interval_s=0.2, not_yet=AWAY)


def ask(api: Api, path: str, **params: Any) -> Any:
    """What the console answers, as soon as it does."""
    return eventually(lambda: api.get(path, **params), f"GET {path}", 90, interval_s=0.2, not_yet=AWAY)


def approved(product: Product, *wishes: Wish, expression: str = "50%, 100%", soak_s: int = 20) -> int:
    """A release that is asked for, planned and approved through the API; returns its key."""
    operator, approver = product.api("wu"), product.api("zhao")
    names = [wish.service for wish in wishes]
    ticket = insist(
        operator, "changes/", title=f"{', '.join(names)} to another version", kind="normal",
        reason="planned maintenance", services=names,
    )  # fmt: skip
    parts = [
        {"service": wish.service, "version": wish.version, "expression": expression, "nodes": list(wish.nodes)}
        for wish in wishes
    ]
    plan = parts[0] if len(parts) == 1 else {"parts": parts}
    release = insist(operator, "releases/", ticket=ticket["number"], soak_s=soak_s, **plan)
    insist(operator, f"changes/{ticket['id']}/submit/")
    seen = ask(approver, f"changes/{ticket['id']}/")["content_digest"]
    insist(approver, f"changes/{ticket['id']}/approve/", reason="read", seen=seen)
    return int(release["id"])


def reach(product: Product, glass: Glass, pk: int, phase: str) -> None:
    """Bring a release that is in an earlier phase (or ready) into `phase` and return at once."""
    operator = product.api("wu")
    if glass.release(pk)["state"] == "ready":
        insist(operator, f"releases/{pk}/start/")
    if phase in ("deploying", "lost"):
        _until(glass, pk, lambda r: r["batch_state"] == "deploying" and r["run_state"] == "running" and r["pid"])
    if phase == "lost":
        before = glass.release(pk)["run_id"]
        kill(product, "runner")
        _until(glass, pk, lambda r: r["run_id"] != before or r["run_state"] != "running")
    if phase in ("soaking", "judging"):
        _until(glass, pk, lambda r: r["batch_state"] == phase)
    if phase == "holding":
        insist(operator, f"releases/{pk}/hold/", reason="a person looks at it")
    if phase == "rolling back":
        insist(operator, f"releases/{pk}/abort/", reason="a person has seen enough")
        _until(glass, pk, lambda r: r["batch_state"] == "rolling_back" and r["run_state"] == "running" and r["pid"])


def _until(glass: Glass, pk: int, holds: Any) -> None:
    def look() -> bool:
        row = glass.release(pk)
        return bool(row) and bool(holds(row))

    eventually(look, lambda: f"the release is there: {glass.release(pk)}", 120, interval_s=0.02)


# --- kills ----------------------------------------------------------------------------------------------------------


def kill(product: Product, name: str) -> dt.datetime:
    """kill -9 of a process and, as far as they are part of it, of its children; "workers": of all at once. The moment of it."""
    if name == "runner":
        victims = walks.runners(product)
    else:
        mains = [psutil.Process(product.pid(one)) for one in programs_of(name)]
        # PostgreSQL ends its own children when their parent is gone; a worker is its pool of processes, and not the runs
        # that it has started: their processes and playbooks live on.
        pools = [child for main in mains if "worker" in name for child in main.children(recursive=True)]
        spared = {process.pid for child in pools if _is_runner(child) for process in (child, *_below(child))}
        victims = [*mains, *(child for child in pools if child.pid not in spared)]
    moment = dt.datetime.now(dt.UTC)
    for victim in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim.pid, signal.SIGKILL)
    return moment


def programs_of(name: str) -> tuple[str, ...]:
    """The supervised programs that a process of the matrix stands for."""
    return ("worker", "worker-release") if name == "workers" else (name,)


def _is_runner(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any("seeops.automation" in word and "celery" not in word for word in process.cmdline())
    return False


def _below(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return list(process.children(recursive=True))
    return []


def picked_up(product: Product, glass: Glass, pk: int, phase: str, killed_at: dt.datetime, run_id: int | None) -> float:
    """Wait until the release is looked after again (a held one: until a person can have it go on); seconds since the kill.

    With `run_id` the process of that run was killed: another run must be at work, or the batch be past it.
    """
    if phase == "holding":
        insist(product.api("wu"), f"releases/{pk}/resume/", reason="go on")

    def look() -> bool:
        row = glass.release(pk)
        if not row or row["looked_at"] is None or row["looked_at"] <= killed_at:
            return False
        if run_id is None or row["run_id"] is None:
            return True
        return row["run_id"] != run_id or row["run_state"] != "running"

    eventually(look, lambda: f"somebody looks after the release: {glass.release(pk)}", 60, interval_s=0.05)
    return (dt.datetime.now(dt.UTC) - killed_at).total_seconds()


def back(product: Product, pids: Mapping[str, int], killed_at: dt.datetime) -> float:
    """Wait until the killed {program: process id} run again (the console: answers); seconds since the kill."""

    def runs() -> bool:
        states = product.supervisor().states()
        if any(states[name]["pid"] in (0, pid) or states[name]["statename"] != "RUNNING" for name, pid in pids.items()):
            return False
        return "web" not in pids or requests.get(f"{product.console}/healthz/", timeout=2).ok

    eventually(runs, f"{', '.join(pids)} run again", 60, not_yet=AWAY)
    return (dt.datetime.now(dt.UTC) - killed_at).total_seconds()


def all_back(product: Product) -> None:
    """Wait until every program runs and the console answers."""
    back(product, dict.fromkeys(product.supervisor().states(), 0), dt.datetime.now(dt.UTC))


class Unattended(threading.Thread):
    """Watches until `over` how long a release under way is looked after by nobody while the database answers."""

    def __init__(self, product: Product) -> None:
        super().__init__(name="unattended", daemon=True)
        self.product = product
        self.over = threading.Event()
        self.longest_s, self.longest_of, self.away_s = 0.0, "", 0.0
        self._alone: dict[int, tuple[dt.datetime | None, float]] = {}

    def run(self) -> None:
        last = time.monotonic()
        with looking(self.product) as glass:
            while not self.over.wait(0.2):
                try:
                    found: list[dict[str, Any]] | None = glass.rows(UNATTENDED)
                except psycopg.OperationalError:
                    found = None
                moment = time.monotonic()
                if found is None:
                    self.away_s += moment - last
                else:
                    self._note(found, moment - last)
                last = moment

    def _note(self, found: list[dict[str, Any]], passed_s: float) -> None:
        alone = {}
        for row in found:
            seen, before_s = self._alone.get(row["id"], (None, 0.0))
            alone[row["id"]] = (row["looked_at"], before_s + passed_s if seen == row["looked_at"] else 0.0)
            if alone[row["id"]][1] > self.longest_s:
                self.longest_s = alone[row["id"]][1]
                self.longest_of = f"{row['number']} after {row['looked_at']:%H:%M:%S}"
        self._alone = alone


# --- the end --------------------------------------------------------------------------------------------------------


def ended(product: Product, glass: Glass, pk: int, timeout_s: float = 240) -> dict[str, Any]:
    """Wait for the end of a release. What is inconclusive is promoted, as a person would."""

    def look() -> dict[str, Any] | None:
        row = glass.release(pk)
        if not row:
            return None
        if row["state"] == "holding" and row["batch_state"] == "held":
            deed = "promote" if row["hold_kind"] == "verdict" else "resume"
            insist(product.api("wu"), f"releases/{pk}/{deed}/", reason="too few requests to judge by")
        assert row["state"] != "holding" or row["batch_state"] == "held", row
        return row if row["state"] in walks.ENDED else None

    return eventually(look, lambda: f"the release ends: {glass.release(pk)}", timeout_s, interval_s=0.5)


def verdict_against(glass: Glass, pk: int) -> str:
    """Why a release was rolled back on a verdict, empty when it was not: on a busy machine orders fail for real, and any
    version may be blamed for it."""
    return "".join(row["summary"] for row in glass.rows(FAILED_BY_VERDICT, pk))


def problems(glass: Glass, pks: Collection[int]) -> list[str]:
    """Of releases that have ended: what is shown as running and is not, and what is still held."""
    ours = list(pks)
    found = []
    for row in glass.rows(RUNS_OF, ours):
        exists = psutil.pid_exists(row["pid"] or 0)
        if row["state"] in ("queued", "running"):
            found.append(f"{row['number']} is {row['state']}, its process exists: {exists}")
        elif exists and _is_runner(psutil.Process(row["pid"])):
            found.append(f"{row['number']} is {row['state']}, and its process {row['pid']} is left")
        if row["leased"]:
            found.append(f"{row['number']} is leased to {row['owner']}")
    for row in glass.rows(RELEASES_OF, ours):
        if row["leased"] or row["state"] not in walks.ENDED:
            found.append(f"{row['number']} is {row['state']}, leased to {row['owner']}")
    for row in glass.rows(LOCKS_OF, ours):
        found.append(f"lock on {row['scope']} {row['name']} by {row['owner']}")
    for row in glass.rows(OPEN_TRANSACTIONS):
        found.append(f"session {row['pid']} holds a transaction open: {row['query'][:80]}")
    return found


def wrong_nodes(product: Product, expected: Mapping[str, str]) -> list[str]:
    """Of {node: version}: nodes that do not run it and serve, or did something twice, as their agents themselves say."""
    found = []
    for service in sorted({name.rsplit("-", 2)[0] for name in expected}):
        nodes = [node for node in walks.nodes_of(product, service) if node["name"] in expected]
        for node in nodes:
            health = requests.get(f"{node['agent_url']}/health", timeout=10).json()
            wanted = expected[node["name"]]
            if (health["version"], health["state"]) != (wanted, "up"):
                found.append(f"{node['name']}: {health['version']} {health['state']}, not {wanted} up")
        found += [f"{name}: {keys}" for name, keys in walks.executed_more_than_once(nodes).items()]
    return found
