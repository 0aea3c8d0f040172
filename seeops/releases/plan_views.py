"""Pages on which a release is planned: the form, its preview while one types, and the dry run of a plan that was saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from seeops.accounts import rights
from seeops.changes.models import ChangeTicket, Reversibility
from seeops.core.errors import InvalidInput, SeeOpsError
from seeops.core.http import done
from seeops.releases import plan_forms, planning, selectors, services, simulation
from seeops.releases.findings import minutes
from seeops.releases.forecast import Forecast
from seeops.releases.gates.options import FAULTS
from seeops.releases.models import Release
from seeops.releases.plan_forms import PlanForm
from seeops.releases.simulation import Simulation

MOST_TICKETS = 200


@require_http_methods(["GET", "POST"])
def release_new(request: HttpRequest) -> HttpResponse:
    """Plan a release for a ticket: the batches are previewed while one types."""
    rights.require(request.user, "release.plan")
    form = _form(request)
    if request.method == "POST":
        try:
            release = _plan(request, form)
        except InvalidInput as error:
            return render(request, "releases/new.html", {**_context(request, form), "problem": str(error)}, status=400)
        text = _("%(release)s is planned; an approval must cover this plan.") % {"release": release.number}
        return done(request, text, reverse("changes:detail", args=[release.ticket_id]))
    return render(request, "releases/new.html", _context(request, form))


@require_GET
def preview(request: HttpRequest) -> HttpResponse:
    """The form with the plan as it would be now: nothing is stored."""
    rights.require(request.user, "release.view")
    return render(request, "releases/preview.html", _context(request, _form(request)))


@require_GET
def simulate(request: HttpRequest, pk: int) -> HttpResponse:
    """The dry run of a saved plan, as a fragment."""
    rights.require(request.user, "release.view")
    release = get_object_or_404(Release.objects.select_related("ticket").prefetch_related("parts__service"), pk=pk)
    return render(request, "releases/simulation.html", shown(simulation.of_release(release)))


def _form(request: HttpRequest) -> PlanForm:
    data: QueryDict = request.POST if request.method == "POST" else request.GET
    chosen = data.get("ticket", "")
    tickets = selectors.plannable_tickets(request.user)
    ticket = tickets.filter(pk=chosen).first() if chosen.isdigit() else None
    return plan_forms.read(data, ticket, posted=request.method == "POST")


def _plan(request: HttpRequest, form: PlanForm) -> Release:
    if form.ticket is None:
        raise InvalidInput(_("Choose the ticket that the release belongs to."), field="ticket")
    return services.release_plan(actor=request.user, ticket=form.ticket, **form.inputs())


def _context(request: HttpRequest, form: PlanForm) -> dict[str, Any]:
    return {
        "tickets": selectors.plannable_tickets(request.user)[:MOST_TICKETS],
        "form": form,
        "orders": plan_forms.ORDERS,
        "locks": plan_forms.LOCKS,
        "reversibilities": Reversibility.choices,
        "faults": list(FAULTS),
        **_preview(form),
    }


def _preview(form: PlanForm) -> dict[str, Any]:
    """The plan as it would be, or why there is none."""
    if not form.ready:
        return {"made": None, "problem": ""}
    try:
        made = planning.draft(**form.inputs())
        wanted = [part.service for part in made.parts]
        tried = simulation.simulate(made.plan, services=wanted, ticket=_saved(form.ticket), facts=made.facts)
    except SeeOpsError as error:
        return {"made": None, "problem": str(error)}
    return {
        "made": made, "problem": "", "running": selectors.running_of(wanted), "parts": plan_parts(made.plan, tried.forecast),
        **shown(tried),
    }  # fmt: skip


def _saved(ticket: ChangeTicket | None) -> ChangeTicket | None:
    return ticket if ticket is not None and ticket.pk else None


def shown(tried: Simulation) -> dict[str, Any]:
    """What the templates show of a dry run."""
    course = tried.forecast
    return {
        "simulation": tried,
        "unmeasured": course.unmeasured,
        "takes": _span(course.usual_s, course.slow_s),
    }


def plan_parts(plan: Mapping[str, Any], course: Forecast) -> list[dict[str, Any]]:
    """The parts of a plan for people: batches with their nodes by centre, how far each reaches, and how long it takes."""
    times = {item.number: _span(item.needs_s, item.slow_needs_s) for item in course.batches}
    labels = dict(Reversibility.choices)
    found = []
    for position, part in enumerate(plan["parts"], start=1):
        batches, reached = [], 0
        for batch in part["batches"]:
            reached += len(batch["nodes"])
            batches.append({**_by_centre(batch), "done": reached, "takes": times.get(batch["number"])})
        first = part["batches"][0].get("blast", {}) if part["batches"] else {}
        back = labels.get(part.get("reversibility"), part.get("reversibility"))
        found.append(
            {
                **part,
                "position": position,
                "batches": batches,
                "total": reached,
                "back": back,
                "chains": first.get("chains"),
            }
        )
    return found


def _by_centre(batch: Mapping[str, Any]) -> dict[str, Any]:
    centres: dict[str, list[str]] = {}
    for node in batch["nodes"]:
        centres.setdefault(node["centre"], []).append(_name(node))
    return {**batch, "count": len(batch["nodes"]), "centres": list(centres.items())}


def _name(node: Mapping[str, Any]) -> str:
    """A node's name; of a replica also its group."""
    if "shard" not in node:
        return str(node["name"])
    group = _("shard %(n)d, leads") if node["leads"] else _("shard %(n)d")
    return f"{node['name']} ({group % {'n': node['shard']}})"


def _span(usual_s: float, slow_s: float) -> str:
    usual, slow = minutes(usual_s), minutes(slow_s)
    return usual if usual == slow else f"{usual} – {slow}"
