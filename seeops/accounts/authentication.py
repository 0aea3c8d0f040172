"""`Authorization: Token …` for the API."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from seeops.accounts.models import Person, Token
from seeops.core.clock import now

USED_EVERY = dt.timedelta(minutes=1)


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


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "seeops.accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Token …"}
