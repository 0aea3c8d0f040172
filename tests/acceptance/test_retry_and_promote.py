"""A retry is a new execution with an approval and verdicts of its own; a promotion lets exactly one step pass."""

from __future__ import annotations

import pytest

from seeops.audit.models import AuditRecord
from seeops.changes import glass
from seeops.changes import services as changes
from seeops.core.errors import RuleViolation
from seeops.releases import services, states
from seeops.releases.models import Release, Verdict
from tests.estate import small_estate
from tests.seeops.changes.control import colleague, with_second_factor
from tests.seeops.releases.paper import NEW, OLD, approved, paper, people, until, wish

__all__ = ["paper", "people", "small_estate"]
pytestmark = pytest.mark.django_db


def test_a_retry_after_an_abort_is_approved_executed_and_judged_anew(people, paper, tmp_path):
    lin, chen = people["lin"], people["chen"]
    paper.outcomes[2] = "INCONCLUSIVE"
    first = services.release_start(actor=lin, release=approved(people, wish(tmp_path, "quote-push", 3)))
    first = until(paper, first, states.HOLDING)
    assert list(Verdict.objects.values_list("batch__number", "outcome")) == [(1, "PASS"), (2, "INCONCLUSIVE")]
    first = until(paper, services.release_abort(actor=lin, release=first, reason="not today"), states.ABORTED)
    assert set(paper.versions(first)) == {OLD}

    again = services.release_retry(actor=lin, release=first)
    assert (again.retry_of, again.number != first.number, again.plan_digest) == (first, True, first.plan_digest)
    with pytest.raises(RuleViolation, match="needs an approval"):
        services.release_start(actor=lin, release=again)
    ticket = again.ticket
    ticket.refresh_from_db()
    ticket = changes.ticket_submit(actor=lin, ticket=ticket) if ticket.state == "draft" else ticket
    changes.ticket_approve(actor=chen, ticket=ticket, reason="read again", seen=ticket.content_digest)
    Release.objects.filter(pk=again.pk).update(soak_s=0)
    paper.outcomes.clear()
    again = until(paper, services.release_start(actor=lin, release=again), states.DONE)
    assert set(paper.versions(again)) == {NEW}
    assert Verdict.objects.filter(batch__release=again, outcome="PASS").count() == 2, "judged from the beginning"
    first.refresh_from_db()
    assert first.state == states.ABORTED
    assert all(count == 1 for count in paper.executed.values())


def test_a_promotion_on_an_inconclusive_verdict_moves_exactly_one_step(people, paper, tmp_path):
    lin = people["lin"]
    paper.outcomes.update({1: "INCONCLUSIVE", 2: "INCONCLUSIVE"})
    release = approved(people, wish(tmp_path, "quote-push", 4, "1, 1, 100%"))
    release = until(paper, services.release_start(actor=lin, release=release), states.HOLDING)
    assert release.hold_kind == states.AT_VERDICT
    release = services.release_promote(actor=lin, release=release, reason="checked by hand")
    release = until(paper, release, states.HOLDING)
    assert [batch.state for batch in release.batches.all()] == [states.PASSED, states.HELD, states.PENDING]
    assert [batch.promoted_by for batch in release.batches.all()] == [lin, None, None]
    release = until(paper, services.release_promote(actor=lin, release=release, reason="again"), states.DONE)
    assert Verdict.objects.filter(batch__release=release).count() == 3, "the last batch is judged all the same"


def test_what_nobody_has_measured_passes_only_on_the_word_of_two(people, paper, tmp_path, client):
    def offered() -> bool:
        return 'data-dialog="promote"' in client.get(f"/releases/{release.pk}/").content.decode()

    client.force_login(people["lin"])
    lin, chen, wu = people["lin"], people["chen"], colleague("wu", "operator")
    paper.outcomes.update({1: "INCONCLUSIVE", 2: "INCONCLUSIVE"})
    paper.blank = {1, 2}
    release = approved(people, wish(tmp_path, "quote-push", 4, "1, 1, 100%"))
    release = until(paper, services.release_start(actor=lin, release=release), states.HOLDING)
    assert release.hold_kind == states.UNMEASURED
    with pytest.raises(RuleViolation, match=r"Nothing of batch 1 of REL-\d+ was measured"):
        services.release_promote(actor=lin, release=release, reason="looks good to me")

    assert not offered()

    code = with_second_factor(wu)
    asked = glass.glass_open(actor=wu, ticket=release.ticket, reason="orders are lost", incident="INC-7", code=code)
    with pytest.raises(RuleViolation, match="Nothing of batch 1"):
        services.release_promote(actor=lin, release=release, reason="one person asked")
    assert not offered()
    seen, code = release.ticket.content_digest, with_second_factor(chen)
    glass.glass_confirm(actor=chen, glass=asked, reason="I agree", seen=seen, code=code)
    assert offered()
    release = services.release_promote(actor=lin, release=release, reason="the old version loses orders")
    assert AuditRecord.objects.get(action="break_glass.use").after["past"] == "batch 1 was not measured"
    assert AuditRecord.objects.get(action="release.promote").after["break_glass"] == "INC-7"

    release = until(paper, release, states.HOLDING)
    paper.blank.clear()
    paper.outcomes.clear()
    release = until(paper, services.release_resume(actor=lin, release=release, reason="it answers again"), states.DONE)
    assert [batch.promoted_by for batch in release.batches.all()] == [lin, None, None]
