"""Pages of change tickets."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from seeops.accounts import rights, second_factor
from seeops.changes import approvers, guard, selectors, services, standard, states
from seeops.changes.filters import TicketFilter
from seeops.changes.forms import TicketForm
from seeops.changes.models import Approval, ChangeTicket, TicketKind, TicketState
from seeops.changes.movement import FIELDS, ITEMS
from seeops.core.errors import InvalidInput
from seeops.core.export import csv_response
from seeops.core.http import done
from seeops.inventory import selectors as inventory

PAGE_ROWS = 100
COLUMNS = ("number", "title", "kind", "state", "requester__username", "window_start", "window_end", "created_at",
           "started_at", "finished_at", "outcome")  # fmt: skip
TABS = {
    "summary": _lazy("Summary"), "impact": _lazy("Impact"), "approvals": _lazy("Approvals"), "audit": _lazy("Audit"),
}  # fmt: skip


@require_GET
def ticket_list(request: HttpRequest) -> HttpResponseBase:
    """Newest first, paged by key, filtered by the address."""
    rights.require(request.user, "change.view")
    found = TicketFilter(request.GET, queryset=selectors.tickets()).qs
    if request.GET.get("format") == "csv":
        return csv_response(request, "changes.csv", COLUMNS, found.values_list(*COLUMNS))
    before = request.GET.get("before", "")
    if before.isdigit():
        found = found.filter(pk__lt=int(before))
    rows = list(found[: PAGE_ROWS + 1])
    context = {
        "rows": rows[:PAGE_ROWS],
        "next_before": rows[PAGE_ROWS - 1].pk if len(rows) > PAGE_ROWS else None,
        "states": TicketState.choices,
        "kinds": TicketKind.choices,
        "waiting": selectors.waiting_for(request.user),
    }
    return render(request, "changes/rows.html" if request.htmx else "changes/list.html", context)  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
def ticket_new(request: HttpRequest) -> HttpResponse:
    """Ask for a change; `?service=` names one beforehand."""
    rights.require(request.user, "change.request")
    given = inventory.services().filter(name=request.GET.get("service", ""))
    form = TicketForm(request.POST or None, initial={"services": given})
    if request.method == "POST" and form.is_valid():
        try:
            ticket = services.ticket_create(actor=request.user, **form.cleaned_data)
        except InvalidInput as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
        else:
            return done(request, _("%(ticket)s created.") % {"ticket": ticket.number}, _url(ticket))
    return render(request, "changes/form.html", {"form": form}, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def ticket_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a ticket; an approval of the old content is void afterwards."""
    rights.require(request.user, "change.request")
    ticket = get_object_or_404(ChangeTicket, pk=pk)
    initial = {name: getattr(ticket, name) for name in FIELDS}
    initial |= {name: getattr(ticket, name).all() for name in ITEMS}
    form = TicketForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.ticket_update(actor=request.user, ticket=ticket, **form.cleaned_data)
        except InvalidInput as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
        else:
            return done(request, _("%(ticket)s changed.") % {"ticket": ticket.number}, _url(ticket))
    context = {"form": form, "ticket": ticket}
    return render(request, "changes/form.html", context, status=400 if form.errors else 200)


@require_GET
def ticket_detail(request: HttpRequest, pk: int) -> HttpResponse:
    rights.require(request.user, "change.view")
    ticket = get_object_or_404(
        ChangeTicket.objects.select_related("requester", "planner", "template__approved_by").prefetch_related(
            "services"
        ),
        pk=pk,
    )
    tab = request.GET.get("tab", "summary")
    approval = selectors.valid_approval(ticket)
    context = {
        "ticket": ticket,
        "tab": tab if tab in TABS else "summary",
        "tabs": TABS.items(),
        "steps": _steps(ticket, approval),
        "approval": approval,
        "approvals": selectors.approvals(ticket),
        "plan_parts": selectors.plan_parts(ticket),
        "plan_gates": selectors.plan_gates(ticket),
        "releases": ticket.releases.prefetch_related("parts__service", "parts__version").defer("plan"),
        **_control(request.user, ticket),
        "mine": ticket.requester_id == request.user.pk,
        "editable": ticket.state in states.EDITABLE,
        "plannable": ticket.state in (*states.EDITABLE, states.FAILED),
        "cancellable": states.may_follow(ticket.state, states.CANCELLED),
    }
    template = "changes/detail_part.html" if request.htmx else "changes/detail.html"  # type: ignore[attr-defined]
    return render(request, template, context)


def _control(person: Any, ticket: ChangeTicket) -> dict[str, Any]:
    """What rules the ticket: its stages, who may decide now, what closes its way, and break-glass."""
    seat = selectors.seat(person, ticket)
    waiting = ticket.break_glasses.filter(confirmed_at__isnull=True, closed_at__isnull=True).select_related("opened_by")
    glass = guard.glass_of(ticket)
    startable = ticket.state in (*states.STARTABLE, states.EXECUTING)
    breakable = ticket.kind == TicketKind.EMERGENCY and ticket.state in states.EDITABLE
    waiting_glass = waiting.first()
    return {
        "seat": seat,
        "may_decide": seat is not None,
        "progress": approvers.progress(ticket),
        "outside_template": standard.outside(ticket) if ticket.template_id and ticket.state in states.OPEN else "",
        "nodes": ticket.nodes.all()[:50],
        "chains": ticket.chains.all(),
        "enrolled": second_factor.enrolled(person),
        "closed_now": guard.closed(ticket) if startable else "",
        "waiting_glass": waiting_glass,
        "may_open_glass": glass is None and waiting_glass is None
        and (breakable or ticket.state == states.EXECUTING) and rights.allowed(person, "change.break_glass", ticket),
        "may_confirm_glass": waiting_glass is not None and person.pk != waiting_glass.opened_by_id
        and person.pk not in approvers.involved(ticket) and rights.allowed(person, "change.approve", ticket),
    }  # fmt: skip


_DECIDED = (states.SUBMITTED, states.REJECTED, states.CANCELLED)


def _steps(ticket: ChangeTicket, approval: Approval | None) -> list[dict[str, Any]]:
    """The way of a ticket, and how far it has come: [{label, state, note}]."""
    order = [states.DRAFT, states.SUBMITTED, states.APPROVED, states.EXECUTING, states.DONE]
    place = {
        states.SCHEDULED: 2, states.REJECTED: 2, states.FAILED: 4, states.CANCELLED: 0,
    }.get(ticket.state, order.index(ticket.state) if ticket.state in order else 0)  # fmt: skip
    labels = [_("Impact"), _("Plan"), _("Approval"), _("Execution"), _("Result")]
    notes = [
        ticket.impact_digest[:8], ticket.plan_digest[:8] or _("none yet"),
        approval.approver if approval else (ticket.get_state_display() if ticket.state in _DECIDED else ""),
        "", ticket.outcome,
    ]  # fmt: skip
    reached = [True, bool(ticket.plan_digest), place >= 2, place >= 3, place >= 4]
    steps = []
    for label, note, done_already in zip(labels, notes, reached, strict=True):
        steps.append({"label": label, "note": note, "state": "done" if done_already else ""})
    if ticket.state == states.SUBMITTED:
        steps[2]["state"] = "attention"
    elif ticket.state == states.REJECTED:
        steps[2]["state"] = "bad"
    elif ticket.state == states.EXECUTING:
        steps[3]["state"] = "progress"
    elif ticket.state == states.FAILED:
        steps[4]["state"] = "bad"
    return steps


@require_POST
def ticket_submit(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = get_object_or_404(ChangeTicket, pk=pk)
    services.ticket_submit(actor=request.user, ticket=ticket)
    return done(request, _("%(ticket)s waits for approval.") % {"ticket": ticket.number}, _url(ticket))


@require_POST
def ticket_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = get_object_or_404(ChangeTicket, pk=pk)
    services.ticket_withdraw(actor=request.user, ticket=ticket)
    return done(request, _("%(ticket)s is a draft again.") % {"ticket": ticket.number}, _url(ticket))


@require_POST
def ticket_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve or reject what the person saw (`seen` is the digest of the page's content)."""
    ticket = get_object_or_404(ChangeTicket, pk=pk)
    given = {"actor": request.user, "ticket": ticket, "reason": request.POST.get("reason", ""),
             "seen": request.POST.get("seen", "")}  # fmt: skip
    decision = request.POST.get("decision", "")
    if decision == "approve":
        decided = services.ticket_approve(**given, code=request.POST.get("code", ""))
    elif decision == "reject":
        decided = services.ticket_reject(**given)
    else:
        raise InvalidInput(_("Say whether you approve or reject."), field="decision")
    text = _("%(ticket)s is %(state)s.") % {"ticket": ticket.number, "state": decided.get_state_display()}
    return done(request, text, _url(ticket))


@require_POST
def ticket_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = get_object_or_404(ChangeTicket, pk=pk)
    services.ticket_cancel(actor=request.user, ticket=ticket, reason=request.POST.get("reason", ""))
    return done(request, _("%(ticket)s is cancelled.") % {"ticket": ticket.number}, _url(ticket))


def _url(ticket: ChangeTicket) -> str:
    return reverse("changes:detail", args=[ticket.pk])
