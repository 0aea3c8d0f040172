"""Looks at every node of the cluster: one call per centre, and one statement that writes only what changed."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.utils.dateparse import parse_datetime

from seeops.cluster import door
from seeops.core.clock import now
from seeops.core.errors import SeeOpsError
from seeops.core.live import announce
from seeops.inventory import discovery
from seeops.inventory.models import Centre, Node, NodeState

_STATES = frozenset(NodeState.values)

# Written only where something differs; the inner node is the row as it was before.
_UPDATE = """
UPDATE inventory_node AS n
   SET state = v.state,
       state_at = CASE WHEN old.state = v.state AND old.state_at IS NOT NULL THEN old.state_at ELSE %(at)s END,
       version = CASE WHEN v.version = '' THEN old.version ELSE v.version END,
       epoch = greatest(v.epoch, old.epoch),
       config_digest = CASE WHEN v.config_digest = '' THEN old.config_digest ELSE v.config_digest END,
       process_started_at = coalesce(v.started_at, old.process_started_at),
       agent_url = v.agent_url
  FROM unnest(%(name)s::text[], %(state)s::text[], %(version)s::text[], %(epoch)s::bigint[], %(config_digest)s::text[],
              %(started_at)s::timestamptz[], %(agent_url)s::text[])
       AS v(name, state, version, epoch, config_digest, started_at, agent_url)
  JOIN inventory_node AS old ON old.name = v.name
 WHERE n.id = old.id
   AND (v.state <> old.state OR old.state_at IS NULL OR (v.version <> '' AND v.version <> old.version)
        OR v.epoch > old.epoch OR (v.config_digest <> '' AND v.config_digest <> old.config_digest)
        OR (v.started_at IS NOT NULL AND v.started_at IS DISTINCT FROM old.process_started_at)
        OR v.agent_url <> old.agent_url)
RETURNING n.name, old.state, n.state, old.version, n.version
"""


@dataclass
class Observation:
    """What one look found. `changed` are nodes whose state or version is another now."""

    written: int = 0
    changed: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


def nodes_observe() -> Observation:
    """Ask every centre for its nodes and write what changed. A centre that does not answer makes its nodes unknown.

    Nodes that answer but are not in the inventory are returned as `strangers`: the caller imports again.
    """
    centres = list(Centre.objects.all())
    asked_at = now()
    with ThreadPoolExecutor(max_workers=max(1, len(centres))) as pool:
        answers = list(pool.map(lambda centre: _ask(centre.code), centres))
    found = Observation()
    for centre, answer in zip(centres, answers, strict=True):
        with transaction.atomic():
            _take(centre, answer, asked_at, found)
    if found.changed or found.silent:
        announce("nodes")
    return found


def _ask(code: str) -> tuple[str, list[dict[str, Any]]] | SeeOpsError:
    try:
        return door.endpoints()["centres"].get(code, ""), door.nodes(code)
    except SeeOpsError as error:
        return error


def _take(
    centre: Centre, answer: tuple[str, list[dict[str, Any]]] | SeeOpsError, asked_at: dt.datetime, found: Observation
) -> None:
    current = Centre.objects.select_for_update().get(pk=centre.pk)
    if current.observed_at and current.observed_at > asked_at:
        return  # another worker looked later: its answer is newer than this one
    if isinstance(answer, SeeOpsError):
        found.silent.append(centre.code)
        current.problem = str(answer)[:300]
        current.save(update_fields=["problem"])
        _lose(centre, asked_at, found)
        return
    url, rows = answer
    if current.url != url:
        discovery.forget()
    current.url, current.observed_at, current.problem = url, asked_at, ""
    current.save(update_fields=["url", "observed_at", "problem"])
    _write(rows, url, asked_at, found)
    names = {row["node"] for row in rows}
    known = set(Node.objects.active().filter(centre=centre).values_list("name", flat=True))
    found.strangers += sorted(names - known)
    _lose(centre, asked_at, found, answered=names)


def _lose(centre: Centre, at: dt.datetime, found: Observation, answered: set[str] | None = None) -> None:
    """Nodes nobody answered for are unknown from now on; never up."""
    lost = Node.objects.active().filter(centre=centre).exclude(state=NodeState.UNKNOWN)
    if answered is not None:
        lost = lost.exclude(name__in=answered)
    names = list(lost.values_list("name", flat=True))
    if names:
        Node.objects.filter(name__in=names).update(state=NodeState.UNKNOWN, state_at=at)
        found.written += len(names)
        found.changed += names


def _write(rows: list[dict[str, Any]], url: str, at: dt.datetime, found: Observation) -> None:
    columns = {
        "at": at,
        "name": [row["node"] for row in rows],
        # "lost" and whatever else is not a state we know means that nobody can tell.
        "state": [row["state"] if row.get("state") in _STATES else NodeState.UNKNOWN.value for row in rows],
        "version": [row.get("version") or "" for row in rows],
        "epoch": [int(row.get("epoch") or 0) for row in rows],
        "config_digest": [row.get("config_digest") or "" for row in rows],
        "started_at": [moment(row.get("started_at")) for row in rows],
        "agent_url": [f"{url}/nodes/{row['node']}" for row in rows],
    }
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, columns)
        written = cursor.fetchall()
    found.written += len(written)
    found.changed += [name for name, state, new_state, version, new in written if state != new_state or version != new]


def moment(value: object) -> dt.datetime | None:
    """A time as the agents tell it: seconds since 1970, or ISO 8601."""
    if isinstance(value, int | float) and value > 0:
        return dt.datetime.fromtimestamp(value, dt.UTC)
    return parse_datetime(value) if isinstance(value, str) and value else None
