"""A plan may accept that some nodes of a batch do not arrive: failed, unreachable and silent ones count together."""

from __future__ import annotations

from typing import Any

import pytest

from seeops.automation.models import Run
from seeops.releases import services, states
from seeops.releases.models import Release
from tests.estate import small_estate
from tests.seeops.releases.paper import NEW, OLD, Paper, approved, paper, people, until, wish

__all__ = ["paper", "people", "small_estate"]
pytestmark = pytest.mark.django_db
SHARE = 0.5  # of the four nodes of the second batch two may be lost


class Scene:
    """Five nodes, one in the first batch; `second` are the names of the others in the order in which they are begun."""

    def __init__(self, people: Any, paper: Paper, folder: Any, share: float = SHARE) -> None:
        self.people, self.paper = people, paper
        self.release = release = approved(people, wish(folder, "quote-push", 5), budget_share=share)
        nodes = release.batches.get(number=2).nodes.order_by("position")
        self.second = list(nodes.values_list("node__name", flat=True))

    def lose(self, *how: str) -> None:
        """The first nodes of the second batch: refuses, unreachable or silent, in this order."""
        for name, what in zip(self.second, how, strict=False):
            node = self.paper.nodes[name]
            node.refuses, node.reachable, node.silent = what == "refuses", what != "unreachable", what == "silent"

    def until(self, *wanted: str) -> Release:
        self.release = services.release_start(actor=self.people["lin"], release=self.release)
        self.release = until(self.paper, self.release, *wanted)
        return self.release

    def begun(self) -> list[str]:
        return [name for name in self.second if self.paper.nodes[name].begun]


@pytest.fixture
def scene(people: Any, paper: Paper, tmp_path: Any) -> Scene:
    return Scene(people, paper, tmp_path)


@pytest.mark.parametrize(
    "how",
    [("refuses", "refuses"), ("refuses", "unreachable"), ("unreachable", "silent"), ("silent", "silent")],
    ids="-".join,
)
def test_within_the_budget_every_node_is_begun_and_the_batch_is_judged(scene, how):
    scene.lose(*how)
    release = scene.until(states.HOLDING)
    assert scene.begun() == scene.second
    assert [batch.verdicts.count() for batch in release.batches.order_by("number")] == [1, 1], "both were judged"
    # A release is not done without its nodes, whatever its batches may lose.
    assert (release.hold_kind, scene.paper.versions(release)) == (states.OF_NODES, {NEW: 3, OLD: 2})
    assert "2 nodes are not done" in release.state_reason


def test_beyond_the_budget_no_further_node_is_begun_and_a_failure_ends_the_release(scene):
    scene.lose("unreachable", "silent", "refuses")
    release = scene.until(states.ROLLED_BACK, states.FAILED, states.HOLDING)
    assert scene.begun() == scene.second[:3], "the fourth node was not begun"
    assert not release.batches.get(number=2).verdicts.exists()
    assert "of 4 nodes of batch 2 failed" in "".join(release.events.values_list("text", flat=True))
    assert release.state in (states.ROLLED_BACK, states.FAILED)


def test_beyond_the_budget_nodes_that_say_nothing_hold_the_release(scene):
    scene.lose("unreachable", "silent", "silent")
    release = scene.until(states.HOLDING)
    assert scene.begun() == scene.second[:3]
    assert (release.hold_kind, release.batches.get(number=2).verdicts.exists()) == (states.OF_NODES, False)
    assert release.state_reason.startswith("4 nodes of batch 2 did not report")


def test_what_a_run_may_lose_is_the_share_of_its_nodes_rounded_down(people, paper, tmp_path):
    Scene(people, paper, tmp_path, share=0.49).until(states.DONE)
    assert list(Run.objects.order_by("pk").values_list("hosts_total", "budget")) == [(1, 0), (4, 1)]


def test_a_roll_back_goes_on_however_many_nodes_it_loses(scene):
    scene.paper.outcomes[2] = "FAIL"
    scene.until(states.ROLLING_BACK)
    scene.lose("unreachable", "unreachable", "unreachable", "unreachable")
    release = until(scene.paper, scene.release, states.FAILED)
    assert Run.objects.filter(purpose="rollback").first().budget is None
    assert scene.paper.versions(release) == {NEW: 4, OLD: 1}
