"""How long the sites of a service may run different versions: then the release holds between two steps."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from seeops.core.clock import now
from seeops.inventory.models import Service
from seeops.releases import batches, differing, services, states
from seeops.releases.models import Release
from seeops.releases.planning import PartWish
from tests.estate import small_estate
from tests.seeops.releases.paper import NEW, OLD, Paper, approved, look, package, paper, people, until

__all__ = ["paper", "people", "small_estate"]
pytestmark = pytest.mark.django_db
MOST_S = 60


def soaking(people: Any, paper: Paper, folder: Any, most_s: int | None) -> Release:
    """A release over both sites whose first batch has brought the new version to one of them, and soaks."""
    service = Service.objects.get(name="quote-push")
    for number in (OLD, NEW):
        package(folder, service, number)
    wish = PartWish(service, NEW, "1, 100%", order=batches.CENTRES)
    release = approved(people, wish, versions_differ_at_most_s=most_s)
    Release.objects.filter(pk=release.pk).update(soak_s=600)
    release = services.release_start(actor=people["lin"], release=release)
    while not release.batches.filter(state=states.SOAKING).exists():
        release = look(paper, release)
    return look(paper, release)


def differ_since(release: Release, seconds: float) -> None:
    assert release.parts.filter(differs_since__isnull=False).update(differs_since=now() - dt.timedelta(seconds=seconds))


def test_sites_that_differ_too_long_hold_the_release_until_a_person_gives_them_the_time_again(people, paper, tmp_path):
    release = soaking(people, paper, tmp_path, MOST_S)
    differ_since(release, MOST_S - 5)
    assert look(paper, release).state == states.RUNNING
    differ_since(release, MOST_S + 1)
    release = look(paper, release)
    assert (release.state, release.hold_kind) == (states.HOLDING, states.OF_VERSIONS)
    assert "different versions of quote-push for more than 60 s" in release.state_reason
    assert release.batches.get(number=1).state == states.SOAKING, "the batch itself is as it was"
    release = services.release_resume(actor=people["lin"], release=release)
    assert look(paper, release).state == states.RUNNING
    release.batches.filter(number=1).update(soak_until=now())
    Release.objects.filter(pk=release.pk).update(soak_s=0)
    release = until(paper, release, states.DONE, turns=120)
    assert not release.parts.filter(differs_since__isnull=False).exists(), "in the end both run the same"


def test_a_plan_without_such_a_time_lets_them_differ(people, paper, tmp_path):
    release = soaking(people, paper, tmp_path, None)
    release.parts.update(differs_since=now() - dt.timedelta(days=1))
    assert look(paper, release).state == states.RUNNING


def test_nodes_under_way_are_not_left_half_changed(people, paper, tmp_path):
    release = soaking(people, paper, tmp_path, MOST_S)
    release.batches.filter(number=1).update(soak_until=now())
    while not release.batches.filter(number=2, state=states.DEPLOYING).exists():
        paper.deaf = True
        release = look(paper, release)
    differ_since(release, MOST_S + 1)
    assert look(paper, release).state == states.RUNNING
    assert release.parts.filter(differs_since__isnull=False).exists(), "they differ all the while"
    paper.deaf = False
    Release.objects.filter(pk=release.pk).update(soak_s=0)
    release = until(paper, release, states.HOLDING)
    assert (release.hold_kind, release.batches.get(number=2).state) == (states.OF_VERSIONS, states.SOAKING)


@pytest.mark.parametrize(
    ("rows", "differs"),
    [
        ([("SZ", OLD), ("WH", OLD)], False),
        ([("SZ", OLD), ("WH", NEW)], True),
        ([("SZ", OLD), ("SZ", NEW), ("WH", NEW)], True),
        ([("SZ", OLD), ("SZ", NEW), ("WH", NEW), ("WH", OLD)], False),
        ([("SZ", NEW)], False),
    ],
)
def test_sites_differ_when_they_run_different_sets_of_versions(rows, differs):
    assert differing.differ(rows) is differs
