"""Leases: one owner at a time, and a late writer changes nothing."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator

import pytest
from django.db import connection, models

from seeops.core import leases
from seeops.core.clock import now
from tests.polling import eventually


class LeasedThing(leases.Leased):
    """A table of the tests alone."""

    value = models.CharField(max_length=10, default="")

    class Meta:
        app_label = "core"


@pytest.fixture
def thing(db: None) -> LeasedThing:
    with connection.schema_editor() as editor:
        editor.create_model(LeasedThing)
    return LeasedThing.objects.create()


def test_a_lease_has_one_owner_until_it_runs_out(thing: LeasedThing) -> None:
    first = leases.claim(LeasedThing, thing.pk, owner="a", seconds=30)
    assert first == 1
    assert leases.claim(LeasedThing, thing.pk, owner="b", seconds=30) is None
    LeasedThing.objects.filter(pk=thing.pk).update(lease_until=now() - dt.timedelta(seconds=1))
    assert leases.claim(LeasedThing, thing.pk, owner="b", seconds=30) == 2


def test_a_write_with_an_old_epoch_changes_nothing(thing: LeasedThing) -> None:
    old = leases.claim(LeasedThing, thing.pk, owner="a", seconds=-1)
    new = leases.claim(LeasedThing, thing.pk, owner="b", seconds=30)
    with pytest.raises(leases.LeaseLost):
        leases.write(LeasedThing, thing.pk, epoch=old, value="late")
    with pytest.raises(leases.LeaseLost):
        leases.renew(LeasedThing, thing.pk, epoch=old, seconds=30)
    leases.write(LeasedThing, thing.pk, epoch=new, value="right")
    thing.refresh_from_db()
    assert thing.value == "right"
    assert thing.owner == "b"


def test_a_lease_given_back_is_free_at_once(thing: LeasedThing) -> None:
    epoch = leases.claim(LeasedThing, thing.pk, owner="a", seconds=30)
    assert leases.release(LeasedThing, thing.pk, epoch=epoch)
    assert leases.claim(LeasedThing, thing.pk, owner="b", seconds=30) == 2
    assert not leases.release(LeasedThing, thing.pk, epoch=epoch)


@pytest.fixture
def shared_thing(transactional_db: None) -> Iterator[LeasedThing]:
    """One that other connections see."""
    with connection.schema_editor() as editor:
        editor.create_model(LeasedThing)
    yield LeasedThing.objects.create()
    with connection.schema_editor() as editor:
        editor.delete_model(LeasedThing)


def test_a_lease_is_kept_while_something_slow_is_asked_and_not_longer(shared_thing: LeasedThing) -> None:
    epoch = leases.claim(LeasedThing, shared_thing.pk, owner="slow", seconds=0.6)
    with leases.kept(LeasedThing, shared_thing.pk, epoch=epoch, seconds=0.6):
        time.sleep(1.5)
        assert leases.claim(LeasedThing, shared_thing.pk, owner="other", seconds=1) is None
    eventually(lambda: leases.claim(LeasedThing, shared_thing.pk, owner="other", seconds=1), "it runs out", 5)


def test_a_lease_that_was_taken_over_is_not_kept(shared_thing: LeasedThing) -> None:
    epoch = leases.claim(LeasedThing, shared_thing.pk, owner="slow", seconds=0.3)
    LeasedThing.objects.filter(pk=shared_thing.pk).update(epoch=epoch + 1, owner="other", lease_until=None)
    with leases.kept(LeasedThing, shared_thing.pk, epoch=epoch, seconds=0.3):
        time.sleep(0.5)
    shared_thing.refresh_from_db()
    assert (shared_thing.owner, shared_thing.lease_until) == ("other", None)
