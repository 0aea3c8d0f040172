"""People restrict and release accounts: right, reason, audit, key, and an outcome that is only good when every shard has confirmed it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from seeops.accounts.models import Person
from seeops.audit.models import AuditRecord
from seeops.cluster.door import Unreached
from seeops.core.clock import now
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation
from seeops.surveillance import services
from seeops.surveillance.models import AccountAction, AccountStatus, Outcome
from tests.seeops.surveillance.conftest import Answering, action

pytestmark = pytest.mark.django_db
CANCEL_ONLY, SUSPENDED = AccountStatus.CANCEL_ONLY, AccountStatus.SUSPENDED


def _records() -> Any:
    return AuditRecord.objects.filter(action__startswith="surveillance.").order_by("seq")


def restrict(actor: Person, **changes: Any) -> AccountAction:
    wanted = {"account": 210, "status": CANCEL_ONLY, "reason": "spoofs", "case": 7} | changes
    return services.account_set_status(actor=actor, **wanted)


def test_an_executed_action_is_kept_with_actor_reason_and_audit(surveillance: Answering, operator: Person) -> None:
    made = restrict(operator)
    assert (made.outcome, made.account, made.case, made.actor) == (Outcome.EXECUTED, 210, 7, operator)
    assert surveillance.calls("set_account_status") == [
        {"reason": "spoofs", "actor": "li", "key": str(made.key), "case": 7}
    ]
    assert list(_records().values_list("action", "reason")) == [
        ("surveillance.account", "spoofs"),
        ("surveillance.account.executed", "spoofs"),
    ]


def test_the_same_key_asks_once(surveillance: Answering, operator: Person) -> None:
    first, second = restrict(operator, key="k"), restrict(operator, key="k")
    assert first.pk == second.pk
    assert len(surveillance.calls("set_account_status")) == 1
    with pytest.raises(InvalidInput):
        restrict(operator, key="k", account=211)


def test_without_an_answer_the_outcome_is_unknown_and_asked_again(surveillance: Answering, operator: Person) -> None:
    surveillance.answers["set_account_status"] = Unreached("no answer")
    made = restrict(operator)
    assert (made.outcome, made.settled_at, made.mark) == (Outcome.UNKNOWN, None, "unknown")
    AccountAction.objects.update(asked_at=now() - dt.timedelta(minutes=1), tried_at=now() - dt.timedelta(minutes=1))
    surveillance.answers["set_account_status"] = action()
    assert services.actions_settle() == 1
    made.refresh_from_db()
    assert made.outcome == Outcome.EXECUTED
    assert len({call["key"] for call in surveillance.calls("set_account_status")}) == 1
    assert services.actions_settle() == 0


def test_a_refusal_is_final_and_told(surveillance: Answering, operator: Person) -> None:
    surveillance.answers["set_account_status"] = RuleViolation("no shard has account 210", code="unknown_account")
    made = restrict(operator)
    assert (made.outcome, made.detail["code"]) == (Outcome.REFUSED, "unknown_account")
    assert services.actions_settle() == 0


@pytest.mark.parametrize("outcome", ["requested", "unknown"])
def test_what_only_some_shards_did_stays_open(surveillance: Answering, operator: Person, outcome: str) -> None:
    surveillance.answers["set_account_status"] = action(outcome=outcome)
    assert restrict(operator).settled_at is None


def test_rights_differ_by_what_is_done(surveillance: Answering, operator: Person, approver: Person) -> None:
    for actor, status in ((operator, SUSPENDED), (operator, AccountStatus.ACTIVE), (approver, CANCEL_ONLY)):
        with pytest.raises(Forbidden):
            restrict(actor, status=status)
    assert not surveillance.asked
    assert not AccountAction.objects.exists()


@pytest.mark.parametrize("changes", [{"reason": " "}, {"status": 9}, {"account": 0}])
def test_what_cannot_be_meant_is_refused_before_anything_happens(
    surveillance: Answering, on_call: Person, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        restrict(on_call, **changes)
    assert not surveillance.asked
    assert not _records().exists()


def test_closing_a_case_needs_a_note_and_leaves_a_record(surveillance: Answering, operator: Person) -> None:
    with pytest.raises(InvalidInput):
        services.case_close(actor=operator, case=7, note="")
    services.case_close(actor=operator, case=7, note="talked to the desk")
    assert surveillance.calls("close_surveillance_case") == [{"actor": "li", "note": "talked to the desk"}]
    assert _records().get().action == "surveillance.case.closed"
