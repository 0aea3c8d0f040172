"""Pages of the catalogue: playbooks, their forms, what they would do (preview), and what runs by the clock."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from seeops.accounts import rights
from seeops.automation import booking, catalogue, choosing, clockwork, selectors, services
from seeops.automation.book_choice import chosen
from seeops.automation.models import Booking, Missed, Run
from seeops.core.errors import InvalidInput, RuleViolation
from seeops.core.http import done

EFFECTS = {
    "reads": gettext_lazy("reads only"), "changes": gettext_lazy("changes nodes"),
    "takes-out": gettext_lazy("takes nodes out of service"),
}  # fmt: skip
EFFECT_MARKS = {"reads": "", "changes": "progress", "takes-out": "attention"}
# Playbooks with pages of their own: what they do is recorded there and can be undone there.
OWN_PAGES = {"configuration": "automation:configuration_new"}
MOST_MOMENTS = 5


@require_GET
def playbook_list(request: HttpRequest) -> HttpResponse:
    """The catalogue, with the last runs below."""
    rights.require(request.user, "automation.view")
    books = [
        {"book": book, "effect": EFFECTS[book.effect], "mark": EFFECT_MARKS[book.effect], "page": OWN_PAGES.get(book.code, "")}
        for book in catalogue.playbooks().values() if book.from_form
    ]  # fmt: skip
    return render(request, "automation/list.html", {"books": books, "rows": selectors.runs()[:20]})


@require_http_methods(["GET", "POST"])
def playbook_run(request: HttpRequest, code: str) -> HttpResponse:
    """The form of a playbook, made from its argument specs. It starts a run, shows what a run would do, or makes a schedule."""
    rights.require(request.user, "automation.run")
    book = catalogue.playbook(code)
    context: dict[str, Any] = {
        "book": book,
        "effect": EFFECTS[book.effect],
        "mark": EFFECT_MARKS[book.effect],
        **chosen(request),
    }
    context["bookings"] = _bookings(Booking.objects.filter(playbook=book.code))
    if request.method == "POST":
        try:
            return _act(request, book, context["names"])
        except InvalidInput as error:
            _values, problems = catalogue.looked_at(book, _inputs(request, book))
            told = {problem.field: str(problem) for problem in problems} | {error.field: str(error)}
            context |= {"problem": str(error), "problems": told, "given": request.POST}
            return render(request, "automation/form.html", context, status=400)
        except RuleViolation as error:
            context |= {"problem": str(error), "given": request.POST}
            return render(request, "automation/form.html", context, status=409)
    return render(request, "automation/form.html", context)


def _inputs(request: HttpRequest, book: catalogue.Playbook) -> dict[str, Any]:
    """What the form gave for each option; a box that is not ticked says no, a list may be several boxes or one text."""
    found: dict[str, Any] = {}
    for option in book.options:
        if option.type == "bool":
            found[option.name] = option.name in request.POST
        elif option.type == "list" and option.choices:
            found[option.name] = request.POST.getlist(option.name)
        else:
            found[option.name] = request.POST.get(option.name)
    return found


def _act(request: HttpRequest, book: catalogue.Playbook, names: list[str]) -> HttpResponse:
    inputs, reason, what = _inputs(request, book), request.POST.get("reason", ""), request.POST.get("do", "run")
    if what == "schedule":
        made = booking.booking_make(
            actor=request.user, playbook=book.code, choice=choosing.from_form(request.POST), inputs=inputs, reason=reason,
            expression=request.POST.get("expression", ""), missed=request.POST.get("missed", Missed.SKIP),
            trading_days_only="trading_days_only" in request.POST,
        )  # fmt: skip
        return done(
            request, _("Runs by the clock: %(when)s.") % {"when": made.expression}, reverse("automation:bookings")
        )
    if request.POST.get("count") != str(len(names)):
        raise InvalidInput(
            _("%(n)d nodes are chosen now: look at them and start again.") % {"n": len(names)}, field="nodes"
        )
    run = services.run_start(
        actor=request.user, playbook=book.code, nodes=names, inputs=inputs, reason=reason, check=what == "check"
    )
    return done(request, _("%(run)s was started.") % {"run": run.number}, reverse("automation:run", args=[run.pk]))


@require_GET
def run_preview(request: HttpRequest, pk: int) -> HttpResponse:
    """What a run in check mode found that it would do, grouped; with the button that does it (a fragment of the run's page)."""
    rights.require(request.user, "automation.view")
    run = get_object_or_404(Run.objects.select_related("created_by"), pk=pk)
    groups: dict[tuple[str, bool, str], list[str]] = {}
    for event in selectors.last_results(run):
        groups.setdefault((event.status, event.changed, event.message), []).append(event.host)
    rows = [
        {"status": status, "changed": changed, "message": message, "names": names, "diff": message.startswith("---")}
        for (status, changed, message), names in sorted(groups.items(), key=lambda group: -len(group[1]))
    ]
    context = {
        "run": run,
        "rows": rows,
        "counts": Counter(row["status"] for row in rows),
        "book": catalogue.playbook(run.playbook),
    }
    return render(request, "automation/preview.html", context)


@require_POST
def preview_run(request: HttpRequest, pk: int) -> HttpResponse:
    """Do what a preview showed: the same playbook, the same nodes, the same inputs."""
    shown = get_object_or_404(Run, pk=pk, purpose="check")
    if shown.live:
        raise RuleViolation(
            _("%(run)s has not ended yet: look at all of what would be done first.") % {"run": shown.number}
        )
    run = services.run_start(
        actor=request.user, playbook=shown.playbook, nodes=[target["name"] for target in shown.targets], inputs=shown.inputs,
        reason=request.POST.get("reason", "") or shown.reason,
    )  # fmt: skip
    return done(request, _("%(run)s was started.") % {"run": run.number}, reverse("automation:run", args=[run.pk]))


@require_GET
def booking_list(request: HttpRequest) -> HttpResponse:
    rights.require(request.user, "automation.view")
    context = {"bookings": _bookings(Booking.objects.all())}
    part = bool(getattr(request, "htmx", None))
    return render(request, "automation/bookings_rows.html" if part else "automation/bookings.html", context)


def _bookings(rows: Any) -> list[dict[str, Any]]:
    return [
        {
            "booking": row, "title": catalogue.playbook(row.playbook).title, "choice": choosing.said(row.choice),
            "next": clockwork.upcoming(row), "last": row.moments.select_related("run")[:MOST_MOMENTS],
        }
        for row in rows.select_related("created_by").order_by("-enabled", "next_at")
    ]  # fmt: skip


@require_POST
def booking_switch(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Booking, pk=pk)
    clockwork.switch(
        booking.PLAYBOOKS,
        actor=request.user,
        item=row,
        enabled=request.POST.get("enabled") == "1",
        reason=request.POST.get("reason", ""),
    )
    return done(request, _("The schedule was switched."), reverse("automation:bookings"))
