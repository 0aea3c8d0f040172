"""Forms of playbooks, previews, schedules and the pages of configuration and inspections."""

from __future__ import annotations

import datetime as dt

import pytest

from seeops.automation import booking, catalogue, choosing, clockwork, inspection_selectors
from seeops.automation.models import Booking, BookingMoment, Run
from seeops.core.clock import now
from seeops.core.errors import InvalidInput
from seeops.inventory.models import Node
from tests.estate import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def lin(client, small_estate):
    lin = person("lin", "operator")
    client.force_login(lin)
    return lin


def test_every_playbook_has_a_form_that_says_its_effect_defaults_and_bounds(lin, client):
    assert client.get("/automation/").status_code == 200
    for book in catalogue.playbooks().values():
        if book.from_form:
            page = client.get(f"/automation/playbooks/{book.code}/?service=auth").content.decode()
            assert all(f'name="{option.name}"' in page for option in book.options)
            assert ('value="check"' in page) == (book.check and book.effect != "reads")
    page = client.get("/automation/playbooks/restart/?service=auth").content.decode()
    assert "takes nodes out of service" in page and 'max="600"' in page and 'value="60"' in page


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_started(lin, client):
    sent = {
        "service": "auth",
        "count": "3",
        "reason": "test",
        "minutes": "soon",
        "node_kib": "999999",
        "sources": "none",
    }
    answer = client.post("/automation/playbooks/logs/", sent)
    assert answer.status_code == 400 and not Run.objects.exists()
    page = answer.content.decode()
    for words in ("is not a whole number", "is outside 1 – 4096", "is none of process, actions"):
        assert 'class="field-problem"' in page and words in page


def test_nodes_are_chosen_by_what_they_are(lin):
    def names(**choice):
        return set(choosing.nodes(choice).values_list("name", flat=True))

    Node.objects.filter(service__name="auth").update(state="drained")
    assert names(service=["auth"], centre=["SZ-A"]) == names(service="auth") & names(centre=["SZ-A"])
    assert names(state=["drained"]) == names(service=["auth"])
    assert names(shard=["0"]) == set(Node.objects.filter(shard=0).values_list("name", flat=True)) != set()
    assert names(all=True) == set(Node.objects.values_list("name", flat=True)) and names() == set()
    with pytest.raises(InvalidInput, match="nowhere-1"):
        choosing.nodes({"names": ["nowhere-1"]})
    with pytest.raises(InvalidInput, match="rack"):
        choosing.nodes({"rack": "1"})


def test_a_schedule_chooses_its_nodes_when_its_moment_comes_and_starts_once(
    lin, client, django_capture_on_commit_callbacks
):
    sent = {"all": "1", "do": "schedule", "expression": "30 8 * * *", "trading_days_only": "1", "reason": "pre-open"}
    assert client.post("/automation/playbooks/inspection/", sent).status_code == 302
    row = Booking.objects.get()
    assert row.next_at.astimezone(dt.timezone(dt.timedelta(hours=8))).strftime("%H:%M") == "08:30"
    assert inspection_selectors.standing().state == "absent"
    due = now() - dt.timedelta(seconds=20)
    Booking.objects.update(next_at=due)
    assert (clockwork.start_due(booking.PLAYBOOKS), clockwork.start_due(booking.PLAYBOOKS)) == (1, 0)
    moment = BookingMoment.objects.get()
    assert moment.run.hosts_total == Node.objects.count() and moment.outcome == "started"
    for path in ("schedules/", "inspections/", "playbooks/inspection/", "configurations/", "configurations/drift/"):
        assert client.get(f"/automation/{path}").status_code == 200


@pytest.mark.parametrize("fate", ["late", "missed", "unsettled"])
def test_an_inspection_that_should_be_there_and_is_not_is_never_good(lin, client, fate):
    row = booking.booking_make(
        actor=lin, playbook="inspection", choice={"all": True}, inputs={}, expression="30 8 * * *", trading_days_only=False,
        missed="skip", reason="x",
    )  # fmt: skip
    ago = now() - dt.timedelta(minutes=10)
    if fate == "unsettled":
        Booking.objects.update(next_at=ago)
    else:
        outcome = "started" if fate == "late" else "missed"
        BookingMoment.objects.create(booking=row, due_at=ago, at=ago, outcome=outcome)
    found = inspection_selectors.standing()
    assert found.state == "unknown" and found.needs_somebody and inspection_selectors.missing_bookings() == 1
    assert found.text in client.get("/automation/inspections/").content.decode()


def test_a_configuration_is_drafted_in_the_form(lin, client):
    names = list(Node.objects.filter(service__name="auth").values_list("name", flat=True))
    page = client.get("/automation/configurations/new/?service=auth").content.decode()
    assert f'name="count" value="{len(names)}"' in page
    sent = {"service": "auth", "count": str(len(names)), "settings": "workers", "reason": "test", "batch_size": "10"}
    answer = client.post("/automation/configurations/new/", sent)
    assert answer.status_code == 400 and "is not key = value" in answer.content.decode()
    answer = client.post("/automation/configurations/new/", sent | {"settings": "workers = 6"})
    assert answer.status_code == 302
    assert client.get(answer.url).status_code == 200
