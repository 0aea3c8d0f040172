"""May this person do this action to this object? The one place that answers.

Grants of the person's roles are matched by action (`release.start`, or `release.*` for all of a subject) and, when the
grant has a constraint, by a query on the object's model. Nobody is above the rules: there is no superuser bypass.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _

from seeops.accounts.models import Grant
from seeops.core.errors import Forbidden


def _grants(person: Any) -> list[Grant]:
    """The grants of the person, read once per request object."""
    if not getattr(person, "is_authenticated", False) or not person.is_active:
        return []
    cached = getattr(person, "_grants", None)
    if cached is None:
        cached = list(Grant.objects.filter(role__in=person.roles))
        person._grants = cached
    return cached


def _matching(person: Any, action: str) -> Iterable[Grant]:
    subject = action.split(".", 1)[0] + ".*"
    return (grant for grant in _grants(person) if grant.action in (action, subject, "*"))


def _condition(constraint: Any) -> Q:
    alternatives = constraint if isinstance(constraint, list) else [constraint]
    condition = Q()
    for alternative in alternatives:
        condition |= Q(**alternative)
    return condition


def allowed(person: Any, action: str, obj: Model | None = None) -> bool:
    """True when a grant covers the action; with `obj`, one whose constraint the object meets in the database."""
    for grant in _matching(person, action):
        if not grant.constraint or obj is None:
            return True
        if grant.on_id == ContentType.objects.get_for_model(obj).pk and _meets(obj, grant.constraint):
            return True
    return False


def _meets(obj: Model, constraint: Any) -> bool:
    return type(obj)._default_manager.filter(pk=obj.pk).filter(_condition(constraint)).exists()


def require(person: Any, action: str, obj: Model | None = None) -> None:
    """Raises Forbidden, naming the action and the object, unless `allowed`."""
    if not allowed(person, action, obj):
        target = f" ({obj})" if obj is not None else ""
        raise Forbidden(
            _("%(person)s may not do “%(action)s”%(target)s: ask an administrator for the right.")
            % {"person": person, "action": action, "target": target}
        )


def restrict(person: Any, action: str, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """The rows of `queryset` that the person may do `action` to."""
    condition = Q(pk__in=[])
    model = ContentType.objects.get_for_model(queryset.model)
    for grant in _matching(person, action):
        if not grant.constraint:
            return queryset
        if grant.on_id == model.pk:
            condition |= _condition(grant.constraint)
    return queryset.filter(condition).distinct()
