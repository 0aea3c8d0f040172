"""Taking nodes out for a moment without leaving a group short: the rounds of a run, and whether the next one may begin."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from django.utils.translation import gettext as _

from seeops.automation import rounds
from seeops.cluster import door
from seeops.core.errors import RuleViolation, SeeOpsError
from seeops.inventory import selectors as inventory
from seeops.inventory.actions import explain
from seeops.inventory.models import Node
from seeops.inventory.redundancy import majority, shortfalls

LONGEST_WAIT_S = 90.0
LOOK_EVERY_S = 1.0


def rounds_of(names: Sequence[str]) -> list[list[str]]:
    """The rounds in which these nodes are taken out, standby centres first. Raises RuleViolation when a group has nothing to spare."""
    concerned = Node.objects.filter(name__in=list(names))
    centres = inventory.centres().order_by("-position").values_list("code", flat=True)
    found, stuck = rounds.plan(
        inventory.members(concerned.values_list("service_id", flat=True)), inventory.needed(), names,
        last=leaders(concerned.exclude(shard=None).values_list("shard", flat=True)), centre_order=list(centres),
    )  # fmt: skip
    if stuck:
        raise RuleViolation(explain(stuck), code="redundancy")
    return found


def require_enough_left(names: Sequence[str]) -> None:
    """These nodes go away together and stay away. Raises RuleViolation when a group would be short."""
    concerned = Node.objects.filter(name__in=list(names)).values_list("service_id", flat=True)
    if short := shortfalls(inventory.members(concerned), inventory.needed(), list(names)):
        raise RuleViolation(explain(short), code="redundancy")


def leaders(shards: Sequence[int]) -> set[str]:
    """Names of the nodes whose replicas lead these shards, as far as the shards tell: a leader goes last, so that it moves once."""
    leading = {
        (shard, centre)
        for shard in set(shards)
        for centre, status in _status(shard).items()
        if status["role"] == "leader"
    }
    rows = Node.objects.active().filter(shard__in=set(shards)).values_list("name", "shard", "centre__code")
    return {name for name, shard, centre in rows if (shard, centre) in leading}


def _status(shard: int) -> dict[str, dict[str, object]]:
    """What the replicas of a shard say, by centre; one that does not answer is left out."""
    found = {}
    try:
        client = door.client(door.PAGE_TIMEOUT_S)
        with door.translated():
            centres = client.shards().get(str(shard), {})
    except SeeOpsError:
        return {}
    for centre in centres:
        try:
            with door.translated():
                found[centre] = client.shard_status(shard, centre)
        except SeeOpsError:
            continue
    return found


def wait_for_room(names: Sequence[str], give_up: Callable[[], bool], longest_s: float = LONGEST_WAIT_S) -> str:
    """Wait until these nodes may be taken out: every group has enough serving and its shards have caught up. Returns why not, as a
    sentence, after `longest_s` seconds; empty when they may, or when `give_up` says that nobody waits any more."""
    ends = time.monotonic() + longest_s
    while True:
        problem = _no_room(names)
        if not problem or give_up() or time.monotonic() >= ends:
            return problem
        time.sleep(LOOK_EVERY_S)


def _no_room(names: Sequence[str]) -> str:
    rows = Node.objects.filter(name__in=list(names)).values_list("service_id", "shard")
    short = shortfalls(inventory.members({service for service, _shard in rows}), inventory.needed(), list(names))
    if short:
        return explain(short)
    for shard in sorted({shard for _service, shard in rows if shard is not None}):
        if problem := _behind(shard):
            return problem
    return ""


def _behind(shard: int) -> str:
    """Why a shard may not lose a replica for a moment. A cluster that was started without shards has none that could be behind."""
    try:
        with door.translated():
            replicas = door.client(door.PAGE_TIMEOUT_S).shards().get(str(shard), {})
    except SeeOpsError as error:
        return str(error)
    if not replicas:
        return ""
    status = _status(shard)
    well = [row for row in status.values() if row["role"] in ("leader", "follower") and not row.get("repairing")]
    if len(well) < majority(len(replicas)) or not any(row["role"] == "leader" for row in well):
        return _("Shard %(shard)d has no leader with a majority now.") % {"shard": shard}
    if len(well) < len(replicas):
        return _("Shard %(shard)d: %(n)d of %(all)d replicas are in step.") % {
            "shard": shard, "n": len(well), "all": len(replicas),
        }  # fmt: skip
    lag = max((int(value) for row in well for value in dict(row.get("lag") or {}).values()), default=0)  # type: ignore[call-overload]
    return (
        _("Shard %(shard)d: a replica is %(lag)d entries behind.") % {"shard": shard, "lag": lag} if lag > 2000 else ""
    )
