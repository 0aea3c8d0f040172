"""The page of present locks: what is held, by whom, until when."""

from __future__ import annotations

from django.db.models import Count, Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from seeops.accounts import rights
from seeops.core.clock import now
from seeops.inventory.models import Lock, LockHolder

SHOWN_OF_EACH = 400


@require_GET
def locks(request: HttpRequest) -> HttpResponse:
    """Holders with what they hold; a holder whose time has run out is at work no more, as far as anybody knows."""
    rights.require(request.user, "estate.view")
    holders = LockHolder.objects.annotate(count=Count("locks")).order_by("taken_at")
    if owner := request.GET.get("owner", ""):
        holders = holders.filter(owner=owner)
    if name := request.GET.get("q", "").strip():
        holders = holders.filter(locks__name__icontains=name).distinct()
    held = Prefetch("locks", queryset=Lock.objects.order_by("-scope", "name"))
    shown = [
        {"holder": holder, "expired": holder.expires_at < now(), "groups": _groups(list(holder.locks.all()))}
        for holder in holders.prefetch_related(held)
    ]
    template = "inventory/locks_list.html" if request.htmx else "inventory/locks.html"  # type: ignore[attr-defined]
    return render(request, template, {"shown": shown})


def _groups(held: list[Lock]) -> list[tuple[str, int, list[str]]]:
    """What a holder has, by kind: (kind, how many, names)."""
    groups: dict[str, list[str]] = {}
    for lock in held:
        groups.setdefault(str(lock.get_scope_display()), []).append(lock.name)
    return [(kind, len(names), names[:SHOWN_OF_EACH]) for kind, names in groups.items()]
