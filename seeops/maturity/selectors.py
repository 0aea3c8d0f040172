"""Reads: newest evidence per measure, ratings, exports."""

from __future__ import annotations

from seeops.core.clock import now
from seeops.maturity import rating
from seeops.maturity.framework import Framework
from seeops.maturity.models import Attestation, Evidence


def newest_facts(framework: Framework) -> dict[str, rating.Fact]:
    """The newest evidence of every measure, and the newest attestation of every criterion of `framework`, in two queries."""
    facts = {
        row.measure: rating.Fact(row.value, row.sample, row.collected_at, row.pk)
        for row in Evidence.objects.order_by("measure", "-collected_at", "-pk").distinct("measure")
    }
    for attestation in (
        Attestation.objects.filter(framework=framework.code).order_by("criterion", "-at", "-pk").distinct("criterion")
    ):
        facts[attestation.criterion] = rating.Fact(1.0, 1, attestation.at, attestation.pk)
    return facts


def rate_now(framework: Framework) -> rating.Rating:
    """The rating at this moment."""
    return rating.rate(framework, newest_facts(framework), now())
