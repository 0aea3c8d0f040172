"""A release holds at a batch boundary rather than go over the end of its window or into a freeze; nothing of it is ever begun late."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import pytest
from django.db.models import F

from seeops.changes import freezes
from seeops.changes import services as changes
from seeops.changes.models import ChangeTicket
from seeops.core.clock import now
from seeops.core.errors import Forbidden, RuleViolation
from seeops.inventory.models import Service, Version
from seeops.releases import dispatch, engine, services, states, timing
from seeops.releases.models import Batch, Release
from seeops.releases.planning import PartWish
from tests.seeops.changes.control import colleague

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def people(small_estate: Any) -> dict[str, Any]:
    return {
        "lin": colleague("lin", "operator"),
        "chen": colleague("chen", "approver"),
        "root": colleague("root", "administrator"),
    }


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of batches whose run would have been queued."""
    found: list[int] = []
    monkeypatch.setattr(dispatch, "queue_deploy", lambda release, batch, nodes: found.append(batch.number))
    return found


@pytest.fixture
def release(people: dict[str, Any], tmp_path: Any) -> Release:
    service = Service.objects.get(name="quote-push")
    package = tmp_path / "package"
    package.write_bytes(b"package")
    digest = hashlib.sha256(b"package").hexdigest()
    Version.objects.update_or_create(service=service, number="1.1.0", defaults={"digest": digest, "file": str(package)})
    ticket = changes.ticket_create(
        actor=people["lin"], title="quote-push", kind="normal", services=[service], reason="r",
        window_end=now() + 60 * MINUTE,
    )  # fmt: skip
    made = services.release_plan(
        actor=people["lin"], ticket=ticket, parts=[PartWish(service, "1.1.0", "1, 2, 100%")], soak_s=60
    )
    ticket = changes.ticket_submit(actor=people["lin"], ticket=ticket)
    changes.ticket_approve(actor=people["chen"], ticket=ticket, reason="read", seen=ticket.content_digest)
    made.refresh_from_db()
    return made


def frozen_in(people: dict[str, Any], minutes: float) -> None:
    starts = now() + minutes * MINUTE
    values = {"title": "Opening", "reason": "x", "kind": "once", "starts_at": starts, "ends_at": starts + 600 * MINUTE,
              "everywhere": True}  # fmt: skip
    freezes.rule_save(actor=people["root"], rule=None, values=values, scope={}, reason="x")


def advanced(release: Release) -> Release:
    engine.advance(release.pk)
    release.refresh_from_db()
    return release


def first_batch_passed(release: Release, seconds: float) -> None:
    """As if the first batch had been deployed in so many seconds."""
    begun = now() - 5 * MINUTE
    batch = release.batches.filter(number=1)
    for state in (states.DEPLOYING, states.SOAKING, states.JUDGING, states.PASSED):
        batch.update(state=state)
    batch.update(started_at=begun, deployed_at=begun + dt.timedelta(seconds=seconds), finished_at=now())


def test_with_time_enough_the_batch_begins(people, release, queued):
    release = services.release_start(actor=people["lin"], release=release)
    assert advanced(release).state == states.RUNNING
    assert queued == [1]


def test_a_freeze_begins_between_two_batches_and_the_release_holds_before_the_second(people, release, queued):
    release = services.release_start(actor=people["lin"], release=release)
    first_batch_passed(release, seconds=4)
    frozen_in(people, minutes=1)
    held = advanced(release)
    assert (held.state, queued) == (states.HOLDING, [])
    assert "is not begun" in held.state_reason
    assert held.batches.get(number=2).state == states.PENDING
    services.release_resume(actor=people["lin"], release=held)
    assert advanced(held).state == states.HOLDING, "resuming changes nothing while the freeze comes"
    for rule in freezes.FreezeRule.objects.filter(title="Opening"):
        freezes.rule_remove(actor=people["root"], rule=rule, reason="called off")
    services.release_resume(actor=people["lin"], release=held)
    assert advanced(held).state == states.RUNNING
    assert queued == [2]


def test_measured_times_decide_whether_a_batch_still_fits(people, release, queued):
    release = services.release_start(actor=people["lin"], release=release)
    second = release.batches.get(number=2)
    assert timing.measured_turn_s(second) is None
    unmeasured = timing.batch_needs_s(release, second)
    first_batch_passed(release, seconds=4)
    assert timing.measured_turn_s(second) == 4
    assert timing.batch_needs_s(release, second) < unmeasured
    frozen_in(people, minutes=4)
    assert changes.ticket_batch_problem(release.ticket, timing.batch_needs_s(release, second)) == ""
    Batch.objects.filter(release=release, number=1).update(deployed_at=F("started_at") + 30 * MINUTE)
    assert changes.ticket_batch_problem(release.ticket, timing.batch_needs_s(release, second))
    assert advanced(release).state == states.HOLDING
    assert queued == []


def test_inside_a_freeze_a_release_does_not_start_and_one_that_runs_may_still_go_back(people, release, queued, client):
    frozen_in(people, minutes=-1)
    client.force_login(people["lin"])
    answer = client.post(f"/api/v1/releases/{release.pk}/start/", {}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (409, "rule")
    assert "Opening" in answer.json()["detail"]
    with pytest.raises(RuleViolation, match="Opening"):
        services.release_start(actor=people["lin"], release=release)
    release.refresh_from_db()
    assert release.state == states.READY
    freezes.FreezeRule.objects.update(enabled=False)
    freezes.expand_all()
    release = services.release_start(actor=people["lin"], release=release)
    freezes.FreezeRule.objects.update(enabled=True)
    freezes.expand_all()
    services.release_abort(actor=people["lin"], release=release, reason="back")
    assert advanced(release).state == states.ABORTED


def test_who_approved_the_ticket_does_not_start_its_release(people, release):
    chen = people["chen"]
    chen.roles = ["approver", "operator"]
    chen.save()
    del chen._grants
    with pytest.raises(Forbidden, match="somebody else must carry it out"):
        services.release_start(actor=chen, release=release)
    assert ChangeTicket.objects.get(pk=release.ticket_id).state == "approved"
