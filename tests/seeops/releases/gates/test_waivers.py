"""A person's word in place of a gate that could not say yes or no: for one gate, once, with a reason, for ever on record."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from seeops.core.errors import Forbidden, InvalidInput, RuleViolation
from seeops.releases import gates, gating, services, states
from seeops.releases.gates import GateAnswer
from seeops.releases.models import GatePoint, GateWaiver, Release
from tests.estate import small_estate
from tests.seeops.changes.control import colleague
from tests.seeops.releases.paper import NEW, Paper, approved, paper, people, until, wish

__all__ = ["paper", "people", "small_estate"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the gates before and after a part's first batch say; how often they are asked is counted in `asked`."""
    said = {"before": gates.INCONCLUSIVE, "after": gates.INCONCLUSIVE}
    monkeypatch.setattr(gates, "before_part", lambda release, part: GateAnswer(said["before"], "not measured"))
    monkeypatch.setattr(gates, "after_batch", lambda release, batch: GateAnswer(said["after"], "not measured"))
    return said


@pytest.fixture
def held(answers: dict[str, str], people: Any, paper: Paper, tmp_path: Any) -> Release:
    """A release that holds at the gate before its first part."""
    release = services.release_start(actor=people["lin"], release=approved(people, wish(tmp_path, "quote-push", 3)))
    return until(paper, release, states.HOLDING)


def test_it_lets_exactly_one_gate_pass(held, paper, people):
    assert (held.hold_kind, held.held_gate) == (states.AT_GATE, "before 1")
    release = services.release_promote(actor=people["lin"], release=held, reason="journal was looked at by hand")
    release = until(paper, release, states.HOLDING)
    assert release.held_gate == "after 1", "the next gate is asked all the same"
    assert paper.versions(release)[NEW] == 1
    waiver = GateWaiver.objects.get()
    assert (waiver.batch.number, waiver.point, waiver.by, waiver.reason) == (
        1, GatePoint.BEFORE, people["lin"], "journal was looked at by hand",
    )  # fmt: skip
    release = services.release_promote(actor=people["lin"], release=release, reason="and the fault too")
    assert until(paper, release, states.DONE).state == states.DONE
    assert list(GateWaiver.objects.values_list("point", flat=True)) == ["before", "after"]


def test_a_waived_gate_is_not_asked_again_and_only_that_one_is_open(held, people, answers):
    first, second = held.batches.order_by("number")
    assert not gating.before(held, first).open
    GateWaiver.objects.create(batch=first, point=GatePoint.BEFORE, by=people["lin"], reason="looked at")
    assert gating.before(held, first) == gating.NO_GATE
    assert gating.after(held, first).key == "after 1"
    assert gating.before(held, second).key == "after 1"


def test_a_gate_that_failed_is_nobodys_to_waive(answers, paper, people, tmp_path):
    answers["before"] = gates.FAILED
    release = services.release_start(actor=people["lin"], release=approved(people, wish(tmp_path, "quote-push", 3)))
    release = until(paper, release, states.ABORTED)
    with pytest.raises(RuleViolation, match="not possible now"):
        services.release_promote(actor=people["lin"], release=release, reason="never mind")
    assert NEW not in paper.versions(release)
    assert not GateWaiver.objects.exists()


def test_it_needs_the_right_and_a_reason(held, people):
    with pytest.raises(InvalidInput, match="reason"):
        services.release_promote(actor=people["lin"], release=held, reason="  ")
    with pytest.raises(Forbidden):
        services.release_promote(actor=colleague("mo", "viewer"), release=held, reason="it looks good")
    assert not GateWaiver.objects.exists()


def test_it_is_given_once_and_never_changed(held, people):
    batch = held.batches.get(number=1)
    waiver = GateWaiver.objects.create(batch=batch, point=GatePoint.BEFORE, by=people["lin"], reason="looked at")
    with pytest.raises(IntegrityError, match="gate_waived_once"), transaction.atomic():
        GateWaiver.objects.create(batch=batch, point=GatePoint.BEFORE, by=people["chen"], reason="me too")
    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
        GateWaiver.objects.filter(pk=waiver.pk).update(reason="something else")
    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
        waiver.delete()
