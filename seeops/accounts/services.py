"""Changes to people, roles and tokens."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.accounts.authentication import token_digest
from seeops.accounts.models import Person, Role, Token
from seeops.audit import services as audit
from seeops.core.clock import now
from seeops.core.errors import InvalidInput, RuleViolation


@transaction.atomic
def person_create(
    *, actor: Person | None, username: str, display_name: str, roles: Sequence[str], password: str
) -> Person:
    """Create somebody who signs in. `actor` None is the set-up itself. Raises InvalidInput for a weak password or role."""
    if actor is not None:
        rights.require(actor, "people.create")
    unknown = set(roles) - set(Role.values)
    if unknown:
        raise InvalidInput(_("Unknown role: %(roles)s.") % {"roles": ", ".join(sorted(unknown))}, field="roles")
    person = Person(username=username, display_name=display_name, roles=list(roles))
    try:
        validate_password(password, person)
        person.set_password(password)
        person.full_clean()
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages), field="person") from error
    person.save()
    audit.record(actor=actor, action="people.create", obj=person, after={"username": username, "roles": list(roles)})
    return person


@transaction.atomic
def person_set_roles(*, actor: Person, person: Person, roles: Sequence[str], reason: str) -> Person:
    """Change what somebody may do. Nobody changes their own roles."""
    rights.require(actor, "people.change", person)
    if actor.pk == person.pk:
        raise RuleViolation(_("Nobody changes their own roles: ask another administrator."))
    before = list(person.roles)
    person.roles = list(roles)
    person.full_clean()
    person.save(update_fields=["roles"])
    audit.record(
        actor=actor,
        action="people.roles",
        obj=person,
        reason=reason,
        before={"roles": before},
        after={"roles": list(roles)},
    )
    return person


@transaction.atomic
def token_create(*, actor: Person | None, person: Person, name: str, key: str | None = None) -> tuple[Token, str]:
    """Make an API token. Returns the row and the key, which is shown once and never stored."""
    if actor is not None and actor.pk != person.pk:
        rights.require(actor, "people.token", person)
    key = key or secrets.token_urlsafe(32)
    token = Token.objects.create(person=person, name=name, digest=token_digest(key), hint=key[-4:])
    audit.record(actor=actor, action="people.token_create", obj=person, after={"name": name, "hint": token.hint})
    return token, key


@transaction.atomic
def token_revoke(*, actor: Person, token: Token) -> None:
    """End a token; it stays listed with the time it ended."""
    if actor.pk != token.person_id:
        rights.require(actor, "people.token", token.person)
    if token.revoked_at is None:
        token.revoked_at = now()
        token.save(update_fields=["revoked_at"])
        audit.record(actor=actor, action="people.token_revoke", obj=token.person, after={"hint": token.hint})
