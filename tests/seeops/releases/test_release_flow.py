"""Releases on a real centre with real agents and real ansible-runner processes; measurements are seeded."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import requests

from seeops.audit.selectors import verify_chain
from seeops.automation import process
from seeops.automation import selectors as runs
from seeops.automation import services as automation
from seeops.automation.models import Run
from seeops.changes import services as changes
from seeops.core.errors import Conflict, InvalidInput, RuleViolation
from seeops.core.leases import LeaseLost
from seeops.inventory.models import Lock, Node, Service, Version
from seeops.releases import collect, engine, services, states, surroundings
from seeops.releases.fencing import fenced
from seeops.releases.models import BatchNode, Release, Verdict
from seeops.releases.planning import PartWish
from tests.estate import import_estate, just_observed, observed_up, person
from tests.polling import eventually
from tests.seeops.releases.measured import around as calm
from tests.seeops.releases.measured import node as measured_node
from trading_sim.nodes.packages import write_repository

SERVICE, CENTRE_SCALE = "quote-push", 0.05
DEADLINE_S = 100


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("packages")
    write_repository([SERVICE], folder)
    return folder


def _versions(packages: Any) -> None:
    service = Service.objects.get(name=SERVICE)
    for number in ("1.0.0", "1.1.0", "1.3.0"):
        file = packages / f"{SERVICE}-{number}.tar.gz"
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        Version.objects.update_or_create(
            service=service, number=number, defaults={"digest": digest, "file": str(file), "notes": ""}
        )


@pytest.fixture
def estate_here(
    transactional_db: None, centre: Any, packages: Any, valkey_url: str, settings: Any, tmp_path: Any
) -> Iterator[Any]:
    """The inventory of the running centre, in a database that runner processes see."""
    settings.VAR_DIR = tmp_path
    import_estate(CENTRE_SCALE)
    observed_up()
    for row in requests.get(f"{centre.url}/nodes", timeout=10).json()["nodes"]:
        Node.objects.filter(name=row["node"]).update(
            agent_url=f"{centre.url}/nodes/{row['node']}", version=row["version"]
        )
    _versions(packages)
    yield centre
    for run in Run.objects.filter(state="running"):
        process.end(run)
    for child in process._children:
        child.kill()
        child.wait(timeout=10)


@pytest.fixture
def people(estate_here: Any) -> dict[str, Any]:
    return {"lin": person("lin", "operator"), "wang": person("wang", "approver")}


def planned(people: dict[str, Any], version: str, expression: str = "1, 2, 100%") -> Release:
    just_observed()
    names = list(Node.objects.filter(service__name=SERVICE, centre__code="SZ-A").values_list("name", flat=True))
    service = Service.objects.get(name=SERVICE)
    ticket = changes.ticket_create(
        actor=people["lin"], title=f"{SERVICE} {version}", kind="normal", services=[service], reason="test"
    )
    return services.release_plan(
        actor=people["lin"], ticket=ticket, parts=[PartWish(service, version, expression, names)], soak_s=5, drain=False,
    )  # fmt: skip


def approved(people: dict[str, Any], release: Release) -> Release:
    just_observed()
    ticket = changes.ticket_submit(actor=people["lin"], ticket=release.ticket)
    changes.ticket_approve(actor=people["wang"], ticket=ticket, reason="read", seen=ticket.content_digest)
    release.refresh_from_db()
    return release


def advance_until(release: Release, reached: Callable[[Release], bool]) -> Release:
    """What worker and beat do, until `reached`."""

    def look() -> bool:
        automation.runs_reconcile()
        engine.advance(release.pk)
        release.refresh_from_db()
        return reached(release)

    eventually(look, lambda: f"{release.state}: {release.state_reason}", DEADLINE_S, interval_s=0.1)
    return release


def ended(release: Release) -> bool:
    return release.state not in (states.RUNNING, states.ROLLING_BACK)


@pytest.fixture
def measurements(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Recorded samples in place of Prometheus; the values of the dictionary shape those of the changed nodes."""
    kind: dict[str, float] = {}

    def measure(service: str, nodes: list[collect.Wanted], start: Any, end: Any, *, between: Any) -> collect.Measured:
        between()
        rng = np.random.default_rng(7)
        bad = {item.name for item in nodes if item.version != "1.0.0"}
        samples = {
            item.name: measured_node(rng, item.name, requests=900, **(kind if item.name in bad else {}))
            for item in nodes
        }
        return collect.Measured(samples, ["recorded"])

    monkeypatch.setattr(collect, "measure", measure)
    monkeypatch.setattr(surroundings, "measure", lambda *_, **__: calm(np.random.default_rng(8)))
    return kind


def switches(centre: Any, release: Release) -> dict[str, int]:
    """Per node, how often anything of this release was executed more than once, and how often it switched to it."""
    found = {}
    for name in release.nodes.values_list("node__name", flat=True):
        actions = centre.agent(name, "actions")["actions"]
        mine = {key: value for key, value in actions.items() if key.startswith(f"{release.number}/")}
        assert all(value["times_executed"] == 1 for value in mine.values()), mine
        found[name] = sum(key.endswith("/switch") and "/deploy/" in key for key in mine)
    return found


def back_to_first(centre: Any, release: Release) -> None:
    """Later tests of the session find the nodes on 1.0.0 again."""
    from seeops.core.sequence import next_epoch

    first = Version.objects.get(service__name=SERVICE, number="1.0.0")
    for name in release.nodes.values_list("node__name", flat=True):
        epoch = next_epoch()
        body = {"version": "1.0.0", "key": f"reset/{release.pk}/{time.monotonic_ns()}", "epoch": epoch}
        stage = {**body, "package": first.file, "digest": first.digest, "key": body["key"] + "/stage"}
        assert requests.post(f"{centre.url}/nodes/{name}/release/stage", json=stage, timeout=10).status_code == 200
        assert requests.post(f"{centre.url}/nodes/{name}/release/switch", json=body, timeout=10).status_code == 200


@pytest.mark.timeout(300)
def test_a_good_version_reaches_all_nodes_also_when_the_runner_is_killed_midway(people, estate_here, measurements):
    release = approved(people, planned(people, "1.1.0"))
    services.release_start(actor=people["lin"], release=release)
    last = release.batches.order_by("-number").first()

    def some_done(_: Release) -> bool:
        done = last.nodes.filter(state=states.NODE_DONE).count()
        return last.nodes.count() > done >= 1 and Run.objects.filter(state="running").exists()

    advance_until(release, some_done)
    run = Run.objects.get(state="running")
    os.kill(run.pid, signal.SIGKILL)
    release = advance_until(release, ended)
    assert release.state == states.DONE, release.state_reason
    assert set(switches(estate_here, release).values()) == {1}
    run.refresh_from_db()
    assert run.state == "lost"
    assert runs.log_verify(run).intact
    after = set(release.events.values_list("after", flat=True))
    assert {states.LOST, states.RECONCILING, states.SOAKING, states.PASSED, states.DONE} <= after
    release.ticket.refresh_from_db()
    assert release.ticket.state == "done"
    assert set(Node.objects.filter(batch_nodes__release=release).values_list("desired_version", flat=True)) == {"1.1.0"}
    assert verify_chain().intact
    back_to_first(estate_here, release)


@pytest.mark.timeout(300)
def test_a_failing_version_is_rolled_back_where_it_was_brought_and_nowhere_else(people, estate_here, measurements):
    measurements["errors"] = 0.03
    release = approved(people, planned(people, "1.3.0"))
    services.release_start(actor=people["lin"], release=release)
    release = advance_until(release, ended)
    assert release.state == states.ROLLED_BACK, release.state_reason
    verdict = Verdict.objects.get(batch__release=release)
    assert (verdict.batch.number, verdict.outcome) == (1, "FAIL")
    by_state = dict(BatchNode.objects.filter(release=release).values_list("node__name", "state"))
    touched = [name for name, state in by_state.items() if state == states.NODE_ROLLED_BACK]
    assert len(touched) == 1
    assert {state for name, state in by_state.items() if name not in touched} == {states.NODE_PENDING}
    assert estate_here.agent(touched[0], "version")["version"] == "1.0.0"
    assert sum(switches(estate_here, release).values()) == 1
    release.ticket.refresh_from_db()
    assert release.ticket.state == "failed"
    just_observed()
    fresh = services.release_retry(actor=people["lin"], release=release)
    with pytest.raises(RuleViolation, match="needs an approval"):
        services.release_start(actor=people["lin"], release=fresh)


def test_without_measurements_a_release_holds_and_nobody_may_promote_it(people, estate_here, settings):
    settings.PROMETHEUS_URL = "http://127.0.0.1:9"
    release = approved(people, planned(people, "1.1.0", "1, 1, 100%"))
    Release.objects.filter(pk=release.pk).update(plan=release.plan | {"most_extensions": 0})
    services.release_start(actor=people["lin"], release=release)
    release = advance_until(release, ended)
    assert (release.state, release.batches.get(number=1).state) == (states.HOLDING, states.HELD)
    assert Verdict.objects.get(batch__release=release).outcome == "INCONCLUSIVE"
    with pytest.raises(InvalidInput, match="reason"):
        services.release_promote(actor=people["lin"], release=release, reason=" ")
    with pytest.raises(RuleViolation, match="Nothing of batch 1"):
        services.release_promote(actor=people["lin"], release=release, reason="checked by hand")
    services.release_abort(actor=people["lin"], release=release, reason="enough seen")
    release = advance_until(release, ended)
    assert release.state == states.ABORTED
    assert release.nodes.filter(state=states.NODE_ROLLED_BACK).count() == 1


def test_plans_are_refused_for_what_cannot_work(people, packages):
    with pytest.raises(InvalidInput, match="no version"):
        planned(people, "9.9.9")
    with pytest.raises(InvalidInput, match="empty"):
        planned(people, "1.1.0", "5%, 5%, 100%")
    version = Version.objects.get(service__name=SERVICE, number="1.1.0")
    Version.objects.filter(pk=version.pk).update(digest="0" * 64)
    with pytest.raises(InvalidInput, match="not what was registered"):
        planned(people, "1.1.0")
    Version.objects.filter(pk=version.pk).update(digest=version.digest, file="/nowhere.tar.gz")
    with pytest.raises(InvalidInput, match="cannot be read"):
        planned(people, "1.1.0")
    _versions(packages)
    service, name = Service.objects.get(name=SERVICE), Node.objects.filter(service__name=SERVICE).first().name
    ticket = changes.ticket_create(actor=people["lin"], title="t", kind="normal", services=[service], reason="r")

    def plan(*names: str) -> Release:
        wish = PartWish(service, "1.1.0", "100%", names)
        return services.release_plan(actor=people["lin"], ticket=ticket, parts=[wish])

    with pytest.raises(InvalidInput, match="Named twice"):
        plan(name, name)
    from seeops.core.clock import now

    Node.objects.filter(name=name).update(decommissioned_at=now())
    with pytest.raises(InvalidInput, match="left the inventory"):
        plan(name)


def test_only_one_release_of_a_service_runs_and_only_as_planned(people):
    first, second = approved(people, planned(people, "1.1.0")), approved(people, planned(people, "1.3.0"))
    services.release_start(actor=people["lin"], release=first)
    with pytest.raises(RuleViolation, match="cannot be started"):
        services.release_start(actor=people["lin"], release=first)
    with pytest.raises(Conflict, match=f"service {SERVICE} and 6 more are held by {first.number}"):
        services.release_start(actor=people["lin"], release=second)
    services.release_abort(actor=people["lin"], release=first, reason="enough seen")
    engine.advance(first.pk)
    assert not Lock.objects.exists(), "the end of a release frees its locks"
    Node.objects.filter(name=second.plan["parts"][0]["batches"][0]["nodes"][0]["name"]).update(version="0.9.0")
    with pytest.raises(RuleViolation, match="plan again"):
        services.release_start(actor=people["lin"], release=second)


def test_a_worker_whose_release_was_held_meanwhile_writes_nothing(people):
    release = approved(people, planned(people, "1.1.0"))
    services.release_start(actor=people["lin"], release=release)
    from seeops.core import leases

    epoch = leases.claim(Release, release.pk, owner="a worker", seconds=6)
    stale = Release.objects.get(pk=release.pk)
    assert stale.epoch == epoch
    services.release_hold(actor=people["lin"], release=release, reason="wait")
    with pytest.raises(LeaseLost), fenced(stale):
        pytest.fail("the stale worker was let in")
    assert not engine.active()
