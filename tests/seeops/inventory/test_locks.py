"""Locks: all or nothing, one owner at a time, taken over only after they expired, gone with the end of their owner's work."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from seeops.core.clock import now
from seeops.core.leases import LeaseLost
from seeops.inventory import locks
from seeops.inventory.models import Lock, LockHolder, Node

A, B, C = ("node", "a"), ("node", "b"), ("service", "c")


def take(owner: str, *wanted: tuple[str, str], fence: int = 1, seconds: float = 60) -> locks.Taken | locks.Busy:
    return locks.acquire(owner=owner, wanted=wanted, fence=fence, seconds=seconds, reason="test")


def names(owner: str) -> set[str]:
    return set(Lock.objects.filter(holder__owner=owner).values_list("name", flat=True))


def expire(owner: str) -> None:
    LockHolder.objects.filter(owner=owner).update(expires_at=now() - dt.timedelta(seconds=1))


@pytest.mark.django_db
def test_all_or_nothing_is_taken_and_the_owner_is_named():
    assert take("REL-1", A, B) == locks.Taken("REL-1", 1, 2)
    refused = take("RUN-7", B, C)
    assert isinstance(refused, locks.Busy)
    assert (refused.owner, [lock.name for lock in refused.locks]) == ("REL-1", ["b"])
    assert names("RUN-7") == set()
    assert not LockHolder.objects.filter(owner="RUN-7").exists()
    assert "node b is held by REL-1" in refused.sentence
    assert "REL-1" in locks.holding_problem(services=["c"], nodes=[Node(name="a")])
    assert locks.holding_problem(nodes=[Node(name="a")], except_owner="REL-1") == ""


@pytest.mark.django_db
def test_a_lock_is_taken_over_after_it_expired_and_never_before():
    take("REL-1", A, B, seconds=60)
    assert isinstance(take("REL-2", A), locks.Busy)
    expire("REL-1")
    assert isinstance(take("REL-2", A), locks.Taken)
    assert (names("REL-1"), names("REL-2")) == (set(), {"a"}), "nothing is left to an owner that lost a part"
    assert not locks.renew("REL-1", 1)
    assert locks.renew("REL-2", 1)


@pytest.mark.django_db
def test_renewing_keeps_what_nobody_took_over_meanwhile():
    take("REL-1", A)
    expire("REL-1")
    assert locks.blocking([A]) == []
    assert locks.renew("REL-1", 1)
    assert [lock.name for lock in locks.blocking([A])] == ["a"]
    assert not locks.renew("REL-1", 2), "a fence that never was"


@pytest.mark.django_db
def test_the_same_owner_takes_anew_under_a_higher_fence_only():
    take("REL-1", A, B, fence=5)
    assert isinstance(take("REL-1", B, C, fence=6), locks.Taken)
    assert names("REL-1") == {"b", "c"}
    with pytest.raises(LeaseLost, match="higher fence"):
        take("REL-1", A, fence=5)
    assert not locks.release("REL-1", 5)
    assert locks.release("REL-1", 6)
    assert not Lock.objects.exists()


@pytest.mark.django_db
def test_whoever_holds_a_replica_holds_its_shard():
    replica, other = Node(name="m-1", shard=3), Node(name="m-2", shard=3)
    assert isinstance(take("RUN-1", *locks.of_nodes([replica])), locks.Taken)
    refused = take("RUN-2", *locks.of_nodes([other]))
    assert isinstance(refused, locks.Busy)
    assert "shard 3" in refused.sentence


@pytest.mark.django_db(transaction=True)
def test_of_two_who_come_at_once_one_gets_it_and_nobody_waits_in_a_circle():
    wanted = [("node", f"n-{number:03d}") for number in range(200)]
    got: list[Any] = []

    def come(owner: str, order: list[tuple[str, str]]) -> None:
        try:
            for fence in range(5):
                with transaction.atomic():
                    answer = locks.acquire(owner=owner, wanted=order, fence=fence, seconds=60)
                got.append((owner, answer))
                if isinstance(answer, locks.Taken):
                    locks.release(owner)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=come, args=("REL-1", wanted)),
        threading.Thread(target=come, args=("REL-2", wanted[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(got) == 10
    assert any(isinstance(answer, locks.Taken) for _owner, answer in got)
    assert not Lock.objects.exists()


OWNERS = st.sampled_from(["X", "Y", "Z"])
STEP = st.one_of(
    st.tuples(st.just("take"), OWNERS, st.sets(st.sampled_from("abcd"), min_size=1)),
    st.tuples(st.just("release"), OWNERS, st.just(frozenset())),
    st.tuples(st.just("expire"), OWNERS, st.just(frozenset())),
    st.tuples(st.just("renew"), OWNERS, st.just(frozenset())),
)


@pytest.mark.django_db(transaction=True)
@given(steps=st.lists(STEP, max_size=14))
@settings(max_examples=25, deadline=None)
def test_locks_behave_as_a_dictionary_of_owners_would(steps):
    LockHolder.objects.all().delete()
    held: dict[str, set[str]] = {}
    expired: set[str] = set()
    for step, owner, wanted in steps:
        if step == "take":
            in_the_way = {other for other in held if other != owner and held[other] & wanted and other not in expired}
            answer = locks.acquire(owner=owner, wanted=[("node", name) for name in wanted], fence=1, seconds=60)
            assert isinstance(answer, locks.Busy) == bool(in_the_way)
            if not in_the_way:
                for other in [other for other in held if other != owner and held[other] & wanted]:
                    del held[other]
                held[owner] = set(wanted)
                expired.discard(owner)
        elif step == "release":
            assert locks.release(owner) == (owner in held)
            held.pop(owner, None)
        elif step == "expire" and owner in held:
            expire(owner)
            expired.add(owner)
        elif step == "renew":
            assert locks.renew(owner, 1) == (owner in held)
            expired.discard(owner)
        assert {other: names(other) for other in held} == held
        assert LockHolder.objects.count() == len(held)
