"""Pages of configuration: changes with their differences, starting, stopping and rolling them back, nodes that drifted."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from seeops.accounts import rights
from seeops.automation import choosing, configuration
from seeops.automation import configuration_selectors as selectors
from seeops.automation.book_choice import chosen
from seeops.automation.configuration_models import ConfigurationChange, ConfigurationContent
from seeops.core.errors import InvalidInput
from seeops.core.http import done

PAGE_ROWS = 50
MOST_GROUPS = 100


@require_GET
def change_list(request: HttpRequest) -> HttpResponse:
    rights.require(request.user, "automation.view")
    context = {"rows": selectors.changes()[:PAGE_ROWS], "drifted": len(selectors.drifted())}
    part = bool(getattr(request, "htmx", None))
    return render(request, "automation/configurations_rows.html" if part else "automation/configurations.html", context)


@require_http_methods(["GET", "POST"])
def change_new(request: HttpRequest) -> HttpResponse:
    """Choose nodes, write what they shall have; the nodes are read and asked next, nothing is changed."""
    rights.require(request.user, "node.configure")
    context: dict[str, Any] = {**chosen(request), "given": request.POST}
    if request.method == "POST":
        try:
            change = _draft(request)
        except InvalidInput as error:
            context |= {"problems": {error.field: str(error)}, "problem": str(error)}
            return render(request, "automation/configuration_new.html", context, status=400)
        return done(
            request, _("%(change)s reads the nodes.") % {"change": change.number},
            reverse("automation:configuration", args=[change.pk]),
        )  # fmt: skip
    if kept := ConfigurationContent.objects.filter(pk=request.GET.get("from", "")).first():
        context["given"] = {"content": kept.content}
    if len(context["services_chosen"]) == 1:
        context["editions"] = selectors.editions(context["services_chosen"][0])
    return render(request, "automation/configuration_new.html", context)


def _draft(request: HttpRequest) -> ConfigurationChange:
    size = request.POST.get("batch_size", "50")
    if not size.isdigit():
        raise InvalidInput(_("A batch has a whole number of nodes."), field="batch_size")
    choice = choosing.from_form(request.POST)
    count = choosing.nodes(choice).count()
    if request.POST.get("count") != str(count):
        raise InvalidInput(_("%(n)d nodes are chosen now: look at them and start again.") % {"n": count}, field="nodes")
    return configuration.draft(
        actor=request.user, choice=choice, content=request.POST.get("content", ""), settings=request.POST.get("settings", ""),
        reason=request.POST.get("reason", ""), title=request.POST.get("title", ""), batch_size=int(size),
    )  # fmt: skip


@require_GET
def change_detail(request: HttpRequest, pk: int) -> HttpResponse:
    rights.require(request.user, "automation.view")
    change = get_object_or_404(selectors.changes(), pk=pk)
    context: dict[str, Any] = {"change": change, "counts": selectors.counts(change)}
    groups = selectors.differences(change)
    context |= {"groups": groups[:MOST_GROUPS], "more": max(0, len(groups) - MOST_GROUPS), "batches": _batches(change)}
    part = bool(getattr(request, "htmx", None))
    return render(request, "automation/configuration_live.html" if part else "automation/configuration.html", context)


def _batches(change: ConfigurationChange) -> list[dict[str, Any]]:
    """The squares of the board: each batch with its nodes and their state."""
    found: dict[int, list[Any]] = {}
    for row in selectors.rows(change).order_by("batch", "node__name"):
        if row.batch:
            found.setdefault(row.batch, []).append(row)
    return [{"number": number, "rows": rows} for number, rows in found.items()]


@require_POST
def change_command(request: HttpRequest, pk: int, command: str) -> HttpResponse:
    """start, stop, roll-back or discard."""
    change = get_object_or_404(ConfigurationChange, pk=pk)
    reason, told = request.POST.get("reason", ""), {"change": change.number}
    if command == "start":
        configuration.start(actor=request.user, change=change, digest=request.POST.get("digest", ""), reason=reason)
        text = _("%(change)s begins with one node.") % told
    elif command == "stop":
        configuration.stop(actor=request.user, change=change, reason=reason)
        text = _("%(change)s begins no further node.") % told
    elif command == "roll-back":
        configuration.roll_back(actor=request.user, change=change, reason=reason)
        text = _("%(change)s gives back what was there.") % told
    elif command != "discard":
        raise Http404
    else:
        configuration.discard(actor=request.user, change=change, reason=reason)
        text = _("%(change)s is put aside.") % told
    return done(request, text, reverse("automation:configuration", args=[pk]))


@require_GET
def drift(request: HttpRequest) -> HttpResponse:
    """Nodes that do not have what was last set."""
    rights.require(request.user, "automation.view")
    return render(request, "automation/configuration_drift.html", {"rows": selectors.drifted()})


@require_GET
def content(request: HttpRequest, digest: str) -> HttpResponse:
    """A kept configuration, as text. It belongs to nodes: who may not see them may not read it."""
    rights.require(request.user, "estate.view")
    rights.require(request.user, "automation.view")
    kept = get_object_or_404(ConfigurationContent, pk=digest)
    return HttpResponse(kept.content, content_type="text/plain; charset=utf-8")
