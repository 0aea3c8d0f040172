"""The triggers behind releases: what must never be is refused by the database, whoever writes it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from seeops.changes import freezes
from seeops.core.clock import now
from seeops.inventory.models import Lock
from seeops.releases import engine, services, states
from seeops.releases.models import Batch, Release, ReleaseEvent, Verdict
from tests.estate import small_estate
from tests.seeops.changes.control import colleague
from tests.seeops.releases.paper import Paper, approved, look, paper, people, until, wish

__all__ = ["paper", "people", "small_estate"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def ready(people: Any, paper: Paper, tmp_path: Any) -> Release:
    return approved(people, wish(tmp_path, "quote-push", 3))


@pytest.fixture
def running(ready: Release, people: Any) -> Release:
    return services.release_start(actor=people["lin"], release=ready)


@pytest.fixture
def done(running: Release, paper: Paper) -> Release:
    return until(paper, running, states.DONE)


def written(release: Release, **values: Any) -> int:
    """Past every service, in a transaction of its own."""
    with transaction.atomic():
        return Release.objects.filter(pk=release.pk).update(**values)


def refused(release: Release, match: str, **values: Any) -> None:
    with pytest.raises(DatabaseError, match=match):
        written(release, **values)


def freeze() -> None:
    """Production is frozen for an hour, by a person, for everything."""
    values = {"title": "auction", "reason": "the market opens", "kind": "once", "starts_at": now() - dt.timedelta(hours=1),
              "ends_at": now() + dt.timedelta(hours=1), "everywhere": True}  # fmt: skip
    freezes.rule_save(actor=colleague("root", "administrator"), rule=None, values=values, scope={}, reason="asked for")


SOMEBODY = {"started_at": dt.datetime(2026, 3, 2, tzinfo=dt.UTC)}


@pytest.mark.parametrize("then", sorted({*states.FOLLOWS} - states.FOLLOWS[states.READY] - {states.READY}))
def test_a_release_takes_no_step_that_its_states_forbid(ready, people, then):
    refused(
        ready, f"ready is not followed by {then}", state=then, started_by=people["lin"], finished_at=now(), **SOMEBODY
    )


@pytest.mark.parametrize("then", sorted({*states.FOLLOWS} - states.FOLLOWS[states.RUNNING] - {states.RUNNING}))
def test_nor_while_it_runs(running, then):
    refused(running, f"running is not followed by {then}", state=then, finished_at=now())


def test_the_states_that_may_follow_are_taken(running):
    assert written(running, state=states.HOLDING)
    assert written(running, state=states.RUNNING)


def test_an_epoch_never_goes_back(running):
    written(running, epoch=7)
    refused(running, "its epoch 7 is not followed by 6", epoch=6)
    assert written(running, epoch=7)


@pytest.mark.parametrize(
    "values",
    [{"state_reason": "otherwise"}, {"plan": {}}, {"plan_digest": "0" * 64}, {"finished_at": None}, {"soak_s": 5},
     {"number": "REL-99999"}],
    ids=lambda values: next(iter(values)),
)  # fmt: skip
def test_what_has_ended_is_not_changed(done, values):
    refused(done, "has ended \\(done\\) and is not changed any more", **values)


def test_what_has_ended_is_not_deleted_by_hand(done):
    with pytest.raises(DatabaseError, match="has ended"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM releases_release WHERE id = %s", [done.pk])


def test_the_worker_that_ended_it_may_still_give_its_lease_back(done):
    assert written(done, owner="", lease_until=None, looked_at=now())


def test_a_failed_roll_back_may_be_tried_again(running, people):
    written(running, state=states.ROLLING_BACK)
    written(running, state=states.FAILED, finished_at=now())
    assert written(running, state=states.ROLLING_BACK, finished_at=None)


def test_ended_means_at_a_moment_and_active_means_by_somebody(running, ready, people, paper, tmp_path):
    written(running, state=states.ROLLING_BACK)
    with pytest.raises(IntegrityError, match="release_ended_at_a_moment"):
        written(running, state=states.ABORTED)
    other = approved(people, wish(tmp_path, "access-mobile", 2))
    with pytest.raises(IntegrityError, match="release_started_by_somebody"):
        written(other, state=states.RUNNING, started_at=now())


def test_a_service_has_one_release_under_way_whoever_writes(running, people, tmp_path):
    second = approved(people, wish(tmp_path, "quote-push", 3))
    with pytest.raises(IntegrityError, match="one_running_release_per_service"):
        written(second, state=states.RUNNING, started_by=people["lin"], started_at=now())
    assert [part.active for part in running.parts.all()] == [True], "marked by the database alone"
    with pytest.raises(IntegrityError, match="one_running_release_per_service"), transaction.atomic():
        second.parts.update(active=True)


def test_its_end_frees_its_locks_whoever_writes_it(running):
    assert Lock.objects.filter(holder__owner=running.number).exists()
    written(running, state=states.ROLLING_BACK)
    assert Lock.objects.exists()
    written(running, state=states.ABORTED, finished_at=now())
    assert not Lock.objects.exists()
    assert not running.parts.filter(active=True).exists()


def batch_refused(batch: Batch, match: str, **values: Any) -> None:
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        Batch.objects.filter(pk=batch.pk).update(**values)


@pytest.mark.parametrize(
    "then", sorted({*states.BATCH_FOLLOWS} - states.BATCH_FOLLOWS[states.PENDING] - {states.PENDING})
)
def test_a_batch_takes_no_step_that_its_states_forbid(running, then):
    batch_refused(running.batches.get(number=1), f"pending is not followed by {then}", state=then)


def test_a_batch_that_was_rolled_back_stays_so(running, people, paper):
    paper.outcomes[1] = "INCONCLUSIVE"
    release = until(paper, running, states.HOLDING)
    services.release_abort(actor=people["lin"], release=release, reason="stop")
    until(paper, release, states.ABORTED)
    for then in (states.PASSED, states.DEPLOYING, states.SOAKING):
        batch_refused(running.batches.get(number=1), f"rolled_back is not followed by {then}", state=then)


def test_a_batch_begins_only_while_its_release_runs(ready, running, people):
    services.release_hold(actor=people["lin"], release=running, reason="wait")
    batch_refused(running.batches.get(number=1), "cannot begin: the release is not running", state=states.DEPLOYING)


def test_no_batch_begins_while_production_is_frozen(running, people):
    freeze()
    batch_refused(
        running.batches.get(number=1), "cannot begin: production is frozen \\(auction\\)", state=states.DEPLOYING
    )


def test_a_batch_that_has_begun_may_end_in_a_freeze_and_a_roll_back_is_never_stopped(running, people, paper):
    engine.advance(running.pk)
    assert running.batches.get(number=1).state == states.DEPLOYING
    freeze()
    while running.batches.get(number=1).state != states.PASSED:
        look(paper, running)
    services.release_abort(actor=people["lin"], release=running, reason="back to what was")
    until(paper, running, states.ABORTED)


@pytest.mark.parametrize("model", [ReleaseEvent, Verdict])
def test_history_and_verdicts_are_never_changed(done, model):
    row = model.objects.first()
    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
        model.objects.filter(pk=row.pk).update(
            **({"text": "otherwise"} if model is ReleaseEvent else {"outcome": "FAIL"})
        )
    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
        model.objects.filter(pk=row.pk).delete()
