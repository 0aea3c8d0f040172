"""What tests of change control share: people without passwords, second factors, tickets on their way."""

from __future__ import annotations

from typing import Any

import pyotp

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def colleague(username: str, *roles: str) -> Any:
    """A person who signs in by `force_login` only: hashing passwords would be most of the time of these tests."""
    from seeops.accounts.models import Person

    person = Person(username=username, display_name=username.title(), roles=list(roles))
    person.set_unusable_password()
    person.save()
    return person


def with_second_factor(person: Any) -> str:
    """Enrol the person; returns a code that counts now."""
    from seeops.accounts import second_factor
    from seeops.accounts.models import Authenticator
    from seeops.core.clock import now

    Authenticator.objects.update_or_create(
        person=person,
        defaults={"secret": second_factor._encrypt(SECRET), "confirmed_at": now(), "last_step": 0},
    )
    return code_now()


def code_now() -> str:
    from seeops.core.clock import now

    return pyotp.TOTP(SECRET).at(int(now().timestamp()))


def draft(staff: dict[str, Any], service: Any, **values: Any) -> Any:
    from seeops.changes import services

    given = {"title": "New version", "kind": "normal", "services": [service], "reason": "asked for"} | values
    return services.ticket_create(actor=staff["lin"], **given)


def submitted(staff: dict[str, Any], service: Any, **values: Any) -> Any:
    from seeops.changes import services

    return services.ticket_submit(actor=staff["lin"], ticket=draft(staff, service, **values))


def approve(person: Any, ticket: Any, code: str = "") -> Any:
    from seeops.changes import services

    ticket.refresh_from_db()
    return services.ticket_approve(actor=person, ticket=ticket, reason="read", seen=ticket.content_digest, code=code)


def approved(staff: dict[str, Any], service: Any, **values: Any) -> Any:
    return approve(staff["chen"], submitted(staff, service, **values))
