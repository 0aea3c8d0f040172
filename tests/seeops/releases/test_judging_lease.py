"""A judgement that has to wait for Prometheus keeps the release, so that nobody else begins the same judgement."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from seeops.core.errors import Unavailable
from seeops.releases import collect, services
from seeops.releases.judging import judge_batch
from seeops.releases.models import Outcome
from tests.seeops.releases.paper import Paper, approved, look, paper, people, wish

__all__ = ["paper", "people"]
pytestmark = pytest.mark.django_db


def keepers(pk: int) -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == f"lease-Release-{pk}"]


def test_the_lease_is_kept_until_prometheus_has_answered_or_not(
    people: dict[str, Any], paper: Paper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = services.release_start(actor=people["lin"], release=approved(people, wish(tmp_path, "quote-push", 3)))
    release = look(paper, release)
    kept: list[list[str]] = []

    def silent(*_what: Any, **_how: Any) -> None:
        kept.append(keepers(release.pk))
        raise Unavailable("it does not answer")

    monkeypatch.setattr(collect, "measure", silent)
    judgement = judge_batch(release, release.batches.order_by("number").first())
    assert judgement.verdict.outcome == Outcome.INCONCLUSIVE
    assert len(kept[0]) == 1
    assert keepers(release.pk) == []
