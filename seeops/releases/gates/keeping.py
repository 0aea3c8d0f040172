"""The rows of gates: which attempt counts, how one begins and how it ends."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from seeops.audit import services as audit
from seeops.core.clock import now
from seeops.core.live import announce
from seeops.releases import journal, states
from seeops.releases.gates.models import MOST_TEXT, Gate, GateState
from seeops.releases.models import Release, ReleasePart

AGAIN = (GateState.INCONCLUSIVE, GateState.STOPPED)


def current(release: Release, part: ReleasePart, kind: str, longest_s: float) -> Gate:
    """The attempt that counts, locked in the caller's transaction: the last one, or a new one when a person had the release go on after
    the last one ended without a decision."""
    Release.objects.select_for_update(of=("self",)).get(pk=release.pk)  # two workers open one attempt, not two
    last = Gate.objects.select_for_update(of=("self",)).filter(part=part, kind=kind).order_by("-attempt").first()
    if last is not None and not (last.state in AGAIN and _resumed(release, last)):
        return last
    moment = now()
    gate = Gate.objects.create(
        release=release, part=part, kind=kind, attempt=last.attempt + 1 if last else 1, began=moment,
        until=moment + dt.timedelta(seconds=longest_s),
    )  # fmt: skip
    tell(release)
    return gate


def _resumed(release: Release, gate: Gate) -> bool:
    return release.events.filter(before=states.HOLDING, after=states.RUNNING, at__gt=gate.ended).exists()


def progress(gate: Gate, text: str, *, state: str | None = None, work: Mapping[str, Any] | None = None) -> None:
    """Note how an open gate stands."""
    before = (gate.state, gate.text, dict(gate.work))
    gate.state, gate.text = state or gate.state, text[:MOST_TEXT]
    gate.work = {**gate.work, **(work or {})}
    if before != (gate.state, gate.text, gate.work):
        gate.save(update_fields=["state", "text", "work"])
        tell(gate.release)


def end(gate: Gate, state: str, text: str, evidence: Mapping[str, Any]) -> None:
    """Decide a gate for good; the decision goes into the audit log with the digest of its evidence."""
    gate.state, gate.text, gate.ended = state, text[:MOST_TEXT], now()
    gate.evidence = json.loads(json.dumps(evidence, default=str))
    gate.digest = digest(gate.evidence)
    gate.save(update_fields=["state", "text", "ended", "evidence", "digest"])
    audit.record(
        actor=journal.engine(), action="release.gate", obj=gate.release,
        after={"gate": gate.kind, "part": gate.part.title, "attempt": gate.attempt, "state": state, "text": gate.text,
               "work": gate.work, "digest": gate.digest},
    )  # fmt: skip
    tell(gate.release)


def digest(evidence: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON, hex."""
    text = json.dumps(evidence, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def tell(release: Release) -> None:
    """Tell the pages that show the release."""
    announce(f"release-{release.pk}")
