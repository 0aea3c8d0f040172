"""Starting, stopping and watching runs."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.automation import catalogue, failover, process, rolling, run_locks, selectors
from seeops.automation.models import LIVE_STATES, Run, RunState
from seeops.changes import services as changes
from seeops.core.clock import now
from seeops.core.enqueue import poke
from seeops.core.errors import InvalidInput, RuleViolation
from seeops.core.live import announce
from seeops.core.numbering import next_number
from seeops.core.sequence import next_epoch
from seeops.inventory import selectors as inventory
from seeops.inventory.models import Service

SPAWN_AGAIN = dt.timedelta(seconds=8)
SILENT = dt.timedelta(seconds=6)
RELATED_RIGHT = {"drain": "node.drain", "undrain": "node.drain", "restart": "node.restart",
                 "inspection": "node.diagnose", "configuration": "node.configure", "logs": "log.collect"}  # fmt: skip


@transaction.atomic
def run_start(
    *, actor: Any, playbook: str, nodes: Sequence[str], inputs: dict[str, Any], reason: str, check: bool = False
) -> Run:
    """Have a playbook of the catalogue run on these nodes; with `check` it only says what it would do, and freezes do not hold for it.

    Raises Forbidden, InvalidInput, RuleViolation.
    """
    book = catalogue.playbook(playbook)
    require_may_run(actor, book)
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why this is done."), field="reason")
    fence = next_epoch()
    numbered = next_number(Run, "RUN")
    if check and not book.check:
        raise RuleViolation(_("“%(title)s” cannot say beforehand what it would do.") % {"title": book.title})
    if book.code in failover.BOOKS:
        common = {"node_key": numbered["number"], "node_epoch": fence, "node_reason": reason[:200]}
        chosen = catalogue.checked(book, inputs)
        targets = failover.targets(book.code, actor=actor, nodes=nodes, inputs=chosen, common=common)
    else:
        targets = _targets(nodes, numbered["number"], fence, reason)
    if not check:
        _require_not_frozen(actor, book, [target["name"] for target in targets])
    checked = catalogue.checked(book, inputs)
    if not check:
        targets = _in_rounds(book, targets)
    run = run_queue(
        actor=actor, playbook=book.code, title=book.title, targets=targets, inputs=checked,
        purpose="check" if check else "playbook", fence=fence, concurrency=book.concurrency, reason=reason, numbered=numbered,
        changes_nodes=book.changes_nodes and not check,
    )  # fmt: skip
    audit.record(
        actor=actor, action="automation.run", obj=run, reason=reason,
        after={"playbook": book.code, "check": check, "nodes": [target["name"] for target in targets], "inputs": run.inputs},
    )  # fmt: skip
    return run


def require_may_run(actor: Any, book: catalogue.Playbook) -> None:
    """Raises Forbidden, or RuleViolation for a playbook that people do not start."""
    rights.require(actor, "automation.run")
    if not book.from_form:
        raise RuleViolation(_("“%(title)s” is started by releases only.") % {"title": book.title})
    if book.code in RELATED_RIGHT:
        rights.require(actor, RELATED_RIGHT[book.code])


def _in_rounds(book: catalogue.Playbook, targets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Targets of what takes nodes out: by rounds that leave every group enough, or refused when it would not. Raises RuleViolation."""
    if book.effect != "takes-out":
        return targets
    names = [target["name"] for target in targets]
    if not book.rounds:
        rolling.require_enough_left(names)
        return targets
    known = {target["name"]: target for target in targets}
    return [known[name] | {"round": n} for n, inside in enumerate(rolling.rounds_of(names), 1) for name in inside]


def _require_not_frozen(actor: Any, book: catalogue.Playbook, names: Sequence[str]) -> None:
    """What changes nodes keeps to the freezes, taking out of service too; reading and bringing back stays possible."""
    if book.changes_nodes:
        changes.production_require_open(actor, Service.objects.filter(nodes__name__in=list(names)).distinct())


def _targets(names: Sequence[str], number: str, fence: int, reason: str) -> list[dict[str, Any]]:
    if not names:
        raise InvalidInput(_("No node is chosen: choose at least one."), field="nodes")
    wanted = set(names)
    found = inventory.active_nodes().filter(name__in=wanted).order_by("name")
    known = {node.name: node for node in found}
    missing = sorted(wanted - set(known))
    if missing:
        raise InvalidInput(_("There is no active node %(names)s.") % {"names": ", ".join(missing[:5])}, field="nodes")
    return [
        {
            "name": node.name,
            "agent_url": node.agent_url,
            "vars": {"node_key": f"{number}/{node.name}", "node_epoch": fence, "node_reason": reason[:200]},
        }
        for node in known.values()
    ]


@transaction.atomic
def run_queue(
    *,
    actor: Any,
    playbook: str,
    title: str,
    targets: list[dict[str, Any]],
    inputs: dict[str, Any],
    purpose: str,
    fence: int,
    concurrency: int,
    reason: str = "",
    topic: str = "",
    job_timeout_s: int = 900,
    numbered: dict[str, Any] | None = None,
    changes_nodes: bool = False,
    budget: int | None = None,
) -> Run:
    """Queue a run and have its process started. For other apps' services, which check rights and write the audit record.

    `budget`: once more nodes than this have failed, do not answer or stayed silent, no further one is begun (None: never).
    """
    run = Run.objects.create(
        **(numbered or next_number(Run, "RUN")), playbook=playbook, title=title[:160], purpose=purpose, inputs=inputs,
        targets=targets, hosts_total=len(targets), concurrency=concurrency, reason=reason, fence=fence, topic=topic,
        created_by=actor, job_timeout_s=job_timeout_s, changes_nodes=changes_nodes, budget=budget,
    )  # fmt: skip
    run_locks.take(run)
    _poke_spawn(run)
    announce("runs")
    return run


def _poke_spawn(run: Run) -> None:
    from seeops.automation.tasks import run_spawn_task

    poke(run_spawn_task, run.pk)


def run_spawn(run_id: int) -> bool:
    """Start the process of a queued run. Of two callers at once one starts it; a process too many finds nothing to do."""
    moment = now()
    if _frozen_meanwhile(run_id):
        return False
    waiting = Run.objects.filter(pk=run_id, state=RunState.QUEUED)
    due = waiting.filter(spawned_at__isnull=True) | waiting.filter(spawned_at__lt=moment - SPAWN_AGAIN)
    if not due.update(spawned_at=moment):
        return False
    process.spawn(run_id)
    return True


def _frozen_meanwhile(run_id: int) -> bool:
    """End a queued run over whose nodes a freeze has closed since it was asked for: nothing was done yet."""
    run = Run.objects.filter(pk=run_id, state=RunState.QUEUED, changes_nodes=True).first()
    if run is None:
        return False
    services = Service.objects.filter(nodes__name__in=[target["name"] for target in run.targets]).distinct()
    problem = changes.production_problem(services)
    if not problem:
        return False
    ended = {"state": RunState.CANCELLED, "finished_at": now(), "problem": problem}
    if Run.objects.filter(pk=run_id, state=RunState.QUEUED).update(**ended):
        audit.record(actor=run.created_by, action="automation.frozen", obj=run, reason=problem)
        announce(f"run-{run_id}", "runs", *([run.topic] if run.topic else []))
    return True


@transaction.atomic
def run_cancel(*, actor: Any, run: Run, reason: str) -> None:
    """Have a run stop: no further node is begun, what is under way is ended."""
    rights.require(actor, "automation.run")
    if not run.live:
        raise RuleViolation(_("%(run)s has ended already.") % {"run": run.number})
    run_ask_to_stop(run)
    audit.record(actor=actor, action="automation.cancel", obj=run, reason=reason)


def run_ask_to_stop(run: Run) -> None:
    """Ask the process to stop; a run without a process yet ends at once."""
    moment = now()
    stopped = Run.objects.filter(pk=run.pk, state=RunState.QUEUED).update(
        state=RunState.CANCELLED,
        cancel_requested_at=moment,
        finished_at=moment,
        problem=gettext_noop("stopped before it began"),
    )
    if not stopped:
        Run.objects.filter(pk=run.pk, state=RunState.RUNNING, cancel_requested_at__isnull=True).update(
            cancel_requested_at=moment
        )
    announce(f"run-{run.pk}", "runs")


def run_check(run: Run) -> Run:
    """Look after a live run: start its process (again) or find that it is lost. Returns the run as it is now."""
    if run.live and not run_locks.keep(run):
        run_ask_to_stop(run)
    if run.state == RunState.QUEUED:
        run_spawn(run.pk)
    elif run.state == RunState.RUNNING and _gone(run):
        _mark_lost(run)
    run.refresh_from_db()
    return run


def _gone(run: Run) -> bool:
    """A process that can be looked at is gone when it is not there; any other when it has been silent too long."""
    if process.here(run):
        return not process.alive(run)
    return run.heartbeat_at is None or now() - run.heartbeat_at > SILENT


def _mark_lost(run: Run) -> None:
    lost = Run.objects.filter(pk=run.pk, epoch=run.epoch, state=RunState.RUNNING).update(
        state=RunState.LOST, finished_at=now(), lease_until=None, epoch=run.epoch + 1,
        hosts_silent=F("hosts_total") - F("hosts_done") - F("hosts_failed"),
        problem=gettext_noop("its process ended without a word; what the nodes did must be read back from them"),
    )  # fmt: skip
    if lost:
        shutil.rmtree(selectors.run_folder(run), ignore_errors=True)
        announce(f"run-{run.pk}", "runs", *([run.topic] if run.topic else []))


def run_end_now(run: Run) -> None:
    """Kill a run's process that does not stop by itself; the run is lost then."""
    process.end(run)
    if run.state == RunState.RUNNING:
        _mark_lost(run)


def runs_reconcile() -> int:
    """Look after every live run that nobody else looks after. Returns how many are live."""
    live = list(Run.objects.filter(state__in=LIVE_STATES).defer("targets", "inputs"))
    for run in live:
        run_check(run)
    return len(live)
