"""Writes of market surveillance: people restrict, suspend and release accounts, and close cases.

The wish and its audit record are written first, in one transaction; then the cluster is asked with the wish's key. A process that dies in between, or an
answer that does not come, leaves an open action, which is asked again with the same key: the cluster does it once.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.accounts.models import Person
from seeops.audit import services as audit
from seeops.cluster import door
from seeops.core.clock import now
from seeops.core.errors import InvalidInput, RuleViolation, Unavailable
from seeops.core.live import announce
from seeops.surveillance.models import AccountAction, AccountStatus, Outcome

AGAIN_AFTER = dt.timedelta(seconds=10)
GIVE_UP_AFTER = dt.timedelta(hours=1)
RIGHTS = {
    AccountStatus.ACTIVE: "surveillance.release",
    AccountStatus.CANCEL_ONLY: "surveillance.restrict",
    AccountStatus.SUSPENDED: "surveillance.suspend",
}


def account_set_status(
    *, actor: Person, account: int, status: int, reason: str, case: int | None = None, key: str = ""
) -> AccountAction:
    """Give an account a status on every shard now. The same `key` again is the same action.

    Raises Forbidden, InvalidInput; what became of it is in the answer's `outcome`, unknown included.
    """
    action = _request(actor=actor, account=account, status=status, reason=reason, case=case, key=key)
    return action if action.settled_at else action_execute(action)


@transaction.atomic
def _request(*, actor: Person, account: int, status: int, reason: str, case: int | None, key: str) -> AccountAction:
    if status not in AccountStatus.values:
        raise InvalidInput(_("An account is active, cancel only or suspended."), field="status")
    rights.require(actor, RIGHTS[AccountStatus(status)])
    if not reason.strip():
        raise InvalidInput(_("Give a reason: it goes into the history of the account."), field="reason")
    if account < 1:
        raise InvalidInput(_("“%(account)s” is not an account.") % {"account": account}, field="account")
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"surveillance:{actor.pk}:{key}") if key else uuid.uuid4()
    action, created = AccountAction.objects.get_or_create(
        key=name,
        defaults={"account": account, "status": status, "reason": reason.strip()[:400], "case": case, "actor": actor},
    )
    if not created and (action.account, action.status) != (account, status):
        raise InvalidInput(_("This key belongs to another action: use a new one."), field="key")
    if created:
        audit.record(
            actor=actor, action="surveillance.account", obj=action, reason=action.reason, after=action.as_audit()
        )
    return action


def action_execute(action: AccountAction) -> AccountAction:
    """Ask the cluster and write down what became of it. Safe to call again: the key makes it happen once."""
    try:
        answer = door.surveillance(
            "set_account_status",
            action.account,
            action.status,
            reason=action.reason,
            actor=action.actor.get_username(),
            key=str(action.key),
            case=action.case,
        )
    except Unavailable as error:
        return _note(action, Outcome.UNKNOWN, {"error": str(error)})
    except (RuleViolation, InvalidInput) as error:
        return _note(action, Outcome.REFUSED, {"error": str(error), "code": error.code})
    return _note(action, Outcome(answer["outcome"]), {"shards": answer["shards"]})


@transaction.atomic
def _note(action: AccountAction, outcome: Outcome, detail: dict[str, Any]) -> AccountAction:
    before = action.as_audit()
    action.outcome, action.detail, action.tried_at = outcome, detail, now()
    action.settled_at = action.tried_at if outcome in (Outcome.EXECUTED, Outcome.REFUSED) else None
    action.save(update_fields=["outcome", "detail", "tried_at", "settled_at"])
    if before["outcome"] != outcome:
        audit.record(
            actor=action.actor,
            action=f"surveillance.account.{outcome}",
            obj=action,
            reason=action.reason,
            before=before,
            after=action.as_audit() | ({"error": detail["error"]} if "error" in detail else {}),
        )
    announce("surveillance")
    return action


def actions_settle() -> int:
    """Ask again for actions whose outcome is not known; after an hour without an answer a person has to look. Returns how many."""
    moment = now()
    waiting = AccountAction.objects.filter(
        outcome__in=[Outcome.REQUESTED, Outcome.UNKNOWN],
        asked_at__lt=moment - AGAIN_AFTER,
        asked_at__gt=moment - GIVE_UP_AFTER,
    ).exclude(tried_at__gt=moment - AGAIN_AFTER)
    found = list(waiting.select_related("actor").order_by("asked_at")[:20])
    for action in found:
        action_execute(action)
    return len(found)


def case_close(*, actor: Person, case: int, note: str) -> dict[str, Any]:
    """A person is done with a case. Raises Forbidden, InvalidInput, RuleViolation (not open), Unavailable (outcome unknown: look again)."""
    rights.require(actor, "surveillance.close")
    if not note.strip():
        raise InvalidInput(_("Say in the note what the case came to: the next person will read it."), field="note")
    found = door.surveillance("close_surveillance_case", case, actor=actor.get_username(), note=note.strip()[:400])
    with transaction.atomic():
        label = _("case %(case)d") % {"case": case}
        audit.record(
            actor=actor, action="surveillance.case.closed", obj=("surveillance.case", str(case), label), reason=note.strip()[:400],
            after={"pattern": found["pattern"], "step": found["step"], "accounts": found["accounts"]},
        )  # fmt: skip
    announce("surveillance")
    return found
