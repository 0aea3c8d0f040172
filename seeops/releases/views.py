"""Pages of releases."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from seeops.accounts import rights
from seeops.changes import services as changes
from seeops.core.errors import InvalidInput
from seeops.core.export import csv_response
from seeops.core.http import done
from seeops.releases import drawing, parts, selectors, services, states, timing
from seeops.releases.filters import ReleaseFilter
from seeops.releases.gates import selectors as gate_selectors
from seeops.releases.models import Release, ReleaseState, Verdict
from seeops.releases.plan_views import plan_parts

PAGE_ROWS = 100
COLUMNS = ("number", "what", "state", "state_reason", "ticket__number",
           "started_by__username", "started_at", "finished_at")  # fmt: skip
TABS = {
    "board": gettext_lazy("Board"), "verdicts": gettext_lazy("Verdicts"), "log": gettext_lazy("Log"),
    "plan": gettext_lazy("Plan"), "history": gettext_lazy("History"), "audit": gettext_lazy("Audit"),
}  # fmt: skip


@require_GET
def release_list(request: HttpRequest) -> HttpResponseBase:
    """Newest first, paged by key, filtered by the address."""
    rights.require(request.user, "release.view")
    found = ReleaseFilter(request.GET, queryset=selectors.releases()).qs
    if request.GET.get("format") == "csv":
        return csv_response(request, "releases.csv", COLUMNS, selectors.with_titles(found).values_list(*COLUMNS))
    before = request.GET.get("before", "")
    if before.isdigit():
        found = found.filter(pk__lt=int(before))
    rows = list(found[: PAGE_ROWS + 1])
    context = {
        "rows": rows[:PAGE_ROWS],
        "next_before": rows[PAGE_ROWS - 1].pk if len(rows) > PAGE_ROWS else None,
        "states": ReleaseState.choices,
    }
    return render(request, "releases/rows.html" if request.htmx else "releases/list.html", context)  # type: ignore[attr-defined]


@require_GET
def release_detail(request: HttpRequest, pk: int) -> HttpResponse:
    rights.require(request.user, "release.view")
    release = get_object_or_404(selectors.shown(), pk=pk)
    tab = request.GET.get("tab", "board")
    context = {**_live(release), "tab": tab if tab in TABS else "board", "tabs": TABS.items()}
    return render(request, "releases/detail.html", context | _of_tab(release, context["tab"]))


def _of_tab(release: Release, tab: str) -> dict[str, Any]:
    if tab == "board":
        return {"board": selectors.board(release), "last_verdict": selectors.verdicts(release).first()}
    if tab == "verdicts":
        return {"verdicts": selectors.verdicts(release)}
    if tab == "log":
        return {"after": selectors.log_tail_after(release), "runs": selectors.runs(release)}
    if tab == "plan":
        course = timing.course(release.plan, [part.service for part in release.parts.all()])
        return {"parts": plan_parts(release.plan, course)}
    if tab == "history":
        return {"events": release.events.select_related("actor").order_by("-id")[:500]}
    return {}


def _live(release: Release) -> dict[str, Any]:
    batches = selectors.batches(release)
    return {
        "release": release,
        "batches": batches,
        "standing": parts.shown(release, batches),
        "next_step": parts.what_next(release),
        "locks": parts.holder(release),
        "progress": selectors.progress(release),
        "gates": gate_selectors.shown(release),
        "not_startable": changes.startable(release.ticket, release.plan_digest)
        if release.state == states.READY
        else "",
        "promotable": parts.promotable(release, batches),
    }


@require_GET
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that changes: state, buttons, batches, progress."""
    rights.require(request.user, "release.view")
    release = get_object_or_404(selectors.shown(), pk=pk)
    return render(request, "releases/live.html", _live(release))


@require_GET
def board(request: HttpRequest, pk: int) -> JsonResponse:
    rights.require(request.user, "release.view")
    return JsonResponse(selectors.board(get_object_or_404(Release.objects.defer("plan"), pk=pk)))


@require_GET
def log(request: HttpRequest, pk: int) -> HttpResponse:
    """Events after `after`, and the place where the next ones will be asked for."""
    rights.require(request.user, "release.view")
    release = get_object_or_404(Release.objects.defer("plan"), pk=pk)
    after = request.GET.get("after", "0")
    lines = selectors.log_lines(release, after=int(after) if after.isdigit() else 0)
    context = {
        "lines": lines,
        "release": release,
        "next_after": lines[-1].pk if lines else after,
        "more": len(lines) == selectors.LOG_PAGE,
    }
    return render(request, "releases/log_lines.html", context)


@require_GET
def verdict_list(request: HttpRequest, pk: int) -> HttpResponse:
    """The verdicts as a fragment."""
    rights.require(request.user, "release.view")
    release = get_object_or_404(Release.objects.defer("plan"), pk=pk)
    found = selectors.verdicts(release)
    shown = found[:1] if request.GET.get("last") else found
    return render(request, "releases/verdicts.html", {"release": release, "verdicts": shown})


@require_GET
def verdict_figure(request: HttpRequest, pk: int) -> JsonResponse:
    """The two distributions of a verdict, as a Plotly figure."""
    rights.require(request.user, "release.view")
    kept = get_object_or_404(Verdict, pk=pk)
    margin = kept.evidence.get("settings", {}).get("duration_margin", 0.0)
    names = {
        "changed": _("changed nodes"), "peers": _("peers"),
        "share": _("share of requests"), "margin": _("peers + %(m)d %%: the margin") % {"m": round(margin * 100)},
    }  # fmt: skip
    figure = drawing.distributions(kept.evidence.get("changed", []), kept.evidence.get("peers", []), margin, names)
    return JsonResponse(figure)


@require_http_methods(["GET", "POST"])
def skip(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose nodes to leave out of a release that holds."""
    rights.require(request.user, "release.view")
    release = get_object_or_404(selectors.shown(), pk=pk)
    chosen, reason = request.POST.getlist("node"), request.POST.get("reason", "")
    context = {"release": release, "nodes": parts.skippable(release), "chosen": chosen, "reason": reason}
    if request.method == "POST":
        try:
            services.release_skip_nodes(actor=request.user, release=release, nodes=chosen, reason=reason)
        except InvalidInput as error:
            return render(request, "releases/skip.html", {**context, "problem": str(error)}, status=400)
        text = _("%(count)d nodes are left out; the release goes on holding until you resume.") % {"count": len(chosen)}
        return done(request, text, reverse("releases:detail", args=[release.pk]))
    return render(request, "releases/skip.html", context)


ACTIONS: dict[str, Any] = {
    "start": (
        lambda actor, release, reason: services.release_start(actor=actor, release=release),
        gettext_lazy("started"),
    ),
    "hold": (services.release_hold, gettext_lazy("held")),
    "resume": (services.release_resume, gettext_lazy("resumed")),
    "promote": (services.release_promote, gettext_lazy("promoted by one step")),
    "abort": (services.release_abort, gettext_lazy("aborted: touched nodes go back")),
    "rollback-again": (services.release_rollback_again, gettext_lazy("the roll-back is tried again")),
}


@require_POST
def act(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """One of ACTIONS; each service checks right, state and reason."""
    release = get_object_or_404(Release, pk=pk)
    if verb not in ACTIONS:
        raise InvalidInput(_("“%(verb)s” is not something a release can do.") % {"verb": verb[:40]}, field="verb")
    carry_out, word = ACTIONS[verb]
    carry_out(actor=request.user, release=release, reason=request.POST.get("reason", ""))
    return done(request, f"{release.number} {word}", reverse("releases:detail", args=[release.pk]))


@require_POST
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """A new release with the same plan inputs; it needs its own approval."""
    fresh = services.release_retry(actor=request.user, release=get_object_or_404(Release, pk=pk))
    text = _("%(release)s is planned; it needs an approval of its own.") % {"release": fresh.number}
    return done(request, text, reverse("releases:detail", args=[fresh.pk]))
