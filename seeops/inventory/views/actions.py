"""Having nodes do something: the plan that says what it takes, the request, and following its progress."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from seeops.accounts import rights
from seeops.core.errors import InvalidInput
from seeops.core.http import done
from seeops.inventory import actions, listing, selectors, services
from seeops.inventory.models import ActionState, Node, NodeAction, NodeState, Verb

PICKABLE = (Verb.DRAIN, Verb.UNDRAIN, Verb.RESTART, Verb.DIAGNOSE)


def _verb(request: HttpRequest) -> Verb:
    given = request.POST.get("verb", "")
    if given not in PICKABLE:
        raise InvalidInput(_("“%(verb)s” is not something a node can do.") % {"verb": given[:40]}, field="verb")
    return Verb(given)


def _picked(request: HttpRequest) -> list[Node]:
    """The nodes named by `pick`, or with `scope=all` every node that the list's filters (`query`) show."""
    rows = selectors.active_nodes().select_related("service", "centre").order_by("name")
    if request.POST.get("scope") == "all":
        filters = listing.Filters.read(QueryDict(request.POST.get("query", "").removeprefix("?")))
        rows = filters.apply(rows)
    else:
        rows = rows.filter(name__in=request.POST.getlist("pick"))
    found = list(rows[: services.MOST_AT_ONCE + 1])
    if not found:
        raise InvalidInput(_("Choose at least one node first."), field="pick")
    if len(found) > services.MOST_AT_ONCE:
        raise InvalidInput(
            _("At most %(n)d nodes at once: narrow the filters.") % {"n": services.MOST_AT_ONCE}, field="pick"
        )
    return found


@require_POST
def plan(request: HttpRequest) -> HttpResponse:
    """What the verb on the chosen nodes would mean: for the dialog, or as a page of its own without scripts."""
    verb, nodes = _verb(request), _picked(request)
    rights.require(request.user, actions.RIGHTS[verb])
    short = actions.blocked(nodes, verb)
    context = {
        "verb": verb,
        "verb_title": verb.label,
        "nodes": nodes,
        "takes_away": verb in actions.TAKES_AWAY,
        "groups": _groups(nodes),
        "blocked": actions.explain(short) if short else "",
        "key": uuid.uuid4().hex,
        "total": Node.objects.active().count(),
    }
    template = "inventory/plan_part.html" if request.htmx else "inventory/plan.html"
    return render(request, template, context)


def _groups(nodes: list[Node]) -> list[dict[str, Any]]:
    """Per service and centre: how many nodes are chosen, how many serve now, would serve then, and are needed."""
    chosen = Counter((node.service.name, node.centre.code) for node in nodes)
    going = Counter((node.service.name, node.centre.code) for node in nodes if node.state_now == NodeState.UP)
    cells = {(cell.service, cell.centre): cell for cell in selectors.cells()}
    return [
        {
            "service": place[0],
            "centre": place[1],
            "chosen": count,
            "serving": cells[place].serving,
            "after": cells[place].serving - going[place],
            "needed": cells[place].needed,
            "total": cells[place].total,
        }
        for place, count in sorted(chosen.items())
    ]


@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Carry the verb out: one node at once, several by a worker whose progress can be followed."""
    verb, nodes = _verb(request), _picked(request)
    reason, key = request.POST.get("reason", ""), request.POST.get("key", "")
    if len(nodes) == 1:
        services.node_act(actor=request.user, node=nodes[0], verb=verb, reason=reason, key=key)
        text = _("%(node)s: %(verb)s done.") % {"node": nodes[0].name, "verb": verb.label}
        return done(request, text, reverse("inventory:node", args=[nodes[0].name]))
    asked = services.nodes_act(actor=request.user, nodes=nodes, verb=verb, reason=reason, key=key)
    text = ngettext("%(verb)s asked of %(n)d node.", "%(verb)s asked of %(n)d nodes.", len(asked)) % {
        "verb": verb.label.capitalize(),
        "n": len(asked),
    }
    return done(request, text, reverse("inventory:batch", args=[asked[0].batch]))


@require_GET
def batch(request: HttpRequest, batch: uuid.UUID) -> HttpResponse:
    """Progress of what was asked of several nodes together."""
    rights.require(request.user, "estate.view")
    rows = list(NodeAction.objects.filter(batch=batch).select_related("node", "actor").order_by("node__name"))
    if not rows:
        raise Http404
    counts = Counter(row.state for row in rows)
    ended = [row.finished_at for row in rows if row.finished_at]
    finished = len(ended)
    seconds = (max(ended) - rows[0].at).total_seconds() if ended else 0.0
    rate = finished / seconds if seconds > 0 else None
    context = {
        "batch": batch,
        "rows": rows,
        "first": rows[0],
        "finished": finished,
        "ratio": finished / len(rows),
        "counts": [(state.label, state.value, counts[state]) for state in ActionState if counts[state]],
        "rate": rate,
        "left_s": (len(rows) - finished) / rate if rate else None,
        "waiting": sum(row.state == ActionState.REQUESTED and row.tried_at is None for row in rows),
        "open": finished < len(rows),
    }
    return render(request, "inventory/batch.html", context)


@require_POST
def batch_stop(request: HttpRequest, batch: uuid.UUID) -> HttpResponse:
    spared = services.actions_cancel(actor=request.user, batch=batch, reason=request.POST.get("reason", ""))
    text = ngettext("Stopped: %(n)d node was not asked.", "Stopped: %(n)d nodes were not asked.", spared) % {
        "n": spared
    }
    return done(request, text, reverse("inventory:batch", args=[batch]))
