"""Measures a batch, judges it, and keeps verdict and evidence."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any

import rfc8785
from django.utils.translation import gettext_noop as _  # stored in English, read by core.sentences

from seeops.core.clock import now
from seeops.core.errors import SeeOpsError
from seeops.core.leases import renew
from seeops.releases import collect, states, verdict
from seeops.releases.fencing import LEASE_S
from seeops.releases.models import Batch, BatchNode, Release, Verdict
from seeops.releases.samples import NodeSample
from seeops.releases.verdict import JudgeSettings

UNCHANGED, PASSED_BEFORE = "unchanged", "passed"


@dataclass(frozen=True)
class Judgement:
    """A verdict with what it was decided from, not stored yet."""

    verdict: verdict.Verdict
    baseline: str
    window: tuple[dt.datetime, dt.datetime]
    evidence: dict[str, Any]


def judge_batch(release: Release, batch: Batch) -> Judgement:
    """Compare the batch's nodes with their peers over the soak. A Prometheus that does not answer makes it INCONCLUSIVE."""
    settings = JudgeSettings(**release.plan["judge"])
    baseline, peers = _peers(release, batch, settings)
    changed = list(batch.nodes.filter(state=states.NODE_DONE).select_related("node__centre"))
    window = (batch.soak_from or now(), now())

    def keep_lease() -> None:
        renew(Release, release.pk, epoch=release.epoch, seconds=LEASE_S)

    version = batch.part.version.number
    wanted = [_wanted(item, version) for item in changed]
    wanted_peers = [_wanted(item, version if baseline == PASSED_BEFORE else item.from_version) for item in peers]
    try:
        measured = collect.measure(
            batch.part.service.name, [*wanted, *wanted_peers], *window, between=keep_lease
        )  # fmt: skip
    except SeeOpsError as error:
        if error.code == "lease_lost":
            raise
        missing = verdict.Verdict(verdict.INCONCLUSIVE, _("nothing could be measured: %(why)s") % {"why": error}, ())
        return Judgement(missing, baseline, window, {"problem": str(error)})
    ours = [measured.samples[item.name] for item in wanted]
    theirs = [measured.samples[item.name] for item in wanted_peers]
    evidence = {
        "settings": release.plan["judge"],
        "queries": measured.queries,
        "changed": [sample.as_json() for sample in ours],
        "peers": [sample.as_json() for sample in theirs],
    }
    return Judgement(verdict.judge(ours, theirs, settings), baseline, window, evidence)


def _wanted(item: BatchNode, version: str) -> collect.Wanted:
    return collect.Wanted(item.node.name, item.node.centre.code, version)


def _peers(release: Release, batch: Batch, settings: JudgeSettings) -> tuple[str, list[BatchNode]]:
    """Nodes that still run the old version; in a last batch, which leaves too few of them, those that passed before."""
    everyone = BatchNode.objects.filter(batch__part=batch.part).exclude(batch=batch).select_related("node__centre")
    unchanged = list(everyone.filter(state=states.NODE_PENDING))
    if len(unchanged) >= settings.min_peers:
        return UNCHANGED, unchanged
    return PASSED_BEFORE, list(everyone.filter(batch__state=states.PASSED, state=states.NODE_DONE))


def keep(batch: Batch, judgement: Judgement) -> Verdict:
    """Store the verdict with its evidence and digest (inside `fenced`)."""
    metrics = judgement.verdict.as_json()
    content = {"outcome": judgement.verdict.outcome, "metrics": metrics, "evidence": judgement.evidence}
    return Verdict.objects.create(
        batch=batch, outcome=judgement.verdict.outcome, summary=judgement.verdict.summary[:400],
        baseline=judgement.baseline, window_from=judgement.window[0], window_until=judgement.window[1],
        metrics=metrics, evidence=judgement.evidence, digest=hashlib.sha256(rfc8785.dumps(content)).hexdigest(),
    )  # fmt: skip


def judge_again(kept: Verdict, settings: JudgeSettings | None = None) -> verdict.Verdict:
    """The verdict that the stored evidence gives now, with the same or other settings."""
    evidence = kept.evidence
    used = settings or JudgeSettings(**evidence["settings"])
    changed = [NodeSample.from_json(sample) for sample in evidence["changed"]]
    peers = [NodeSample.from_json(sample) for sample in evidence["peers"]]
    return verdict.judge(changed, peers, used)
