"""Pages of capacity tests and shadow runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from seeops.accounts import rights
from seeops.capacity import figure, guard, options, process, progress, selectors, services
from seeops.capacity.models import CapacityTest, ShadowRun, Supervised
from seeops.core.errors import Unavailable
from seeops.core.http import done, required

PAGE_ROWS = 50


def _page(request: HttpRequest, rows: Any) -> Any:
    return Paginator(rows, PAGE_ROWS).get_page(request.GET.get("page"))


@require_GET
def test_list(request: HttpRequest) -> HttpResponse:
    """What the cluster carried when it was last measured, whether a test may start now, and all tests."""
    rights.require(request.user, "capacity.view")
    facts = selectors.facts()
    page = _page(request, selectors.tests())
    return render(
        request,
        "capacity/list.html",
        {
            "last": selectors.last_measured(),
            "active": list(selectors.active_tests()),
            "page": page,
            "refusals": guard.refusals(facts, confirmed=True),
            "segment": facts.segment,
            "needs_confirmation": bool(facts.segment) and facts.segment not in guard.CALM,
            "defaults": options.Options(),
        },
    )


@require_GET
def history_figure(request: HttpRequest) -> JsonResponse:
    """The knees of measured tests over time (a Plotly figure)."""
    rights.require(request.user, "capacity.view")
    drawn = figure.history(list(selectors.tests()[:PAGE_ROWS]))
    if drawn is None:
        raise Unavailable(_("No capacity was measured yet."))
    return JsonResponse(drawn)


@require_POST
def test_start(request: HttpRequest) -> HttpResponse:
    test = services.capacity_test_start(
        actor=request.user,
        chosen=options.parse(request.POST),
        reason=required(request.POST, "reason"),
        confirmed=request.POST.get("confirmed") == "1",
    )
    return done(request, _("%(test)s was started.") % {"test": test.number}, reverse("capacity:test", args=[test.pk]))


@require_POST
def test_stop(request: HttpRequest, pk: int) -> HttpResponse:
    test = get_object_or_404(CapacityTest, pk=pk)
    services.capacity_test_stop(actor=request.user, test=test, reason=required(request.POST, "reason"))
    return done(request, _("%(test)s is being stopped.") % {"test": test.number}, reverse("capacity:test", args=[pk]))


def _test(pk: int) -> CapacityTest:
    return get_object_or_404(CapacityTest.objects.select_related("started_by"), pk=pk)


@require_GET
def test_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """A test: how far it is, the chart with the knee, chains and services at the knee, and the proof of it."""
    rights.require(request.user, "capacity.view")
    test = _test(pk)
    tabs = [
        ("summary", _("Summary")),
        ("relations", _("Bottlenecks")),
        ("history", _("History")),
        ("audit", _("Audit")),
    ]
    tab = _chosen(request, tabs)
    context: dict[str, Any] = {"test": test, "tabs": tabs, "tab": tab, "report": test.report}
    if tab == "summary":
        context |= _live(test)
    elif tab == "history":
        context["tests"] = selectors.tests()[:PAGE_ROWS]
    return render(request, "capacity/test.html", context)


def _chosen(request: HttpRequest, tabs: list[tuple[str, str]]) -> str:
    asked = request.GET.get("tab", "")
    return asked if asked in dict(tabs) else tabs[0][0]


def _live(test: CapacityTest) -> dict[str, Any]:
    """Steps from the report; from the events while there is none, also of a test whose process died."""
    if test.report:
        return {"progress": progress.Progress(), "steps": test.report["steps"]}
    found = progress.read(process.events(test))
    return {"progress": found, "steps": found.steps}


@require_GET
def test_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of a test's page that changes while it runs."""
    rights.require(request.user, "capacity.view")
    test = _test(pk)
    return render(request, "capacity/test_live.html", {"test": test, "report": test.report, **_live(test)})


@require_GET
def test_figure(request: HttpRequest, pk: int) -> JsonResponse:
    """Throughput against p99, with the knee once it is known (a Plotly figure)."""
    rights.require(request.user, "capacity.view")
    test = _test(pk)
    live = _live(test)
    if not live["steps"]:
        raise Unavailable(_("No step was measured yet."))
    return JsonResponse(
        figure.throughput(
            live["steps"],
            bound_ms=test.options["p99_ms"],
            knee=live["progress"].best if test.active else test.knee_per_s,
            peak=test.options["declared_peak"] if test.active else test.peak_per_s,
            asked=test.asked,
        )
    )


@require_GET
def test_report(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """The report as the process wrote it: json, whose digest stands on the page, or txt, one page."""
    rights.require(request.user, "capacity.view")
    types = {"json": "application/json", "txt": "text/plain; charset=utf-8"}
    return _file(get_object_or_404(CapacityTest, pk=pk), f"report.{kind}", types[kind])


def _file(work: Supervised, name: str, content_type: str) -> HttpResponse:
    path = Path(work.spool) / name
    if not path.exists():
        raise Http404(work.number)
    headers = {"Content-Disposition": f'attachment; filename="{work.number}.{name}"'}
    return HttpResponse(path.read_bytes(), content_type=content_type, headers=headers)


# -- shadow runs -------------------------------------------------------------------------------------------------------


@require_GET
def shadow_list(request: HttpRequest) -> HttpResponse:
    """Journals and candidates to choose from, what runs, and all shadow runs."""
    rights.require(request.user, "capacity.view")
    try:
        journals, problem = selectors.journals(), ""
    except Unavailable as error:
        journals, problem = [], error.message
    return render(
        request,
        "capacity/shadows.html",
        {
            "page": _page(request, selectors.shadows()),
            "journals": journals,
            "problem": problem,
            "candidates": selectors.candidates(),
            "picked": request.GET.get("candidate", ""),
        },
    )


@require_POST
def shadow_start(request: HttpRequest) -> HttpResponse:
    shard, _dash, centre = required(request.POST, "journal").partition("/")
    shadow = services.shadow_start(
        actor=request.user,
        shard=required({"journal": shard}, "journal", int),
        centre=centre,
        candidate=required(request.POST, "candidate"),
        reason=required(request.POST, "reason"),
    )
    text = _("%(shadow)s was started.") % {"shadow": shadow.number}
    return done(request, text, reverse("capacity:shadow", args=[shadow.pk]))


@require_POST
def shadow_stop(request: HttpRequest, pk: int) -> HttpResponse:
    shadow = get_object_or_404(ShadowRun, pk=pk)
    services.shadow_stop(actor=request.user, shadow=shadow, reason=required(request.POST, "reason"))
    text = _("%(shadow)s is being stopped.") % {"shadow": shadow.number}
    return done(request, text, reverse("capacity:shadow", args=[pk]))


@require_GET
def shadow_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """A shadow run: the result in words, what was compared, the first differences, and the evidence."""
    rights.require(request.user, "capacity.view")
    shadow = get_object_or_404(ShadowRun.objects.select_related("started_by"), pk=pk)
    template = "capacity/shadow_live.html" if request.GET.get("part") == "live" else "capacity/shadow.html"
    return render(request, template, {"shadow": shadow, "report": shadow.report})


@require_GET
def shadow_report(request: HttpRequest, pk: int) -> HttpResponse:
    """The report as the process wrote it; its digest stands on the run's page."""
    rights.require(request.user, "capacity.view")
    return _file(get_object_or_404(ShadowRun, pk=pk), "report.json", "application/json")
