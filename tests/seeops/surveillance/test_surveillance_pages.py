"""Pages and API of surveillance: complete in every state, few queries, rights kept, unknown shown as unknown."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from seeops.accounts.models import Person
from seeops.cluster.door import Unreached
from seeops.core.errors import RuleViolation
from seeops.surveillance.models import AccountAction, Outcome
from seeops.surveillance.wording import sentence
from tests.estate import person
from tests.seeops.surveillance.conftest import Answering, action, case

pytestmark = pytest.mark.django_db
QUERIES = 20


def signed_in(who: Any) -> Client:
    client = Client()
    client.force_login(who)
    return client


def text(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, response.content[:300]
    return response.content.decode()


@pytest.mark.parametrize("url", ["/surveillance/", "/surveillance/cases/7/", "/surveillance/accounts/210/"])
def test_pages_say_why_in_a_bounded_number_of_queries(
    surveillance: Answering, on_call: Person, url: str, django_assert_max_num_queries: Any
) -> None:
    client = signed_in(on_call)
    client.get(url)
    with django_assert_max_num_queries(QUERIES):
        page = text(client, url)
    assert "spoofing" in page
    assert "210" in page


@pytest.mark.parametrize("url", ["/surveillance/", "/surveillance/cases/7/", "/surveillance/accounts/210/"])
def test_without_an_answer_pages_say_unknown(surveillance: Answering, on_call: Person, url: str) -> None:
    for call in surveillance.answers:
        surveillance.answers[call] = Unreached("the surveillance does not answer")
    page = text(signed_in(on_call), url)
    assert "the surveillance does not answer" in page
    assert "No case matches" not in page


def test_filters_and_pages_are_in_the_address(surveillance: Answering, on_call: Person) -> None:
    page = text(signed_in(on_call), "/surveillance/?state=&step=warn&pattern=wash&account=12&before=90")
    assert surveillance.calls("surveillance_cases") == [
        {"limit": 50, "step": "warn", "pattern": "wash", "account": "12", "before": "90"}
    ]
    assert "before=7" in page


def test_a_shard_that_is_not_watched_is_told(surveillance: Answering, on_call: Person) -> None:
    status = surveillance.answers["surveillance_status"]
    surveillance.answers["surveillance_status"] = status | {"watching": False, "shards": {"2": {"watching": False}}}
    assert "Shard 2 gives no feed" in text(signed_in(on_call), "/surveillance/")


def test_a_shard_that_does_not_answer_is_unknown_not_active(surveillance: Answering, on_call: Person) -> None:
    page = text(signed_in(on_call), "/surveillance/accounts/210/")
    assert "cancel only" in page
    assert "state unknown" in page or "unknown" in page


def test_a_case_that_does_not_exist_is_not_found(surveillance: Answering, on_call: Person) -> None:
    surveillance.answers["surveillance_case"] = RuleViolation("there is no case 8", code="unknown_case")
    assert signed_in(on_call).get("/surveillance/cases/8/").status_code == 404


def test_the_form_restricts_and_comes_back_to_the_case(surveillance: Answering, on_call: Person) -> None:
    client = signed_in(on_call)
    form = {"status": "1", "reason": "spoofs", "case": "7", "key": "a"}
    response = client.post("/surveillance/accounts/210/status/", form, follow=True)
    assert response.redirect_chain == [("/surveillance/cases/7/", 302)]
    assert "on every shard" in response.content.decode()
    client.post("/surveillance/accounts/210/status/", form)
    assert AccountAction.objects.count() == 1


def test_an_unknown_outcome_is_not_told_as_done(surveillance: Answering, on_call: Person) -> None:
    surveillance.answers["set_account_status"] = action(outcome="unknown")
    response = signed_in(on_call).post(
        "/surveillance/accounts/210/status/", {"status": "2", "reason": "spoofs"}, follow=True
    )
    assert "is not known" in response.content.decode()
    assert AccountAction.objects.get().outcome == Outcome.UNKNOWN


def test_who_may_only_look_sees_no_buttons_and_can_do_nothing(surveillance: Answering) -> None:
    client = signed_in(person("zhao", "auditor"))
    page = text(client, "/surveillance/cases/7/")
    assert "status-210-1" not in page
    assert "close-dialog" not in page
    assert client.post("/surveillance/accounts/210/status/", {"status": "1", "reason": "x"}).status_code == 403
    assert client.post("/surveillance/cases/7/close/", {"note": "x"}).status_code == 403


def test_the_api_lists_closes_and_acts(surveillance: Answering, on_call: Person) -> None:
    client = signed_in(on_call)
    assert client.get("/api/v1/surveillance-cases/?step=act").json()["total"] == 61
    assert client.get("/api/v1/surveillance-cases/7/").json()["id"] == 7
    body = {"status": 1, "reason": "spoofs", "case": 7, "key": "x"}
    answer = client.post("/api/v1/surveillance-accounts/210/status/", body, content_type="application/json")
    assert (answer.status_code, answer.json()["outcome"]) == (200, "executed")
    surveillance.answers["set_account_status"] = Unreached("no answer")
    answer = client.post(
        "/api/v1/surveillance-accounts/210/status/", body | {"key": "y"}, content_type="application/json"
    )
    assert (answer.status_code, answer.json()["outcome"]) == (202, "unknown")
    assert client.get("/api/v1/surveillance-actions/?account=210").json()["count"] == 2
    note = client.post("/api/v1/surveillance-cases/7/close/", {"note": "done"}, content_type="application/json")
    assert note.json()["state"] == "closed"


def test_a_pattern_of_a_newer_surveillance_keeps_its_own_words() -> None:
    assert sentence(case(pattern="novel", sentence="Something new.")) == "Something new."
    assert sentence(case(figures={})) == "Account 210 …"
