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
from seeops.core.leases import kept, renew
from seeops.releases import collect, states, surroundings, verdict
from seeops.releases.fencing import LEASE_S
from seeops.releases.judge_settings import JudgeSettings
from seeops.releases.models import Batch, BatchNode, Release, Verdict
from seeops.releases.samples import NodeSample, Surroundings
from seeops.topology import selectors as topology

UNCHANGED, PASSED_BEFORE = "unchanged", "passed"
# In the evidence of a verdict: why nothing could be measured.
PROBLEM = "problem"


@dataclass(frozen=True)
class Judgement:
    """A verdict with what it was decided from, not stored yet. `longer_helps`: whether soaking longer could decide what is
    inconclusive."""

    verdict: verdict.Verdict
    baseline: str
    window: tuple[dt.datetime, dt.datetime]
    evidence: dict[str, Any]
    longer_helps: bool = True

    @property
    def measured(self) -> bool:
        """Whether there was anything to decide from."""
        return PROBLEM not in self.evidence


def judge_batch(release: Release, batch: Batch) -> Judgement:
    """Compare the batch's nodes with their peers over the soak, and look around. A Prometheus that does not answer makes it
    INCONCLUSIVE, however long it lets one wait: one question may take longer than the lease lasts."""
    with kept(Release, release.pk, epoch=release.epoch, seconds=LEASE_S):
        return _judge(release, batch)


def _judge(release: Release, batch: Batch) -> Judgement:
    settings = JudgeSettings.of(release.plan["judge"])
    baseline, peers = _peers(release, batch, settings)
    changed = list(batch.nodes.filter(state=states.NODE_DONE).select_related("node__centre"))
    window = (batch.soak_from or now(), now())
    service, version = batch.part.service, batch.part.version.number

    def keep_lease() -> None:
        renew(Release, release.pk, epoch=release.epoch, seconds=LEASE_S)

    wanted = [_wanted(item, version) for item in changed]
    wanted_peers = [_wanted(item, version if baseline == PASSED_BEFORE else item.from_version) for item in peers]
    everyone = [*wanted, *wanted_peers]
    try:
        measured = collect.measure(service.name, everyone, *window, between=keep_lease)
    except SeeOpsError as error:
        if error.code == "lease_lost":
            raise
        missing = verdict.Verdict(verdict.INCONCLUSIVE, _("nothing could be measured: %(why)s") % {"why": error}, ())
        return Judgement(missing, baseline, window, {PROBLEM: str(error)})
    chains = [chain.code for chain in topology.chains_of(service)]
    began = batch.started_at or window[0]
    around = surroundings.measure(service.name, chains, everyone, began, *window, between=keep_lease)
    evidence = {
        "settings": release.plan["judge"],
        "queries": measured.queries,
        "changed": [measured.samples[item.name].as_json() for item in wanted],
        "peers": [measured.samples[item.name].as_json() for item in wanted_peers],
        "around": around.as_json(),
    }
    found = _from(evidence, settings)
    return Judgement(found, baseline, window, evidence, found.longer_helps(_attainable(release, batch)))


def _from(evidence: dict[str, Any], settings: JudgeSettings) -> verdict.Verdict:
    """The one way from evidence to a verdict, for the first judgement and for every later one."""
    return verdict.judge(
        [NodeSample.from_json(sample) for sample in evidence["changed"]],
        [NodeSample.from_json(sample) for sample in evidence["peers"]],
        settings,
        Surroundings.from_json(evidence["around"]) if "around" in evidence else None,
    )


def _attainable(release: Release, batch: Batch) -> float:
    """How many times as long as now the soak becomes when it is extended as often as the plan allows."""
    return (1 + release.plan["most_extensions"]) / (1 + batch.extensions)


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
    return Verdict.objects.create(
        batch=batch, outcome=judgement.verdict.outcome, summary=judgement.verdict.summary[:400],
        baseline=judgement.baseline, window_from=judgement.window[0], window_until=judgement.window[1],
        metrics=metrics, evidence=judgement.evidence,
        digest=_digest(judgement.verdict.outcome, metrics, judgement.evidence),
    )  # fmt: skip


def _digest(outcome: str, metrics: list[dict[str, Any]], evidence: dict[str, Any]) -> str:
    content = {"outcome": outcome, "metrics": metrics, "evidence": evidence}
    return hashlib.sha256(rfc8785.dumps(content)).hexdigest()


def intact(kept: Verdict) -> bool:
    """Whether outcome, metrics and evidence are what was stored, to the byte."""
    return _digest(kept.outcome, kept.metrics, kept.evidence) == kept.digest


def judge_again(kept: Verdict, settings: JudgeSettings | None = None) -> verdict.Verdict:
    """The verdict that the stored evidence gives now, with the same or other settings. Where nothing had been measured it
    stays INCONCLUSIVE whatever the settings."""
    if "changed" not in kept.evidence:
        return verdict.Verdict(verdict.INCONCLUSIVE, kept.summary, ())
    return _from(kept.evidence, settings or JudgeSettings.of(kept.evidence["settings"]))
