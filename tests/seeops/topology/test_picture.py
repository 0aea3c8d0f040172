"""The picture: at most as many things as can be read, the worst state of a group, chains as filters."""

from __future__ import annotations

from typing import Any

from seeops.topology import selectors
from seeops.topology.picture import picture


def test_the_whole_estate_fits_and_says_what_it_shows(small_estate: dict[str, Any]) -> None:
    snapshot = selectors.snapshot()
    states = {service.name: "good" for service in snapshot.services if service.name != "cache"}
    whole = picture(snapshot, states)
    assert {thing.id for thing in whole.things} == {service.name for service in snapshot.services}
    assert next(thing for thing in whole.things if thing.id == "cache").state == "unknown"
    assert whole.hidden == 0 and whole.digest == snapshot.digest
    places = {(thing.x, thing.y) for thing in whole.things}
    assert len(places) == len(whole.things)


def test_a_chain_shows_its_own_services_only(small_estate: dict[str, Any]) -> None:
    snapshot = selectors.snapshot()
    shown = picture(snapshot, {}, chains=["login"])
    assert {thing.id for thing in shown.things} == {"access-mobile", "auth", "account", "cache", "session"}
    assert [edge.chains for edge in shown.edges] == [["login"]] * 4


def test_too_many_things_are_gathered_and_counted(small_estate: dict[str, Any]) -> None:
    snapshot = selectors.snapshot()
    gathered = picture(snapshot, {service.name: "good" for service in snapshot.services} | {"cache": "bad"}, most=10)
    assert gathered.gathered_by == "domain"
    assert sum(thing.count for thing in gathered.things) == len(snapshot.services)
    assert next(thing for thing in gathered.things if thing.id == "common").state == "bad"
