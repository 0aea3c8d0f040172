"""In which order services are changed."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seeops.releases.ordering import dependency_order

# How busy the machine is says nothing about the strategies.
SLOW = [HealthCheck.too_slow]


def test_providers_come_before_their_consumers_also_through_services_left_out():
    needs = [("access", "session"), ("session", "order"), ("order", "database")]
    assert dependency_order(["access", "database", "order"], needs).services == ("database", "order", "access")
    assert dependency_order(["access", "order"], needs).services == ("order", "access")


def test_hops_of_a_chain_order_the_services_of_that_chain_only():
    chains = [["access", "cache", "quote"], ["quote", "access"]]
    assert dependency_order(["access", "cache"], [], chains).services == ("cache", "access")
    # access → cache → quote in one chain and quote → access in another is no path from cache to access.
    assert dependency_order(["cache", "quote"], [], chains).cycles == ()


def test_what_is_declared_holds_against_a_chain():
    order = dependency_order(["auth", "cache"], [("auth", "cache")], [["cache", "auth"]])
    assert (order.services, order.cycles) == (("cache", "auth"), ())


def test_a_cycle_is_told_in_words_and_the_order_is_the_same_each_time():
    needs = [("b", "c"), ("c", "a"), ("a", "b"), ("d", "a")]
    order = dependency_order(["d", "c", "b", "a"], needs)
    assert order.services == ("a", "b", "c", "d")
    assert order.cycles == (("a", "b"),)
    assert order.notes[0].startswith("No order serves all of these: a needs b, b needs a.")


def test_chains_that_contradict_each_other_are_told_and_the_rest_is_still_ordered():
    order = dependency_order(
        ["fund", "position", "web"], [("web", "fund")], [["fund", "position"], ["position", "fund"]]
    )
    assert order.cycles == (("fund", "position"),)
    assert order.services == ("fund", "position", "web")


names = st.sampled_from("abcdefgh")


@given(
    chosen=st.sets(names, min_size=1),
    needs=st.lists(st.tuples(names, names), max_size=14),
    chains=st.lists(st.lists(names, max_size=5), max_size=3),
)
@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
def test_every_order_is_complete_deterministic_and_serves_every_need_outside_of_cycles(chosen, needs, chains):
    order = dependency_order(chosen, needs, chains)
    assert sorted(order.services) == sorted(chosen)
    assert dependency_order(sorted(chosen, reverse=True), reversed(needs), chains) == order
    assert len(order.notes) == len(order.cycles)
    if not order.cycles:
        place = {name: position for position, name in enumerate(order.services)}
        assert all(place[b] < place[a] for a, b in needs if a != b and a in chosen and b in chosen)
