"""How many requests a batch must have served before a verdict can say yes. Pure."""

from __future__ import annotations

import math

from seeops.releases.judge_settings import JudgeSettings


def requests_needed(settings: JudgeSettings, nodes: int) -> int:
    """The fewest requests of a batch of `nodes` with which failed requests can pass: so many without a single failure show that their
    share lies below its bound ("rule of three", Hanley and Lippman-Hand 1983), and never fewer than the settings demand."""
    bound = max(settings.error_bound_least, settings.error_bound / max(1, nodes))
    return max(settings.min_requests, math.ceil(math.log(1 - settings.confidence) / math.log(1 - bound)))
