"""Advances changes of configuration: one lease-fenced step after the other, each decided from the rows alone.

A worker that dies anywhere leaves rows from which the next one goes on: a run and the rows it works on are written in one
transaction, nodes execute a key once, refuse an older number, and take a content only in place of the one that was seen. Whoever is
not known to be done is read back before anything is said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_noop as _

from seeops.automation import configuration_nodes as nodes
from seeops.automation import configuration_text as text
from seeops.automation import selectors, services
from seeops.automation.configuration import hold, tell
from seeops.automation.configuration_models import (
    CHANGE_LIVE,
    ChangeState,
    ConfigurationChange,
    ConfigurationContent,
    ConfigurationRow,
    NodeConfiguration,
    RowState,
)
from seeops.automation.models import Run, RunEvent, RunState
from seeops.changes import services as changes
from seeops.core import leases
from seeops.core.clock import now
from seeops.core.errors import Conflict
from seeops.core.numbering import next_number
from seeops.inventory import locks
from seeops.inventory.models import Centre, Service

LEASE_S = 8.0
PLAYBOOK = "configuration"
CONCURRENCY = 8
MOST_STUMBLES = 3
OWNER = leases.new_owner()


def live() -> list[int]:
    return list(ConfigurationChange.objects.filter(state__in=CHANGE_LIVE).values_list("pk", flat=True))


def advance(pk: int) -> None:
    """One step of a change, if it is live and nobody else is at it."""
    if not ConfigurationChange.objects.filter(pk=pk, state__in=CHANGE_LIVE).exists():
        return
    epoch = leases.claim(ConfigurationChange, pk, owner=OWNER, seconds=LEASE_S)
    if epoch is None:
        return
    try:
        change = ConfigurationChange.objects.select_related("run", "created_by", "started_by").get(pk=pk)
        if change.state != ChangeState.READING and not _held(change):
            return
        _STEPS.get(change.state, lambda change: None)(change)
    except leases.LeaseLost:
        return
    finally:
        leases.release(ConfigurationChange, pk, epoch=epoch)


def _held(change: ConfigurationChange) -> bool:
    """Keep the locks of the change's nodes. Lost ones (nobody looked after it for a minute) are taken again, or it stops."""
    if locks.renew(change.number, change.fence):
        return True
    try:
        hold(change, change.rows.exclude(state__in=_UNTOUCHED))
    except Conflict as error:
        if change.run is not None:
            services.run_ask_to_stop(change.run)
        _end(change, ChangeState.ROLLBACK_FAILED if change.reversing else ChangeState.STOPPED, str(error))
        return False
    return True


def _write(change: ConfigurationChange, **values: object) -> None:
    """Write to the change under its lease, as the last word of a transaction. Raises LeaseLost."""
    leases.write(ConfigurationChange, change.pk, epoch=change.epoch, **values)
    tell(change)


def _renew(change: ConfigurationChange) -> None:
    leases.renew(ConfigurationChange, change.pk, epoch=change.epoch, seconds=LEASE_S)


# --- reading ----------------------------------------------------------------------------------------------------------------


def _read(change: ConfigurationChange) -> None:
    rows = list(change.rows.select_related("node__centre"))
    wanted = (
        (lambda content: change.content)
        if change.content
        else lambda content: text.with_settings(content, change.wanted)
    )
    found = nodes.tried([row.node.name for row in rows], wanted, lambda: _renew(change))
    for row in rows:
        _take(row, found[row.node.name])
    _batches(change, [row for row in rows if row.state == RowState.PENDING])
    contents = {}
    for one in found.values():
        for content in (one.read.content, one.after):
            contents[text.digest(content)] = content
    with transaction.atomic():
        ConfigurationContent.objects.bulk_create(
            [ConfigurationContent(digest=digest, content=content) for digest, content in contents.items()],
            ignore_conflicts=True,
        )
        ConfigurationRow.objects.bulk_update(rows, ["state", "text", "batch", "before", "after"], batch_size=1000)
        _write(change, state=ChangeState.READY, digest=_digest(rows))


def _take(row: ConfigurationRow, tried: nodes.Tried) -> None:
    if tried.read.problem:
        row.state, row.text = RowState.UNREAD, tried.read.problem
        return
    row.before_id, row.after_id = tried.read.digest, text.digest(tried.after)
    if tried.refused:
        row.state, row.text = RowState.REFUSED, tried.refused
    else:
        row.state = RowState.SAME if row.before_id == row.after_id else RowState.PENDING


def _batches(change: ConfigurationChange, rows: list[ConfigurationRow]) -> None:
    """The first batch is one node; standby centres go before the production one; services are mixed, so that none goes at once."""
    order = {pk: -position for pk, position in Centre.objects.values_list("pk", "position")}
    rows.sort(key=lambda row: (order.get(row.node.centre_id, 0), row.node.name.rsplit("-", 1)[-1], row.node.name))
    for place, row in enumerate(rows):
        row.batch = 1 if place == 0 else 2 + (place - 1) // change.batch_size


def _digest(rows: list[ConfigurationRow]) -> str:
    """SHA-256 over one line for each node: name, state, digest now, digest then, batch."""
    lines = sorted(f"{row.node.name} {row.state} {row.before_id} {row.after_id} {row.batch}\n" for row in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


# --- applying ---------------------------------------------------------------------------------------------------------------


def _apply(change: ConfigurationChange) -> None:
    if change.run is None:
        _begin_batch(change)
        return
    if change.stop_requested_at:
        services.run_ask_to_stop(change.run)
    run = services.run_check(change.run)
    if not run.live:
        _settle(change, run, RowState.APPLYING, RowState.DONE)


def _begin_batch(change: ConfigurationChange) -> None:
    rows = list(
        change.rows.filter(batch=change.batch, state=RowState.PENDING).select_related("node", "before", "after")
    )
    if change.stop_requested_at:
        _end(change, ChangeState.STOPPED, _("stopped by a person"))
        return
    if problem := changes.production_problem(Service.objects.filter(nodes__in=[row.node for row in rows]).distinct()):
        _end(change, ChangeState.STOPPED, problem)
        return
    with transaction.atomic():
        run = _queue(change, rows, before="before", after="after")
        change.rows.filter(pk__in=[row.pk for row in rows]).update(state=RowState.APPLYING)
        _write(change, run=run)


def _queue(change: ConfigurationChange, rows: list[ConfigurationRow], *, before: str, after: str) -> Run:
    """The run that gives these nodes their `after` in place of their `before` (names of the row's columns). The change itself holds
    the nodes and looks at freezes before every batch, so the run takes no locks of its own."""
    word = "back" if after == "before" else "set"
    targets = [
        {
            "name": row.node.name,
            "agent_url": row.node.agent_url,
            "vars": {
                "node_key": f"{change.number}/{word}-{change.fence}/{row.node.name}", "node_epoch": change.fence,
                "node_reason": f"{change.number}: {change.reason}"[:200], "node_content": getattr(row, after).content,
                "node_expect": getattr(row, f"{before}_id"),
            },
        }
        for row in rows
    ]  # fmt: skip
    return services.run_queue(
        actor=change.started_by or change.created_by, playbook=PLAYBOOK, title=f"{change.number} {word}", targets=targets,
        inputs={}, purpose="configure", fence=change.fence, concurrency=CONCURRENCY, reason=change.reason,
        topic=f"configuration-{change.pk}", numbered=next_number(Run, "RUN"),
    )  # fmt: skip


def _settle(change: ConfigurationChange, run: Run, moving: str, good: str) -> None:
    """Take what the nodes of an ended run reported; whoever reported nothing certain is unknown and is read back next."""
    results = {event.host: event for event in selectors.last_results(run)}
    rows = list(change.rows.filter(state=moving).select_related("node"))
    bad = RowState.FAILED if good == RowState.DONE else RowState.ROLLBACK_FAILED
    for row in rows:
        row.state, row.text = _outcome(row, results.get(row.node.name), good, bad)
    with transaction.atomic():
        ConfigurationRow.objects.bulk_update(rows, ["state", "text"], batch_size=1000)
        _note(change, rows, good)
        _write(change, state=ChangeState.RECONCILING)


def _outcome(row: ConfigurationRow, event: RunEvent | None, good: str, bad: str) -> tuple[str, str]:
    aimed = row.after_id if good == RowState.DONE else row.before_id
    if event is None or event.status == "unreachable":
        return RowState.UNKNOWN, (event.message if event else _("reported nothing"))[:400]
    if event.status != "ok":
        return bad, event.message[:400]
    if (event.data or {}).get("digest") != aimed:
        return RowState.UNKNOWN, _("does not say that it has the content")
    return good, ""


def _note(change: ConfigurationChange, rows: list[ConfigurationRow], good: str) -> None:
    """Keep what nodes have by the console's word now."""
    moment = now()
    done = [row for row in rows if row.state == good]
    NodeConfiguration.objects.bulk_create(
        [
            NodeConfiguration(
                node_id=row.node_id, content_id=row.after_id if good == RowState.DONE else row.before_id, change=change, at=moment
            )
            for row in done
        ],
        update_conflicts=True, unique_fields=["node"], update_fields=["content", "change", "at"],
    )  # fmt: skip


# --- reading back, and what follows ---------------------------------------------------------------------------------------------


def _reconcile(change: ConfigurationChange) -> None:
    """Read back whoever is unknown, then decide how it goes on."""
    back = change.reversing
    lost = change.run is not None and change.run.state == RunState.LOST and change.stumbles < MOST_STUMBLES
    rows = list(change.rows.filter(state=RowState.UNKNOWN).select_related("node"))
    found = nodes.read([row.node.name for row in rows], lambda: _renew(change))
    for row in rows:
        row.state, row.text = _read_back(row, found[row.node.name], back, again=lost and not change.stop_requested_at)
    with transaction.atomic():
        ConfigurationRow.objects.bulk_update(rows, ["state", "text"], batch_size=1000)
        _note(change, rows, RowState.ROLLED_BACK if back else RowState.DONE)
        _decide(change)


def _read_back(row: ConfigurationRow, read: nodes.Read, back: bool, *, again: bool) -> tuple[str, str]:
    """What a node is by its own word. With `again` one that was not reached gets its turn once more: its run was lost, and the same
    key makes it happen once."""
    if read.problem:
        return RowState.UNKNOWN, read.problem
    if read.digest == (row.before_id if back else row.after_id):
        return (RowState.ROLLED_BACK if back else RowState.DONE), _("read back from the node")
    bad = RowState.ROLLBACK_FAILED if back else RowState.FAILED
    if read.digest == (row.after_id if back else row.before_id):
        if again:
            return (RowState.ROLLING_BACK if back else RowState.PENDING), ""
        return bad, _("the node was not changed")
    return bad, _("the node has another configuration (%(digest)s): somebody else has changed it") % {
        "digest": read.digest[:12]
    }


def _decide(change: ConfigurationChange) -> None:
    """The same again, the next batch, or the end. Inside the transaction that wrote the rows."""
    waiting = RowState.ROLLING_BACK if change.reversing else RowState.PENDING
    if change.rows.filter(state=waiting, batch__lte=change.batch).exists():
        state = ChangeState.ROLLING_BACK if change.reversing else ChangeState.APPLYING
        _write(change, state=state, run=None, stumbles=change.stumbles + 1)
    elif change.reversing:
        left = change.rows.exclude(state__in=_NOT_TOUCHED).count()
        problem = _("%(n)d nodes do not have what they had: look at them, then roll back again") % {"n": left}
        _end(change, ChangeState.ROLLBACK_FAILED if left else ChangeState.ROLLED_BACK, problem if left else "")
    else:
        _decide_forward(change)


def _decide_forward(change: ConfigurationChange) -> None:
    bad = change.rows.filter(batch=change.batch, state__in=(RowState.FAILED, RowState.UNKNOWN)).count()
    if change.stop_requested_at:
        _end(change, ChangeState.STOPPED, _("stopped by a person"))
    elif bad:
        told = {"batch": change.batch, "n": bad}
        _end(
            change,
            ChangeState.FAILED,
            _("batch %(batch)d: %(n)d nodes did not take it, so no further node is changed") % told,
        )
    elif change.batch >= (change.rows.aggregate(last=Max("batch"))["last"] or 0):
        _end(change, ChangeState.DONE, "")
    else:
        _write(change, state=ChangeState.APPLYING, batch=change.batch + 1, run=None, stumbles=0)


_UNTOUCHED = (RowState.SAME, RowState.REFUSED, RowState.UNREAD)
_NOT_TOUCHED = (RowState.ROLLED_BACK, RowState.SAME, RowState.REFUSED, RowState.UNREAD, RowState.PENDING)


def _end(change: ConfigurationChange, state: str, problem: str) -> None:
    locks.release(change.number, change.fence)
    _write(change, state=state, problem=problem[:400], finished_at=now())


# --- rolling back ---------------------------------------------------------------------------------------------------------------


def _roll_back(change: ConfigurationChange) -> None:
    if change.run is not None:
        run = services.run_check(change.run)
        if not run.live:
            _settle(change, run, RowState.ROLLING_BACK, RowState.ROLLED_BACK)
        return
    rows = list(change.rows.filter(state=RowState.ROLLING_BACK).select_related("node", "before", "after"))
    found = nodes.read([row.node.name for row in rows], lambda: _renew(change))
    for row in rows:
        row.state, row.text = _to_put_back(row, found[row.node.name])
    going = [row for row in rows if row.state == RowState.ROLLING_BACK]
    with transaction.atomic():
        ConfigurationRow.objects.bulk_update(rows, ["state", "text"], batch_size=1000)
        _note(change, rows, RowState.ROLLED_BACK)
        if going:
            _write(change, run=_queue(change, going, before="after", after="before"))
        else:
            _decide(change)


def _to_put_back(row: ConfigurationRow, read: nodes.Read) -> tuple[str, str]:
    """A node that does not answer is tried by the run all the same: it may be back by then, and says itself that it is not."""
    if read.problem or read.digest == row.after_id:
        return RowState.ROLLING_BACK, ""
    if read.digest == row.before_id:
        return RowState.ROLLED_BACK, _("was not changed, or had it back already")
    text_ = _("the node has another configuration (%(digest)s): somebody else has changed it") % {
        "digest": read.digest[:12]
    }
    return RowState.ROLLBACK_FAILED, text_


_STEPS: Mapping[str, Any] = {
    ChangeState.READING: _read, ChangeState.APPLYING: _apply, ChangeState.RECONCILING: _reconcile,
    ChangeState.ROLLING_BACK: _roll_back,
}  # fmt: skip
