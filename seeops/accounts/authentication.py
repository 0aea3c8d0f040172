"""`Authorization: Token …` for the API."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from typing import Any, ClassVar

from django.db import DatabaseError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from seeops.accounts.models import Person, Token
from seeops.core.clock import now

USED_EVERY = dt.timedelta(minutes=1)
REMEMBERED_S = 3600.0


def token_digest(key: str) -> str:
    """The stored form of a token: SHA-256, hex (tokens are long random strings, so no salt is needed)."""
    return hashlib.sha256(key.encode()).hexdigest()


class TokenAuthentication(authentication.BaseAuthentication):
    """Signs a request in by its token. `Bearer` is taken as well, for Prometheus and Alertmanager."""

    keywords = ("token", "bearer")

    def authenticate(self, request: Request) -> tuple[Person, Token] | None:
        parts = authentication.get_authorization_header(request).split()
        if len(parts) != 2 or parts[0].decode("latin-1").lower() not in self.keywords:
            return None
        token = (
            Token.objects.select_related("person")
            .filter(digest=token_digest(parts[1].decode("latin-1")), revoked_at__isnull=True)
            .first()
        )
        if token is None or not token.person.is_active:
            raise exceptions.AuthenticationFailed(_("The token is not valid or was revoked."))
        moment = now()
        # Written at most once a minute: a scrape every few seconds must not become a write every few seconds.
        Token.objects.filter(pk=token.pk).filter(
            Q(last_used_at__isnull=True) | Q(last_used_at__lt=moment - USED_EVERY)
        ).update(last_used_at=moment)
        return token.person, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class MachineAuthentication(TokenAuthentication):
    """As a token is checked usually; and while the database is away, a machine that this process has known lately stays signed in.

    For answers that must outlive the database, such as the list of what is to be watched. A token that is revoked in that time is
    taken until the database is back; a person's never is.
    """

    known: ClassVar[dict[str, tuple[Person, Token, float]]] = {}

    def authenticate(self, request: Request) -> tuple[Person, Token] | None:
        given = authentication.get_authorization_header(request).split()
        digest = token_digest(given[1].decode("latin-1")) if len(given) == 2 else ""
        try:
            found = super().authenticate(request)
        except DatabaseError:
            person, token, until = self.known.get(digest, (None, None, 0.0))
            if person is None or token is None or time.monotonic() > until:
                raise
            return person, token
        except exceptions.AuthenticationFailed:
            self.known.pop(digest, None)
            raise
        if found is not None and found[0].is_machine:
            self.known[digest] = (*found, time.monotonic() + REMEMBERED_S)
        return found


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "seeops.accounts.authentication.TokenAuthentication"
    match_subclasses = True
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Token …"}
