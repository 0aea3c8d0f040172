"""Parts that are not taken back by themselves: a bad one waits for a person, and what only goes forward stays where it is."""

from __future__ import annotations

from typing import Any

import pytest

from seeops.automation.models import Run
from seeops.releases import engine, services, states
from seeops.releases.models import Release
from tests.estate import small_estate
from tests.seeops.changes.control import with_second_factor
from tests.seeops.releases.paper import NEW, OLD, Paper, approved, look, paper, people, until, wish

__all__ = ["paper", "people", "small_estate"]
pytestmark = pytest.mark.django_db


def planned(people: Any, folder: Any, how: str, expression: str = "1, 100%") -> Release:
    """Approved, although what only goes forward is a high risk."""
    code = with_second_factor(people["chen"])
    return approved(people, wish(folder, "quote-push", 3, expression, reversibility=how), code=code)


def bad(people: Any, paper: Paper, release: Release, batch: int = 2) -> Release:
    """The release when its batch has failed its verdict."""
    paper.outcomes[batch] = "FAIL"
    release = services.release_start(actor=people["lin"], release=release)
    return until(paper, release, states.HOLDING, states.ROLLING_BACK)


@pytest.mark.parametrize(
    ("how", "said"), [("manual", "rolled back when a person says so"), ("forward_only", "only goes forward")]
)
def test_a_bad_batch_waits_for_a_person(people, paper, tmp_path, how, said):
    release = bad(people, paper, planned(people, tmp_path, how))
    assert (release.state, release.hold_kind) == (states.HOLDING, states.OF_FAILURE)
    assert said in release.state_reason
    for _turn in range(3):
        look(paper, release)
    assert not Run.objects.filter(purpose="rollback").exists()
    assert set(paper.versions(release)) == {NEW}


def test_what_is_taken_back_by_hand_goes_back_when_a_person_aborts(people, paper, tmp_path):
    release = bad(people, paper, planned(people, tmp_path, "manual"))
    services.release_abort(actor=people["lin"], release=release, reason="take it back")
    release = until(paper, release, states.ABORTED)
    assert set(paper.versions(release)) == {OLD}


def test_what_only_goes_forward_stays_when_a_person_aborts(people, paper, tmp_path):
    release = bad(people, paper, planned(people, tmp_path, "forward_only"))
    services.release_abort(actor=people["lin"], release=release, reason="leave it")
    release = until(paper, release, states.ABORTED)
    assert set(paper.versions(release)) == {NEW}
    assert not Run.objects.filter(purpose="rollback").exists()
    assert "3 stay on a version that only goes forward" in release.state_reason
    assert not release.batches.filter(state__in=states.UNDER_WAY).exists()


def test_what_only_goes_forward_is_repaired_and_goes_on(people, paper, tmp_path):
    release = bad(people, paper, planned(people, tmp_path, "forward_only"))
    paper.outcomes.clear()
    release = until(paper, services.release_resume(actor=people["lin"], release=release), states.DONE)
    assert set(paper.versions(release)) == {NEW}
    assert max(paper.executed.values()) == 1, "no node was deployed to twice"


def test_beside_a_part_that_stays_the_other_goes_back(people, paper, tmp_path):
    """The part that is hardest to take back decides whether a person is asked; each part then does what it declares."""
    release = approved(people, wish(tmp_path, "access-mobile", 2), wish(tmp_path, "quote-push", 2))
    release.parts.filter(service__name="access-mobile").update(reversibility="forward_only")
    release = bad(people, paper, release, batch=4)
    assert (release.state, release.hold_kind) == (states.HOLDING, states.OF_FAILURE)
    services.release_abort(actor=people["lin"], release=release, reason="take back what can be")
    release = until(paper, release, states.ABORTED)
    found = {part.service.name: part for part in release.parts.all()}
    for name, version in (("access-mobile", NEW), ("quote-push", OLD)):
        nodes = release.nodes.filter(batch__part=found[name]).values_list("node__name", flat=True)
        assert {paper.nodes[node].version for node in nodes} == {version}


def test_nodes_of_such_a_part_that_were_stopped_midway_are_read_back_or_said_to_be_unknown(people, paper, tmp_path):
    release = planned(people, tmp_path, "forward_only", "100%")
    release = services.release_start(actor=people["lin"], release=release)
    engine.advance(release.pk)
    engine.advance(release.pk)
    done, midway, never = release.nodes.order_by("position").values_list("node__name", flat=True)
    paper.nodes[done].version = NEW
    paper.nodes[midway].reachable = False
    services.release_abort(actor=people["lin"], release=release, reason="stop")
    release = until(paper, release, states.ABORTED)
    found = dict(release.nodes.values_list("node__name", "state"))
    assert found[done] == states.NODE_DONE
    assert found[midway] in (states.NODE_UNREACHABLE, states.NODE_UNKNOWN)
    assert found[never] == states.NODE_UNKNOWN
