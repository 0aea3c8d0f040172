"""The page of a release of two services, the page to leave nodes out, and the page of locks."""

from __future__ import annotations

import re

import pytest

from seeops.automation.models import Run
from seeops.bootstrap.paths import SHARED_VAR
from seeops.inventory.models import Lock
from seeops.releases import services, states
from tests.seeops.releases.paper import approved, look, paper, people, until, wish

__all__ = ["paper", "people"]
pytestmark = pytest.mark.django_db


def test_an_operator_sees_parts_locks_and_what_to_do_and_leaves_a_node_out(people, paper, tmp_path, client):
    lin = people["lin"]
    client.force_login(lin)
    release = approved(people, wish(tmp_path, "quote-push", 3), wish(tmp_path, "access-mobile", 2), lock_policy="queue")
    silent = release.nodes.order_by("batch__number", "position").last().node.name
    paper.nodes[silent].reachable = False
    release = services.release_start(actor=lin, release=release)
    look(paper, release)
    waiting = approved(people, wish(tmp_path, "quote-push", 3), lock_policy="queue")
    waiting = services.release_start(actor=lin, release=waiting)
    page = client.get(f"/releases/{waiting.pk}/live/").content.decode()
    assert "waiting its turn" in page
    assert f"Waits for {release.number}" in page

    release = until(paper, release, states.HOLDING)
    page = client.get(f"/releases/{release.pk}/").content.decode()
    assert page.count('class="release-part ') == 2
    assert "Nodes did not report." in page
    assert "Leave nodes out" in page
    assert f"Holds {Lock.objects.count()} locks" in page
    board = client.get(f"/releases/{release.pk}/board.json").json()
    assert (board["parts"], {batch["part"] for batch in board["batches"]}) == (
        2, {"quote-push 1.1.0", "access-mobile 1.1.0"},
    )  # fmt: skip
    locks = client.get("/estate/locks/").content.decode()
    assert release.number in locks
    found = client.get(f"/api/v1/locks/?name={silent}").json()["results"]
    assert [lock["owner"] for lock in found] == [release.number]

    address = f"/releases/{release.pk}/skip/"
    assert silent in client.get(address).content.decode()
    assert client.post(address, {"node": silent, "reason": ""}).status_code == 400
    assert client.post(address, {"node": silent, "reason": "its disk is dead"}).status_code == 302
    assert client.post(f"/releases/{release.pk}/resume/", {}).status_code == 302
    until(paper, release, states.DONE)
    shown = client.get(f"/api/v1/releases/{release.pk}/").json()
    assert (shown["progress"]["skipped"], shown["progress"]["done"]) == (1, 4)


@pytest.mark.django_db(transaction=True)
def test_the_log_shows_what_each_run_did_on_each_node_when_somebody_asks(
    paper, people, tmp_path, settings, browser, live_server, client
):
    settings.STATICFILES_DIRS = [SHARED_VAR / "static-build"]
    release = services.release_start(actor=people["lin"], release=approved(people, wish(tmp_path, "quote-push", 3)))
    release = until(paper, release, states.DONE)
    for run in Run.objects.all():
        Run.objects.filter(pk=run.pk).update(events_count=run.events.count())
    client.force_login(people["lin"])
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}])
    page, errors = context.new_page(), []
    page.set_default_timeout(60_000)
    page.route(re.compile("/stream/"), lambda route: route.abort())
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{live_server.url}/releases/{release.pk}/?tab=log")
    assert page.locator(".grid-row").count() == 0, "nothing is read before somebody opens it"
    last = Run.objects.latest("pk")
    page.get_by_text(f"Nodes and tasks of {last.number}").click()
    page.wait_for_selector(".grid-row i")
    assert page.locator(".grid-row").count() == len(last.targets)
    context.close()
    assert errors == []
