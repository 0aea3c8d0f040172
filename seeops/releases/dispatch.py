"""Between batches and the runs that work on them: queueing a run, taking its results over, reading nodes back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.utils.translation import gettext_noop as _  # stored in English, read by core.sentences

from seeops.automation import selectors as runs
from seeops.automation import services as automation
from seeops.automation.models import Run
from seeops.cluster import door
from seeops.core.clock import now
from seeops.core.errors import Unavailable
from seeops.core.leases import renew
from seeops.core.live import announce
from seeops.core.sequence import next_epoch
from seeops.inventory import selectors as inventory
from seeops.releases import journal, states
from seeops.releases.fencing import LEASE_S, fenced
from seeops.releases.models import Batch, BatchNode, BatchRun, Release

DEPLOY, ROLLBACK = "deploy", "rollback"
REPORTED = {
    DEPLOY: {"ok": states.NODE_DONE, "failed": states.NODE_FAILED, "unreachable": states.NODE_UNREACHABLE},
    ROLLBACK: {
        "ok": states.NODE_ROLLED_BACK, "failed": states.NODE_ROLLBACK_FAILED, "unreachable": states.NODE_ROLLBACK_FAILED,
    },
}  # fmt: skip
BEGUN = {DEPLOY: states.NODE_DEPLOYING, ROLLBACK: states.NODE_ROLLING_BACK}
SERVING = ("up",)
# 29 % of 100 nodes are 29, also in binary fractions.
ROUNDING = 1e-9


def latest(batch: Batch, purpose: str) -> BatchRun | None:
    """The last run of a purpose on this batch."""
    return batch.runs.filter(purpose=purpose).select_related("run").defer("run__targets").order_by("-id").first()


def attempts(batch: Batch, purpose: str) -> int:
    return batch.runs.filter(purpose=purpose).count()


def queue_deploy(release: Release, batch: Batch, nodes: Sequence[BatchNode]) -> Run:
    """Queue a run that brings nodes of a batch to its version (inside `fenced`)."""
    title = _("%(release)s batch %(n)d") % {"release": release.number, "n": batch.number}
    return _queue(release, nodes, DEPLOY, title, at_once=batch.concurrency, budget=most_lost(release, len(nodes)))


def queue_back(release: Release, nodes: Sequence[BatchNode], at_once: int) -> Run:
    """Queue a run that brings nodes of one part, of one or several batches, back to what they ran (inside `fenced`)."""
    numbers = sorted({item.batch.number for item in nodes})
    if len(numbers) == 1:
        title = _("%(release)s batch %(n)d, roll-back") % {"release": release.number, "n": numbers[0]}
    else:
        several = ", ".join(map(str, numbers))
        title = _("%(release)s batches %(several)s, roll-back") % {"release": release.number, "several": several}
    return _queue(release, nodes, ROLLBACK, title, at_once=at_once, budget=None)


def _queue(
    release: Release, nodes: Sequence[BatchNode], purpose: str, title: str, *, at_once: int, budget: int | None
) -> Run:
    """With a fencing epoch above every earlier one. Nodes of one part, each with its batch."""
    fence = next_epoch()
    run = automation.run_queue(
        actor=journal.engine(), playbook="release", title=title, targets=_targets(release, nodes, purpose, fence), inputs={},
        purpose=purpose, fence=fence, concurrency=at_once, topic=f"release-{release.pk}", job_timeout_s=120 + 30 * len(nodes),
        reason=f"{release.number} {nodes[0].batch.part.title}", budget=budget,
    )  # fmt: skip
    for batch in {item.batch_id: item.batch for item in nodes}.values():
        BatchRun.objects.create(batch=batch, run=run, purpose=purpose)
    BatchNode.objects.filter(pk__in=[node.pk for node in nodes]).update(
        state=BEGUN[purpose], message="", changed_at=now()
    )
    return run


def most_lost(release: Release, count: int) -> int:
    """How many of `count` nodes may fail, not answer or stay silent before the run begins no further one. A roll-back has no such
    budget: a node that cannot be brought back must not keep the others on a bad version."""
    share = float(release.plan.get("budget", {}).get("share", 0.0))
    return math.floor(share * count + ROUNDING)


def _targets(release: Release, nodes: Sequence[BatchNode], purpose: str, fence: int) -> list[dict[str, Any]]:
    """Keys name release, batch, node and step, never the attempt: what a lost run had done is not done again."""
    part = nodes[0].batch.part
    versions = {version.number: version for version in inventory.versions_of(part.service)}
    targets = []
    for item in nodes:
        number = part.version.number if purpose == DEPLOY else item.from_version
        version = versions[number]
        targets.append(
            {
                "name": item.node.name,
                "agent_url": item.node.agent_url,
                "vars": {
                    "release_version": number,
                    "release_package": version.file,
                    "release_digest": version.digest,
                    "release_key": f"{release.number}/{item.batch.number}/{purpose}/{item.node.name}",
                    "release_epoch": fence,
                    "release_drain": bool(release.plan["drain"]),
                    # A roll-back must also shut out a switch that a killed run may still have under way.
                    "release_fence": purpose == ROLLBACK,
                    "release_reason": release.number,
                },
            }
        )
    return targets


def sync(release: Release, work: BatchRun) -> int:
    """Take what nodes have reported since the last look over into their states. Returns how many results were new."""
    results = runs.results_since(work.run, after=work.synced_seq)
    if not results:
        return 0
    known = REPORTED[work.purpose]
    latest_of = {event.host: event for event in results if event.status in known}
    with fenced(release):
        _write(
            work.batch_id,
            [(host, known[event.status], event.message[:300]) for host, event in latest_of.items()],
        )
        work.synced_seq = results[-1].seq
        work.save(update_fields=["synced_seq"])
        announce(f"release-{release.pk}")
    return len(results)


def _write(batch_id: int, rows: Iterable[tuple[str, str, str]]) -> None:
    """States and messages of many nodes in one statement: (name, state, message). Nodes that a person left out stay so."""
    listed = list(rows)
    if not listed:
        return
    names, wanted, messages = (list(column) for column in zip(*listed, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE releases_batchnode n SET state = v.state, message = v.message, changed_at = now() "
            "FROM unnest(%s::text[], %s::text[], %s::text[]) AS v(name, state, message) "
            "JOIN inventory_node i ON i.name = v.name WHERE n.node_id = i.id AND n.batch_id = %s AND n.state <> %s",
            [names, wanted, messages, batch_id, states.NODE_SKIPPED],
        )


def settle(release: Release, work: BatchRun) -> None:
    """Note that a run that ended has been evaluated."""
    with fenced(release):
        work.settled = True
        work.save(update_fields=["settled"])


def read_back(release: Release, batch: Batch, nodes: Sequence[BatchNode], purpose: str) -> list[BatchNode]:
    """Ask the nodes themselves what they run. Those that are where they should be are marked so; the others are returned.

    A node that cannot be asked is marked unreachable (deploy) and returned: it is never counted as done.
    """
    seen = _observe(release, {item.node.centre.code for item in nodes})
    rows, left = [], []
    for item in nodes:
        health = seen.get(item.node.centre.code)
        found = None if health is None else health.get(item.node.name)
        wanted = batch.part.version.number if purpose == DEPLOY else item.from_version
        if found and found.get("version") == wanted and found.get("state") in SERVING:
            rows.append((item.node.name, REPORTED[purpose]["ok"], _("read back from the node")))
        else:
            left.append(item)
            if found is None or found.get("state") == "lost":
                state = states.NODE_UNREACHABLE if purpose == DEPLOY else states.NODE_ROLLING_BACK
                rows.append((item.node.name, state, _("does not answer")))
    with fenced(release):
        _write(batch.pk, rows)
        announce(f"release-{release.pk}")
    return left


def _observe(release: Release, centres: Iterable[str]) -> dict[str, dict[str, dict[str, Any]] | None]:
    """Health of all nodes by centre and name; None for a centre that does not answer."""
    seen: dict[str, dict[str, dict[str, Any]] | None] = {}
    for centre in sorted(centres):
        renew(Release, release.pk, epoch=release.epoch, seconds=LEASE_S)
        try:
            seen[centre] = {row["node"]: row for row in door.nodes(centre)}
        except Unavailable:
            seen[centre] = None
    return seen
