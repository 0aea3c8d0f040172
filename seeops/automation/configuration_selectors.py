"""Reads about changes of configuration: what they would do, grouped, and nodes that do not have what was last set."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from django.db.models import F, QuerySet

from seeops.automation import configuration_text as text
from seeops.automation.configuration_models import (
    CHANGE_REVERSIBLE,
    ChangeState,
    ConfigurationChange,
    ConfigurationContent,
    ConfigurationRow,
    NodeConfiguration,
    RowState,
)
from seeops.inventory import selectors as inventory
from seeops.inventory.models import ActionState, NodeAction, Verb


def changes() -> QuerySet[ConfigurationChange]:
    return ConfigurationChange.objects.select_related("created_by", "started_by", "run")


@dataclass(frozen=True)
class Group:
    """Nodes that would be changed alike: the same content now, the same then."""

    before: str
    after: str
    state: str
    mark: str
    word: str
    text: str
    names: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def differences(change: ConfigurationChange) -> list[Group]:
    """What a change does, grouped by difference and how far it has come; the largest group first."""
    groups: dict[tuple[str, str, str, str], Group] = {}
    for row in change.rows.select_related("node"):
        shown = row.text if row.state in (RowState.REFUSED, RowState.FAILED, RowState.ROLLBACK_FAILED) else ""
        key = (row.before_id or "", row.after_id or "", row.state, shown)
        if key not in groups:
            groups[key] = Group(*key[:3], row.mark, row.get_state_display(), row.text)
        groups[key].names.append(row.node.name)
    contents = dict(ConfigurationContent.objects.in_bulk({digest for key in groups for digest in key[:2] if digest}))
    for before, after, _state, _text in groups:
        if before and after:
            lines = text.difference(contents[before].content, contents[after].content)
            groups[before, after, _state, _text].lines.extend(lines[2:])
    return sorted(groups.values(), key=lambda group: -len(group.names))


def counts(change: ConfigurationChange) -> dict[str, int]:
    """Rows by state; every state is a key."""
    return dict.fromkeys(RowState.values, 0) | dict(Counter(change.rows.values_list("state", flat=True)))


def stopped() -> QuerySet[ConfigurationChange]:
    """Changes that stopped half done: somebody must finish or roll them back."""
    return ConfigurationChange.objects.filter(state__in=CHANGE_REVERSIBLE).exclude(state=ChangeState.DONE)


@dataclass(frozen=True)
class Drifted:
    """A node whose process has read another configuration than the console set last."""

    name: str
    service: str
    centre: str
    has: str
    should: str
    change: ConfigurationChange | None


def drifted() -> list[Drifted]:
    """Nodes whose configuration, as last observed, is not what was last set by a change; a configuration set on the node's own page
    since then counts as set."""
    rows = (
        NodeConfiguration.objects.select_related("node__service", "node__centre", "change")
        .exclude(node__config_digest="").exclude(node__config_digest=F("content_id"))
        .filter(node__decommissioned_at__isnull=True).order_by("node__name")
    )  # fmt: skip
    by_hand = _set_by_hand([row.node_id for row in rows])
    return [
        Drifted(row.node.name, row.node.service.name, row.node.centre.code, row.node.config_digest, row.content_id, row.change)
        for row in rows if by_hand.get(row.node_id) != row.node.config_digest
    ]  # fmt: skip


def _set_by_hand(node_ids: list[int]) -> dict[int, str]:
    """Digest that the newest configure action of each node left."""
    actions = NodeAction.objects.filter(node_id__in=node_ids, verb=Verb.CONFIGURE, state=ActionState.DONE).order_by(
        "at"
    )
    return {action.node_id: str(action.result.get("digest", "")) for action in actions}


@dataclass(frozen=True)
class Editions:
    """The different configurations of a service: digest, how many nodes have it, whether anything of it is known."""

    digest: str
    nodes: int
    known: bool


def editions(service: str) -> list[Editions]:
    """Configurations in use in a service, most used first; nodes whose digest was never seen are left out."""
    found = Counter(
        inventory.active_nodes().filter(service__name=service).exclude(config_digest="").values_list("config_digest", flat=True)
    )  # fmt: skip
    known = set(ConfigurationContent.objects.filter(digest__in=list(found)).values_list("digest", flat=True))
    return [Editions(digest, n, digest in known) for digest, n in found.most_common()]


def rows(change: ConfigurationChange) -> QuerySet[ConfigurationRow]:
    return change.rows.select_related("node__service", "node__centre")
