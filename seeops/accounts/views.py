"""Pages about people: who may do what, and one's own API tokens."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from seeops.accounts import rights, selectors, services
from seeops.accounts.models import Grant, Person, Role, Token
from seeops.core.http import done, required

CHOOSABLE = [role for role in Role if role != Role.MACHINE]


@require_GET
def person_list(request: HttpRequest) -> HttpResponse:
    """Everybody, with roles; below, what each role may do."""
    rights.require(request.user, "people.view")
    return render(
        request,
        "accounts/list.html",
        {"people": selectors.people(), "grants": Grant.objects.select_related("on"), "roles": CHOOSABLE},
    )


@require_GET
def person_detail(request: HttpRequest, username: str) -> HttpResponse:
    rights.require(request.user, "people.view")
    person = get_object_or_404(Person, username=username)
    return render(
        request,
        "accounts/detail.html",
        {
            "person": person,
            "tokens": person.tokens.all(),
            "roles": CHOOSABLE,
            "grants": Grant.objects.filter(role__in=person.roles),
        },
    )


@require_POST
def person_create(request: HttpRequest) -> HttpResponse:
    person = services.person_create(
        actor=request.user,
        username=required(request.POST, "username"),
        display_name=required(request.POST, "display_name"),
        roles=request.POST.getlist("roles"),
        password=required(request.POST, "password"),
    )
    return done(
        request, _("%(person)s was created.") % {"person": person}, reverse("accounts:detail", args=[person.username])
    )


@require_POST
def person_roles(request: HttpRequest, username: str) -> HttpResponse:
    person = get_object_or_404(Person, username=username)
    services.person_set_roles(
        actor=request.user, person=person, roles=request.POST.getlist("roles"), reason=required(request.POST, "reason")
    )
    return done(
        request,
        _("The roles of %(person)s were changed.") % {"person": person},
        reverse("accounts:detail", args=[username]),
    )


@require_GET
def me(request: HttpRequest) -> HttpResponse:
    """One's own account and tokens."""
    return render(request, "accounts/me.html", {"tokens": request.user.tokens.all()})


@require_POST
def token_create(request: HttpRequest) -> HttpResponse:
    token, key = services.token_create(actor=request.user, person=request.user, name=required(request.POST, "name"))
    # Shown in this answer alone: the key is not stored, so a redirect would lose it.
    return render(
        request, "accounts/me.html", {"tokens": request.user.tokens.all(), "new_key": key, "new_token": token}
    )


@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(Token.objects.select_related("person"), pk=pk)
    services.token_revoke(actor=request.user, token=token)
    messages.success(request, _("The token was revoked."))
    return redirect("accounts:me" if token.person_id == request.user.pk else "accounts:list")
