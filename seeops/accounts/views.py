"""Pages about people: who may do what, and one's own API tokens."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import segno
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from seeops.accounts import rights, second_factor, selectors, services
from seeops.accounts.models import Grant, Person, Role, Token
from seeops.core.errors import InvalidInput
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
            "enrolled": second_factor.enrolled(person),
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
    return render(request, "accounts/me.html", _mine(request))


def _mine(request: HttpRequest) -> dict[str, Any]:
    return {
        "tokens": request.user.tokens.all(),
        "enrolled": second_factor.enrolled(request.user),
        "recovery_codes_left": second_factor.recovery_codes_left(request.user),
    }


@require_http_methods(["GET", "POST"])
def second_factor_enrol(request: HttpRequest) -> HttpResponse:
    """Enrol a second factor: the picture for the app, then its first code, then the recovery codes, once."""
    problem, codes = "", []
    if request.method == "POST" and request.POST.get("code"):
        try:
            codes = second_factor.enrolment_confirm(actor=request.user, code=request.POST["code"].strip())
        except InvalidInput as error:
            problem = str(error)
    uri = "" if codes else second_factor.enrolment_uri(request.user)
    if request.method == "POST" and not uri and not codes:
        uri = second_factor.enrolment_begin(actor=request.user)
    context = {"uri": uri, "picture": _picture(uri), "secret": _secret_of(uri), "codes": codes, "problem": problem}
    status = 400 if problem else 200
    return render(request, "accounts/second_factor.html", context | _mine(request), status=status)


def _picture(uri: str) -> str:
    """The QR picture as a data address: nothing is fetched from elsewhere."""
    return segno.make(uri, error="m").svg_data_uri(scale=5, border=3, light="white") if uri else ""


def _secret_of(uri: str) -> str:
    """The secret in groups of four, for whoever must type it."""
    secret = parse_qs(urlsplit(uri).query).get("secret", [""])[0]
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


@require_POST
def second_factor_remove(request: HttpRequest, username: str) -> HttpResponse:
    person = get_object_or_404(Person, username=username)
    second_factor.enrolment_remove(
        actor=request.user, person=person, code=request.POST.get("code", ""), reason=request.POST.get("reason", "")
    )
    own = person.pk == request.user.pk
    url = reverse("accounts:me") if own else reverse("accounts:detail", args=[username])
    return done(request, _("The second factor of %(person)s was removed.") % {"person": person}, url)


@require_POST
def token_create(request: HttpRequest) -> HttpResponse:
    token, key = services.token_create(actor=request.user, person=request.user, name=required(request.POST, "name"))
    # Shown in this answer alone: the key is not stored, so a redirect would lose it.
    return render(request, "accounts/me.html", _mine(request) | {"new_key": key, "new_token": token})


@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(Token.objects.select_related("person"), pk=pk)
    services.token_revoke(actor=request.user, token=token)
    messages.success(request, _("The token was revoked."))
    return redirect("accounts:me" if token.person_id == request.user.pk else "accounts:list")
