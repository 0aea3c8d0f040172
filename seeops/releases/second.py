"""The second opinion: the changed nodes against the service's own nodes in an earlier, comparable window. Pure.

Peers share their minutes with the changed nodes, and with everything that changed nodes do to them: a version that slows
its peers down as well looks no worse than they. The earlier window does not have that fault, but it had another load, so it
is asked with the bounds for margins, and it only ever doubts a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from seeops.releases import counts, measures
from seeops.releases.compared import SECOND, Finding
from seeops.releases.samples import Earlier, NodeSample

if TYPE_CHECKING:
    from seeops.releases.judge_settings import JudgeSettings


def findings(changed: Sequence[NodeSample], earlier: Earlier, settings: JudgeSettings) -> list[Finding]:
    """Mean duration and errors; [] when there is nothing to compare with."""
    before = [sample for sample in earlier.samples if sample.measured]
    if sum(sample.requests for sample in before) < settings.min_requests:
        return []
    lenient = replace(
        settings, duration_margin=settings.duration_bound, duration_bound=2 * settings.duration_bound,
        error_margin=counts.error_bound(len(changed), settings),
    )  # fmt: skip
    found = [measures.mean_duration(changed, before, lenient), counts.errors(changed, before, lenient)]
    return [replace(finding, kind=SECOND) for finding in found]
