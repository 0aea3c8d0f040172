"""The door for Alertmanager, the pages and the API of alerts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from seeops.accounts import services as accounts
from seeops.accounts.models import Person
from seeops.accounts.selectors import machine
from seeops.alerts import runbooks
from seeops.alerts.models import AlertGroup

Notification = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.django_db


@pytest.fixture
def post(client: Client, alertmanager: Person, valkey_url: str) -> Callable[[Any], Any]:
    accounts.token_create(actor=None, person=machine("alertmanager"), name="test", key="m" * 40)

    def send(body: Any) -> Any:
        return client.post(
            "/api/v1/alert-webhook/",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {'m' * 40}"},
        )

    return send


def test_a_notification_becomes_a_group(post: Callable, notification: Notification) -> None:
    assert post(notification()).json() == {"new": 1, "ended": 0, "repeated": 0, "heartbeats": 0, "revived": 0}
    assert AlertGroup.objects.get().name == "NodeDown"


@pytest.mark.parametrize("body", ["[]", "{", '{"version": "4", "alerts": [{}]}', '{"version": "9"}', "\x00"])
def test_garbage_is_refused_in_words(post: Callable, body: str) -> None:
    answer = post(body)
    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert AlertGroup.objects.count() == 0


def test_strangers_and_people_do_not_report_alerts(client: Client, auditor: Person, notification: Notification) -> None:
    assert client.post("/api/v1/alert-webhook/", notification(), content_type="application/json").status_code == 401
    client.force_login(auditor)
    assert client.post("/api/v1/alert-webhook/", notification(), content_type="application/json").status_code == 403


def test_the_list_says_what_is_open_in_a_bounded_number_of_queries(
    post: Callable, client: Client, on_call: Person, notification: Notification, django_assert_max_num_queries
) -> None:
    for number in range(30):
        post(notification(service=f"service-{number}"))
    client.force_login(on_call)
    with django_assert_max_num_queries(14):
        page = client.get(reverse("alerts:list"), headers={"HX-Request": "true"}).content.decode()
    assert page.count("data-href") == 30
    assert "blind" in page


def test_the_list_without_heartbeat_never_says_that_all_is_well(
    client: Client, on_call: Person, valkey_url: str
) -> None:
    client.force_login(on_call)
    page = client.get(reverse("alerts:list")).content.decode()
    assert "Whether anything is wrong is not known" in page
    assert "Nothing here needs you" not in page


def test_filters_and_export(post: Callable, client: Client, on_call: Person, notification: Notification) -> None:
    post(notification(service="auth"))
    post(notification(service="session", severity="critical"))
    client.force_login(on_call)
    page = client.get(reverse("alerts:list"), {"severity": "critical"}).content.decode()
    assert "session" in page
    assert page.count("data-href") == 1
    table = b"".join(client.get(reverse("alerts:list"), {"format": "csv"}).streaming_content).decode()
    assert len(table.splitlines()) == 3


@pytest.mark.parametrize("tab", ["summary", "relations", "metrics", "history", "audit"])
def test_every_tab_of_a_group(
    tab: str, post: Callable, client: Client, on_call: Person, notification: Notification
) -> None:
    post(notification())
    client.force_login(on_call)
    answer = client.get(AlertGroup.objects.get().get_absolute_url(), {"tab": tab})
    assert answer.status_code == 200
    assert "n-1 does not serve" in answer.content.decode()


@pytest.mark.parametrize(
    ("url", "shown"), [("/surveillance/?step=act", True), ("//elsewhere/", False), ("http://x/", False)]
)
def test_a_group_leads_to_the_page_that_its_alerts_name(
    url: str, shown: bool, post: Callable, client: Client, on_call: Person, notification: Notification
) -> None:
    body = notification()
    body["alerts"][0]["annotations"]["page_url"] = url
    post(body)
    client.force_login(on_call)
    page = client.get(AlertGroup.objects.get().get_absolute_url()).content.decode()
    assert (f'href="{url}"' in page) is shown


def test_acknowledge_and_resolve_through_the_pages(
    post: Callable, client: Client, on_call: Person, notification: Notification
) -> None:
    post(notification())
    group = AlertGroup.objects.get()
    client.force_login(on_call)
    assert client.post(reverse("alerts:acknowledge", args=[group.pk])).status_code == 302
    assert client.post(reverse("alerts:resolve", args=[group.pk]), {"note": "replaced the disk"}).status_code == 302
    group.refresh_from_db()
    assert (group.state, group.resolved_by) == ("resolved", on_call)


def test_the_api_acts_through_the_same_services(
    post: Callable, client: Client, on_call: Person, auditor: Person, notification: Notification
) -> None:
    post(notification())
    pk = AlertGroup.objects.get().pk
    client.force_login(auditor)
    assert client.post(f"/api/v1/alerts/{pk}/acknowledge/", {}, content_type="application/json").status_code == 403
    client.force_login(on_call)
    answer = client.post(f"/api/v1/alerts/{pk}/acknowledge/", {"note": "mine"}, content_type="application/json")
    assert answer.json()["acknowledged_by"] == "zhou"
    assert client.get("/api/v1/alerts/", {"state": "open"}).json()["count"] == 1
    assert client.get(f"/api/v1/alerts/{pk}/").json()["alerts"][0]["labels"]["node"] == "n-1"
    assert client.get("/api/v1/alerts/path/").json()["blind"] is True


def test_every_runbook_has_a_page(client: Client, on_call: Person, valkey_url: str) -> None:
    client.force_login(on_call)
    for name in runbooks._all():
        assert client.get(reverse("alerts:runbook", args=[name])).status_code == 200
    assert client.get(reverse("alerts:runbook", args=["Nothing"])).status_code == 404
