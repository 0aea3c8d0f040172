"""States of nodes and services in the console's language of state."""

from __future__ import annotations

import datetime as dt
import json

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from seeops.core.templatetags.ui import ago, state
from seeops.inventory.models import ActionState, NodeState

register = template.Library()
MARKS = {
    NodeState.UP: "good",
    NodeState.STARTING: "progress",
    NodeState.DRAINING: "progress",
    NodeState.DRAINED: "absent",
    NodeState.DOWN: "bad",
    NodeState.PAUSED: "bad",
    NodeState.UNKNOWN: "unknown",
}
ACTION_MARKS = {
    ActionState.REQUESTED: "progress",
    ActionState.DONE: "good",
    ActionState.FAILED: "bad",
    ActionState.UNKNOWN: "unknown",
    ActionState.CANCELLED: "absent",
}


@register.simple_tag
def node_state(value: str, since: dt.datetime | None = None) -> SafeString:
    """The mark of a node's `state_now`, with how long it has been so if `since` is given."""
    known = value if value in NodeState.values else NodeState.UNKNOWN.value
    mark = state(MARKS[NodeState(known)], NodeState(known).label)
    return mark if since is None else format_html('{} <span class="note">{}</span>', mark, ago(since))


@register.simple_tag
def action_state(value: str) -> SafeString:
    return state(ACTION_MARKS[ActionState(value)], ActionState(value).label)


@register.filter
def state_word(value: str) -> str:
    return str(NodeState(value).label) if value in NodeState.values else value


@register.filter
def pretty(value: object) -> str:
    """JSON for reading."""
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True)
