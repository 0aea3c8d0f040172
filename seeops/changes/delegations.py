"""Passing the right to approve on for some days."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.accounts.models import Person
from seeops.audit import services as audit
from seeops.changes.models import Delegation
from seeops.core.clock import now
from seeops.core.errors import Forbidden, InvalidInput

LONGEST = dt.timedelta(days=30)


@transaction.atomic
def delegation_create(
    *, actor: Any, delegate: Person, starts_at: dt.datetime, ends_at: dt.datetime, reason: str
) -> Delegation:
    """Let somebody approve in one's own name. Only one's own right is passed on, never one that was delegated.

    Raises Forbidden without the right to approve, InvalidInput for a person or a time that cannot be.
    """
    rights.require(actor, "change.delegate")
    rights.require(actor, "change.approve")
    if delegate.pk == actor.pk or delegate.is_machine or not delegate.is_active:
        raise InvalidInput(_("Choose another person who signs in."), field="delegate")
    moment = now()
    if not starts_at < ends_at or ends_at <= moment or ends_at - starts_at > LONGEST:
        raise InvalidInput(
            _("A delegation ends after it begins, in the future, and lasts at most 30 days."), field="ends_at"
        )
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why."), field="reason")
    row = Delegation.objects.create(
        delegator=actor, delegate=delegate, starts_at=starts_at, ends_at=ends_at, reason=reason.strip()
    )
    audit.record(
        actor=actor, action="change.delegate", obj=row, reason=reason,
        after={"delegate": delegate.username, "starts_at": starts_at, "ends_at": ends_at},
    )  # fmt: skip
    return row


@transaction.atomic
def delegation_revoke(*, actor: Any, delegation: Delegation) -> Delegation:
    """End a delegation: the one who gave it, or an administrator of change control."""
    delegation = Delegation.objects.select_for_update(of=("self",)).get(pk=delegation.pk)
    if actor.pk != delegation.delegator_id and not rights.allowed(actor, "change.control"):
        raise Forbidden(_("Only %(person)s may take this delegation back.") % {"person": delegation.delegator})
    if delegation.revoked_at is None:
        delegation.revoked_at = now()
        delegation.save(update_fields=["revoked_at"])
        audit.record(actor=actor, action="change.delegate_revoke", obj=delegation)
    return delegation
