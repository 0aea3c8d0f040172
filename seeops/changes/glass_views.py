"""Pages of break-glass: opening, confirming, closing, and the review afterwards."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from seeops.accounts import rights
from seeops.changes import glass
from seeops.changes.models import BreakGlass, ChangeTicket
from seeops.core.http import done

PAGE_ROWS = 100


@require_GET
def glass_list(request: HttpRequest) -> HttpResponse:
    """Every opening with its evidence; those that wait for a review first."""
    rights.require(request.user, "change.view")
    rows = (
        BreakGlass.objects.select_related("ticket", "opened_by", "confirmed_by", "reviewed_by")
        .defer("ticket__impact", "ticket__plan")
        .order_by("reviewed_at", "-id")[:PAGE_ROWS]
    )
    may_review = rights.allowed(request.user, "change.review")
    return render(request, "changes/glasses.html", {"rows": rows, "may_review": may_review})


@require_POST
def glass_open(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = get_object_or_404(ChangeTicket, pk=pk)
    glass.glass_open(
        actor=request.user, ticket=ticket, reason=request.POST.get("reason", ""),
        incident=request.POST.get("incident", ""), code=request.POST.get("code", ""),
    )  # fmt: skip
    text = _("Break-glass of %(ticket)s waits for a second person.") % {"ticket": ticket.number}
    return done(request, text, reverse("changes:detail", args=[pk]))


@require_POST
def glass_confirm(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(BreakGlass, pk=pk)
    given = request.POST
    glass.glass_confirm(
        actor=request.user, glass=row, reason=given.get("reason", ""), seen=given.get("seen", ""),
        code=given.get("code", ""),
    )  # fmt: skip
    return done(request, _("Break-glass holds: it is on record."), reverse("changes:detail", args=[row.ticket_id]))


@require_POST
def glass_close(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(BreakGlass.objects.select_related("ticket"), pk=pk)
    glass.glass_close(actor=request.user, glass=row, reason=request.POST.get("reason", ""))
    return done(request, _("Break-glass is over."), reverse("changes:detail", args=[row.ticket_id]))


@require_POST
def glass_review(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(BreakGlass, pk=pk)
    glass.glass_review(actor=request.user, glass=row, review=request.POST.get("review", ""))
    return done(request, _("The review is on record."), reverse("changes:glasses"))
