"""Reads about people."""

from __future__ import annotations

from django.db.models import QuerySet

from seeops.accounts.models import Person, Role


def people() -> QuerySet[Person]:
    """Everybody who signs in (machines left out)."""
    return Person.objects.exclude(roles__contains=[Role.MACHINE])


def machine(name: str) -> Person:
    """The account under which a machine acts, such as `release-engine`; made at its first use, cannot sign in."""
    person, created = Person.objects.get_or_create(
        username=name, defaults={"display_name": name.replace("-", " "), "roles": [Role.MACHINE]}
    )
    if created:
        person.set_unusable_password()
        person.save(update_fields=["password"])
    return person
