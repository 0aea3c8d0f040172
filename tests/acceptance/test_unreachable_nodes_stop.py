"""Four of five nodes cannot be reached: the next batch does not begin, whatever is asked, until a person has decided."""

from __future__ import annotations

import pytest

from seeops.core.errors import InvalidInput, RuleViolation
from seeops.releases import services, states
from seeops.releases.models import BatchRun
from tests.estate import small_estate
from tests.seeops.releases.paper import NEW, approved, look, paper, people, until, wish

__all__ = ["paper", "people", "small_estate"]
pytestmark = pytest.mark.django_db


def test_four_of_five_unreachable_nodes_stop_the_next_batch(people, paper, tmp_path):
    lin = people["lin"]
    first, second = wish(tmp_path, "quote-push", 6), wish(tmp_path, "access-mobile", 1, "1")
    release = services.release_start(actor=lin, release=approved(people, first, second))
    big = max(release.batches.all(), key=lambda batch: batch.nodes.count())
    after = [batch for batch in release.batches.all() if batch.number > big.number]
    names = list(big.nodes.values_list("node__name", flat=True))
    assert len(names) == 5
    silent = names[:4]
    for name in silent:
        paper.nodes[name].reachable = False
    release = until(paper, release, states.HOLDING)
    assert release.hold_kind == states.OF_NODES
    assert "5 nodes of batch" in release.state_reason
    assert dict(big.nodes.values_list("node__name", "state")) == {
        names[4]: states.NODE_DEPLOYING, **dict.fromkeys(silent, states.NODE_UNREACHABLE),
    }  # fmt: skip
    assert not paper.nodes[names[4]].begun, "the plan lets no node be lost: after the first no further one is begun"
    for _turn in range(4):
        look(paper, release)
    assert not BatchRun.objects.filter(batch__in=after).exists()
    assert not release.batches.filter(number__gt=big.number).exclude(state=states.PENDING).exists()
    with pytest.raises(RuleViolation, match="does not wait for a promotion"):
        services.release_promote(actor=lin, release=release, reason="go on")

    release = until(paper, services.release_resume(actor=lin, release=release), states.HOLDING)
    assert release.hold_kind == states.OF_NODES, "resuming tries them again and holds again"

    for name in silent[:3]:
        paper.nodes[name].reachable = True
    release = until(paper, services.release_resume(actor=lin, release=release), states.HOLDING)
    assert "2 nodes of batch" in release.state_reason
    with pytest.raises(InvalidInput, match="reason"):
        services.release_skip_nodes(actor=lin, release=release, nodes=[silent[3]], reason=" ")
    with pytest.raises(RuleViolation, match="are done"):
        services.release_skip_nodes(actor=lin, release=release, nodes=[names[0]], reason="x")
    release = services.release_skip_nodes(actor=lin, release=release, nodes=[silent[3]], reason="its disk is dead")
    assert (release.state, release.hold_kind) == (states.HOLDING, states.OF_NODES)
    release = until(paper, services.release_resume(actor=lin, release=release), states.DONE)
    assert "1 were left out" in release.state_reason
    left = release.nodes.get(state=states.NODE_SKIPPED)
    assert (left.node.name, left.message) == (silent[3], "its disk is dead")
    assert paper.versions(release) == {NEW: 6, "1.0.0": 1}
    assert release.events.filter(text__contains="left 1 nodes out").exists()
