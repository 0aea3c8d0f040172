"""One node: what is known of it, what its agent says now, its log and its configuration."""

from __future__ import annotations

import difflib
import hashlib
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from seeops.accounts import rights
from seeops.audit import selectors as audit
from seeops.cluster import door
from seeops.core.clock import now
from seeops.core.errors import Conflict, InvalidInput, SeeOpsError
from seeops.core.http import done
from seeops.inventory import selectors, services
from seeops.inventory.models import Node
from seeops.inventory.observer import moment

TABS = {
    "summary": gettext_lazy("Summary"),
    "relations": gettext_lazy("Relations"),
    "metrics": gettext_lazy("Metrics"),
    "history": gettext_lazy("History"),
    "audit": gettext_lazy("Audit"),
}
HISTORY_ROWS = 50
LOG_LINES = 200
LOG_TAIL_BYTES = 16_384


def _node(name: str) -> Node:
    try:
        return selectors.node_by_name(name)
    except Node.DoesNotExist as error:
        raise Http404(name) from error


@require_GET
def node(request: HttpRequest, name: str) -> HttpResponse:
    """`GET /estate/nodes/<name>/?tab=summary|relations|metrics|history|audit`. Never waits for the node itself."""
    rights.require(request.user, "estate.view")
    found = _node(name)
    tab = request.GET.get("tab", "summary")
    if tab not in TABS or (tab == "audit" and not rights.allowed(request.user, "audit.view")):
        tab = "summary"
    context: dict[str, Any] = {
        "node": found,
        "tab": tab,
        "tabs": [
            (key, title) for key, title in TABS.items() if key != "audit" or rights.allowed(request.user, "audit.view")
        ],
    }
    if tab == "relations":
        context["cells"] = selectors.cells(found.service)
        context["peers"] = selectors.nodes_of(found.service).filter(centre=found.centre).exclude(pk=found.pk)[:60]
    elif tab == "history":
        context["actions"] = selectors.actions_of(found)[:HISTORY_ROWS]
    elif tab == "audit":
        context["records"] = audit.history(found).order_by("-seq")[:HISTORY_ROWS]
    else:
        context["last_actions"] = selectors.actions_of(found)[:5]
    return render(request, "inventory/node.html", context)


@require_GET
def live(request: HttpRequest, name: str) -> HttpResponse:
    """What the agent says at this moment, or why it does not."""
    rights.require(request.user, "estate.view")
    context: dict[str, Any] = {"node": _node(name), "at": now()}
    try:
        health = door.call(name, "health", timeout_s=door.PAGE_TIMEOUT_S)
        context |= {"health": health, "started_at": moment(health.get("started_at"))}
        context["staged"] = door.call(name, "version", timeout_s=door.PAGE_TIMEOUT_S).get("staged", [])
    except SeeOpsError as error:
        context["problem"] = str(error)
    return render(request, "inventory/node_live.html", context)


@require_GET
def log(request: HttpRequest, name: str) -> HttpResponse:
    """Lines of the node's log from a byte offset on; the end of it without one. The answer fetches what follows by itself."""
    rights.require(request.user, "estate.view")
    found = _node(name)
    try:
        offset = int(request.GET.get("offset", -LOG_TAIL_BYTES))
    except ValueError as error:
        raise InvalidInput(_("The offset must be a whole number of bytes."), field="offset") from error
    context: dict[str, Any] = {"node": found, "at": now(), "offset": offset, "follow": request.GET.get("follow", "1")}
    try:
        answer = door.call(name, "log", timeout_s=door.PAGE_TIMEOUT_S, offset=offset, limit=LOG_LINES)
        context |= {"lines": answer["lines"], "next_offset": answer["next_offset"]}
    except SeeOpsError as error:
        context |= {"problem": str(error), "next_offset": offset}
    return render(request, "inventory/node_log.html", context)


@require_http_methods(["GET", "POST"])
def configuration(request: HttpRequest, name: str) -> HttpResponse:
    """View and change the configuration: edit, look at the difference and the digest, give a reason, apply."""
    rights.require(request.user, "estate.view")
    found = _node(name)
    context: dict[str, Any] = {"node": found, "at": now()}
    try:
        current = door.call(name, "config", timeout_s=door.PAGE_TIMEOUT_S)
    except SeeOpsError as error:
        return render(request, "inventory/configuration.html", {**context, "problem": str(error)})
    context |= {"content": current["content"], "digest": current["digest"], "base": current["digest"]}
    if request.method == "GET":
        return render(request, "inventory/configuration.html", context)
    rights.require(request.user, "node.configure", found)
    wanted = request.POST.get("content", "").replace("\r\n", "\n")
    wanted = wanted if wanted.endswith("\n") else wanted + "\n"
    if request.POST.get("step") != "apply":
        return render(request, "inventory/configuration.html", {**context, **_difference(current["content"], wanted)})
    if request.POST.get("base") != current["digest"]:
        raise Conflict(_("The configuration of %(node)s was changed meanwhile: look at it again.") % {"node": name})
    services.node_configure(
        actor=request.user,
        node=found,
        content=wanted,
        reason=request.POST.get("reason", ""),
        key=request.POST.get("key", ""),
    )
    return done(
        request, _("Configuration of %(node)s changed.") % {"node": name}, reverse("inventory:node", args=[name])
    )


def _difference(before: str, after: str) -> dict[str, Any]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), _("now"), _("new"), lineterm="", n=3)
    marks = {"+": "added", "-": "removed", "@": "place"}
    shown = [(marks.get(line[:1], ""), line) for line in lines]
    return {
        "content": after,
        "difference": shown,
        "unchanged": before == after,
        "new_digest": hashlib.sha256(after.encode()).hexdigest(),
        "preview": True,
    }
