"""Changing the configuration of nodes: drafted, shown as differences, started, stopped, rolled back. The engine does the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.automation import choosing
from seeops.automation import configuration_text as text
from seeops.automation.configuration_models import TOUCHED, ChangeState, ConfigurationChange, ConfigurationRow, RowState
from seeops.changes import services as changes
from seeops.core.clock import now
from seeops.core.enqueue import poke
from seeops.core.errors import Conflict, InvalidInput, RuleViolation
from seeops.core.live import announce
from seeops.core.numbering import next_number
from seeops.core.sequence import next_epoch
from seeops.inventory import locks
from seeops.inventory.models import Node, Service

MOST_NODES = 5000
LARGEST_BATCH = 500


def _require(actor: Any) -> None:
    rights.require(actor, "automation.run")
    rights.require(actor, "node.configure")


def tell(change: ConfigurationChange) -> None:
    announce("configurations", f"configuration-{change.pk}")


def hold(change: ConfigurationChange, rows: QuerySet[ConfigurationRow]) -> None:
    """Lock the nodes of these rows for the change, which keeps them until it comes to rest. Raises Conflict naming who has them."""
    taken = locks.acquire(
        owner=change.number, wanted=locks.of_nodes(Node.objects.filter(pk__in=rows.values("node"))), fence=change.fence,
        reason=change.reason, url=reverse("automation:configuration", args=[change.pk]),
    )  # fmt: skip
    if isinstance(taken, locks.Busy):
        raise Conflict(taken.sentence, code="locked")


def _poke(change: ConfigurationChange) -> None:
    from seeops.automation.tasks import configuration_advance_task

    poke(configuration_advance_task, change.pk)


@transaction.atomic
def draft(
    *, actor: Any, choice: Mapping[str, Any], content: str = "", settings: str = "", reason: str, title: str = "",
    batch_size: int = 50,
) -> ConfigurationChange:  # fmt: skip
    """A change of what `choice` names: to a whole `content`, or to single `settings` (lines of key = value). The nodes are read and
    asked next; nothing is changed before somebody starts it. Raises Forbidden, InvalidInput."""
    _require(actor)
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why this is done."), field="reason")
    wanted = _wanted(content, settings)
    if not 1 <= batch_size <= LARGEST_BATCH:
        raise InvalidInput(_("A batch has 1 to %(n)d nodes.") % {"n": LARGEST_BATCH}, field="batch_size")
    nodes = list(choosing.nodes(choice)[: MOST_NODES + 1])
    if not nodes or len(nodes) > MOST_NODES:
        raise InvalidInput(_("Choose between 1 and %(n)d nodes.") % {"n": MOST_NODES}, field="nodes")
    change = ConfigurationChange.objects.create(
        **next_number(ConfigurationChange, "CFG"), title=(title.strip() or _title(content, wanted))[:160],
        scope=choosing.said(choice)[:200], content=content.replace("\r\n", "\n"), wanted=wanted, reason=reason.strip()[:400],
        batch_size=batch_size, created_by=actor,
    )  # fmt: skip
    ConfigurationRow.objects.bulk_create(
        [ConfigurationRow(change=change, node=node) for node in nodes], batch_size=1000
    )
    audit.record(
        actor=actor, action="configuration.draft", obj=change, reason=reason,
        after={"nodes": len(nodes), "scope": change.scope, "wanted": wanted, "content": text.digest(change.content) if content else ""},
    )  # fmt: skip
    _poke(change)
    tell(change)
    return change


def _wanted(content: str, settings: str) -> dict[str, str]:
    if bool(content.strip()) == bool(settings.strip()):
        raise InvalidInput(_("Give either single settings or a whole configuration."), field="settings")
    if len(content) > text.LONGEST:
        raise InvalidInput(_("A configuration has at most %(n)d characters.") % {"n": text.LONGEST}, field="content")
    try:
        return text.parsed(settings)
    except text.BadSetting as error:
        raise InvalidInput(_("“%(line)s” is not key = value.") % {"line": error}, field="settings") from error


def _title(content: str, wanted: Mapping[str, str]) -> str:
    if content.strip():
        return f"whole configuration {text.digest(content)[:12]}"
    return ", ".join(f"{key} = {value}" for key, value in wanted.items())


def _locked(change: ConfigurationChange) -> ConfigurationChange:
    return ConfigurationChange.objects.select_for_update().get(pk=change.pk)


@transaction.atomic
def start(*, actor: Any, change: ConfigurationChange, digest: str, reason: str = "") -> ConfigurationChange:
    """Begin with the first node. `digest` is that of the differences that were looked at. Raises Forbidden, Conflict, RuleViolation."""
    _require(actor)
    change = _locked(change)
    if change.state != ChangeState.READY:
        raise RuleViolation(
            _("%(change)s is %(state)s.") % {"change": change.number, "state": change.get_state_display()}
        )
    if digest != change.digest:
        raise Conflict(
            _("What %(change)s would do is not what was shown: look at it again.") % {"change": change.number}
        )
    pending = change.rows.filter(state=RowState.PENDING)
    if not pending.exists():
        raise RuleViolation(_("No node would be changed by %(change)s.") % {"change": change.number})
    changes.production_require_open(actor, Service.objects.filter(nodes__in=pending.values("node")).distinct())
    change.state, change.fence, change.batch, change.run = ChangeState.APPLYING, next_epoch(), 1, None
    change.started_by, change.started_at, change.stop_requested_at, change.problem = actor, now(), None, ""
    change.reversing, change.stumbles = False, 0
    hold(change, pending)
    change.save()
    audit.record(
        actor=actor, action="configuration.start", obj=change, reason=reason or change.reason,
        after={"nodes": pending.count(), "digest": digest, "fence": change.fence},
    )  # fmt: skip
    _poke(change)
    tell(change)
    return change


@transaction.atomic
def stop(*, actor: Any, change: ConfigurationChange, reason: str) -> None:
    """Begin no further node; what was done stays until somebody rolls it back."""
    _require(actor)
    change = _locked(change)
    if change.state not in (ChangeState.APPLYING, ChangeState.RECONCILING):
        raise RuleViolation(
            _("%(change)s is %(state)s.") % {"change": change.number, "state": change.get_state_display()}
        )
    change.stop_requested_at = change.stop_requested_at or now()
    change.save(update_fields=["stop_requested_at"])
    audit.record(actor=actor, action="configuration.stop", obj=change, reason=reason)
    _poke(change)
    tell(change)


@transaction.atomic
def roll_back(*, actor: Any, change: ConfigurationChange, reason: str) -> None:
    """Give every node that was changed, or may have been, exactly what it had. No freeze stops it: it ends what a change has begun."""
    _require(actor)
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why this is done."), field="reason")
    change = _locked(change)
    if not change.reversible:
        raise RuleViolation(
            _("%(change)s is %(state)s.") % {"change": change.number, "state": change.get_state_display()}
        )
    touched = change.rows.filter(state__in=TOUCHED)
    if not touched.exists():
        raise RuleViolation(_("%(change)s has changed no node.") % {"change": change.number})
    change.state, change.fence, change.run, change.problem = ChangeState.ROLLING_BACK, next_epoch(), None, ""
    hold(change, touched)
    count = touched.update(state=RowState.ROLLING_BACK, text="")
    change.started_by, change.finished_at, change.reversing, change.stumbles = actor, None, True, 0
    change.save()
    audit.record(
        actor=actor, action="configuration.roll_back", obj=change, reason=reason, after={"nodes": count, "fence": change.fence}
    )  # fmt: skip
    _poke(change)
    tell(change)


@transaction.atomic
def discard(*, actor: Any, change: ConfigurationChange, reason: str = "") -> None:
    """Put a change aside that was never started."""
    _require(actor)
    change = _locked(change)
    if change.state not in (ChangeState.READY, ChangeState.READING):
        raise RuleViolation(
            _("%(change)s is %(state)s.") % {"change": change.number, "state": change.get_state_display()}
        )
    change.state, change.finished_at = ChangeState.DISCARDED, now()
    change.save(update_fields=["state", "finished_at"])
    audit.record(actor=actor, action="configuration.discard", obj=change, reason=reason)
    tell(change)
