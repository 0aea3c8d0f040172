"""An estate on paper: nodes and runner processes as rows and dictionaries, so that the engine can be interrupted at every step.

Nodes obey the rules that real agents do: a key is executed once, an epoch below the highest one seen is refused. Runs obey the
rules of real runners: claimed with an epoch, every write conditional on it, no further node beyond the budget, gone when killed.
Only the processes are missing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F

from seeops.automation import process
from seeops.automation.models import Run, RunEvent, RunState
from seeops.changes import services as changes
from seeops.cluster import door
from seeops.core import leases
from seeops.core.clock import now
from seeops.inventory.models import Node, Service, Version
from seeops.releases import engine, judging, services, states, verdict
from seeops.releases.models import Release
from seeops.releases.planning import PartWish
from tests.estate import observed_up
from tests.seeops.changes.control import colleague

OLD, NEW = "1.0.0", "1.1.0"


class Killed(BaseException):
    """The worker is gone: nothing after this point happens, and its lease stays until it runs out."""


@dataclass
class PaperNode:
    version: str = OLD
    epoch: int = 0
    keys: set[str] = field(default_factory=set)
    reachable: bool = True
    refuses: bool = False
    silent: bool = False  # its run says nothing of it
    begun: int = 0

    def act(self, key: str, epoch: int, version: str) -> str:
        """What the agent answers: ok, failed (refused) or unreachable."""
        if not self.reachable:
            return "unreachable"
        if epoch < self.epoch or (self.refuses and version == NEW):
            return "failed"
        self.epoch = epoch
        if key not in self.keys:
            self.keys.add(key)
            self.version = version
        return "ok"


class Paper:
    """All nodes and processes, and how often anything was executed at a node."""

    def __init__(self) -> None:
        self.nodes: dict[str, PaperNode] = {name: PaperNode() for name in Node.objects.values_list("name", flat=True)}
        self.live: dict[int, int] = {}
        self.executed: Counter[tuple[str, str]] = Counter()
        self.die_after: int | None = None
        self.outcomes: dict[int, str] = {}
        self.blank: set[int] = set()  # batches of which nothing can be measured
        self.deaf = False  # processes that do not notice that they shall stop
        self.during_judgement: Any = None

    # --- processes

    def spawn(self, pk: int, *_module: str) -> None:
        begun = Run.objects.filter(pk=pk, state=RunState.QUEUED).update(
            state=RunState.RUNNING, epoch=F("epoch") + 1, started_at=now(), heartbeat_at=now()
        )
        if begun:
            self.live[pk] = Run.objects.get(pk=pk).epoch

    def kill(self, run: Run) -> bool:
        self.deaf = False
        return self.live.pop(run.pk, None) is not None

    def work(self) -> None:
        """Every live process goes on to its end, or dies after `die_after` nodes."""
        for pk, epoch in [] if self.deaf else list(self.live.items()):
            run = Run.objects.get(pk=pk)
            ended = self._end_of(run, epoch)
            if ended is None:
                self.live.pop(pk, None)
            elif self.write(pk, epoch, state=ended, finished_at=now()):
                self.live.pop(pk)

    def write(self, pk: int, epoch: int, **values: Any) -> bool:
        """What a runner writes about itself: refused when its epoch is out of date."""
        return bool(Run.objects.filter(pk=pk, epoch=epoch, state=RunState.RUNNING).update(**values))

    def _end_of(self, run: Run, epoch: int) -> str | None:
        lost = 0
        for seq, target in enumerate(run.targets, start=1):
            if run.cancel_requested_at:
                return RunState.CANCELLED
            if run.budget is not None and lost > run.budget:
                break
            if self.die_after is not None and seq > self.die_after:
                self.die_after = None
                return None
            node = self.nodes[target["name"]]
            node.begun += target["vars"]["release_version"] == NEW
            if node.silent:
                lost += 1
                continue
            status = self._act(target["name"], target["vars"])
            lost += status != "ok"
            if self.write(run.pk, epoch, heartbeat_at=now()):
                RunEvent.objects.create(
                    run=run, seq=seq, at=now(), host=target["name"], task="t", status=status, data={}
                )
        return RunState.FAILED if lost else RunState.DONE

    def _act(self, name: str, said: dict[str, Any]) -> str:
        node = self.nodes[name]
        fresh = said["release_key"] not in node.keys
        status = node.act(said["release_key"], said["release_epoch"], said["release_version"])
        if status == "ok" and fresh:
            self.executed[(name, said["release_key"])] += 1
        return status

    # --- what the console asks

    def health(self, centre: str) -> list[dict[str, Any]]:
        names = Node.objects.filter(centre__code=centre).values_list("name", flat=True)
        return [
            {"node": name, "version": self.nodes[name].version, "state": "up" if self.nodes[name].reachable else "lost"}
            for name in names
        ]

    def judge(self, release: Release, batch: Any) -> judging.Judgement:
        if self.during_judgement is not None:
            meanwhile, self.during_judgement = self.during_judgement, None
            return meanwhile(release, batch)
        outcome = self.outcomes.get(batch.number, "PASS")
        found = verdict.Verdict(outcome, f"paper says {outcome}", ())
        evidence = {judging.PROBLEM: "paper is blank"} if batch.number in self.blank else {"paper": batch.number}
        return judging.Judgement(found, "unchanged", (now(), now()), evidence, False)

    # --- what is asserted

    def versions(self, release: Release) -> Counter[str]:
        return Counter(self.nodes[name].version for name in release.nodes.values_list("node__name", flat=True))

    def reset(self) -> None:
        """Everything as before any release, and observed just now."""
        observed_up()
        self.executed.clear()
        for node in self.nodes.values():
            node.version, node.reachable, node.refuses, node.silent, node.begun = OLD, True, False, False, 0
        self.live.clear()
        self.outcomes.clear()
        self.die_after = None


@pytest.fixture
def paper(small_estate: Any, monkeypatch: pytest.MonkeyPatch) -> Paper:
    made = Paper()
    monkeypatch.setattr(process, "spawn", made.spawn)
    monkeypatch.setattr(process, "here", lambda run: True)
    monkeypatch.setattr(process, "alive", lambda run: run.pk in made.live)
    monkeypatch.setattr(process, "end", made.kill)
    monkeypatch.setattr(door, "nodes", made.health)
    monkeypatch.setattr(judging, "judge_batch", made.judge)
    return made


@pytest.fixture
def people(small_estate: Any) -> dict[str, Any]:
    return {"lin": colleague("lin", "operator"), "chen": colleague("chen", "approver")}


def package(folder: Path, service: Service, number: str = NEW) -> None:
    file = folder / f"{service.name}-{number}"
    file.write_bytes(number.encode())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    Version.objects.update_or_create(service=service, number=number, defaults={"digest": digest, "file": str(file)})


def wish(folder: Path, service: str, count: int, expression: str = "1, 100%", **more: Any) -> PartWish:
    """The first nodes of a service in SZ-A, to the new version."""
    found = Service.objects.get(name=service)
    for number in (OLD, NEW):
        package(folder, found, number)
    names = Node.objects.filter(service=found, centre__code="SZ-A").order_by("name").values_list("name", flat=True)
    return PartWish(found, NEW, expression, list(names[:count]), **more)


def approved(people: dict[str, Any], *wishes: PartWish, code: str = "", **more: Any) -> Release:
    """A release that may start; it soaks for no time. `code` of the approver's second factor, which a high risk asks for."""
    ticket = changes.ticket_create(
        actor=people["lin"], title="new versions", kind="normal", services=[item.service for item in wishes], reason="r"
    )
    release = services.release_plan(
        actor=people["lin"], ticket=ticket, parts=wishes, **{"most_flow_share": 1.0, **more}
    )
    ticket = changes.ticket_submit(actor=people["lin"], ticket=ticket)
    changes.ticket_approve(actor=people["chen"], ticket=ticket, reason="read", seen=ticket.content_digest, code=code)
    Release.objects.filter(pk=release.pk).update(soak_s=0)
    release.refresh_from_db()
    return release


def look(paper: Paper, release: Release) -> Release:
    """One turn of everybody: the reconciler looks, the processes work."""
    engine.advance(release.pk)
    paper.work()
    release.refresh_from_db()
    return release


def until(paper: Paper, release: Release, *wanted: str, turns: int = 60) -> Release:
    for _turn in range(turns):
        if release.state in wanted:
            return release
        release = look(paper, release)
    raise AssertionError(f"{release.state}: {release.state_reason}")


def lease_runs_out(release: Release) -> None:
    Release.objects.filter(pk=release.pk).update(lease_until=None)


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Kills the worker at the write number `at` that it makes under its lease, before it is made; counts them in `seen`."""
    count = {"at": -1, "seen": 0}

    def before(call: Any) -> Any:
        def counted(*args: Any, **values: Any) -> Any:
            count["seen"] += 1
            if count["seen"] == count["at"]:
                raise Killed
            return call(*args, **values)

        return counted

    give_back = leases.release

    def unless_killed(*args: Any, **values: Any) -> bool:
        return False if count["seen"] == count["at"] else give_back(*args, **values)

    monkeypatch.setattr(leases, "write", before(leases.write))
    monkeypatch.setattr(leases, "release", unless_killed)
    return count


ENDED = (states.DONE, states.ROLLED_BACK, states.ABORTED, states.FAILED)
