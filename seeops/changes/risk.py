"""How risky a change is, in points with a reason each. Pure.

Every input that is worse never takes points away, and what is not known counts like what is bad. The level follows from the sum.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from seeops.changes import calendar

LOW, MEDIUM, HIGH = "low", "medium", "high"
LEVELS = (LOW, MEDIUM, HIGH)
MEDIUM_FROM, HIGH_FROM = 30, 70

AUTO, MANUAL, FORWARD_ONLY = "auto", "manual", "forward_only"
REVERSIBILITY_POINTS = {AUTO: 0, MANUAL: 15, FORWARD_ONLY: 35}

PHASE_POINTS = {
    calendar.CLOSED: 0, calendar.SETTLEMENT: 10, calendar.LUNCH: 15, calendar.PRE_OPEN: 20, calendar.CONTINUOUS: 30,
    calendar.UNKNOWN: 30, calendar.OPENING_AUCTION: 40, calendar.CLOSING_AUCTION: 40,
}  # fmt: skip

FLOW_MOST, CRITICAL_EACH, CRITICAL_MOST = 20, 5, 15
SPOF_MOST, UNKNOWN_MOST, SIZE_MOST = 5, 10, 10
HISTORY_MOST, NOVELTY_POINTS, URGENCY_POINTS = 25, 8, 10


@dataclass(frozen=True)
class Inputs:
    """What is known of a change. Shares are between 0 and 1.

    `lost_share`: flow lost if all of it fails; `critical_chains`: critical chains that lose flow or of which nothing can be said;
    `nodes` of `nodes_of_services` are changed; `phases`: phases of the session that the window touches, None while the
    trading calendar is not in force; `changes`, `failed`: earlier changes of these services and how many failed or were rolled back.
    """

    lost_share: float
    critical_chains: int
    single_points: int
    unknown_nodes: int
    nodes: int
    nodes_of_services: int
    phases: Collection[str] | None
    changes: int
    failed: int
    reversibility: str = AUTO
    emergency: bool = False


@dataclass(frozen=True)
class Reason:
    """Points and the sentence that says why."""

    code: str
    points: int
    text: str


@dataclass(frozen=True)
class Risk:
    level: str
    points: int
    reasons: tuple[Reason, ...]

    def as_dict(self) -> dict[str, object]:
        return {
            "level": self.level,
            "points": self.points,
            "medium_from": MEDIUM_FROM,
            "high_from": HIGH_FROM,
            "reasons": [{"code": item.code, "points": item.points, "text": item.text} for item in self.reasons],
        }


def assess(inputs: Inputs) -> Risk:
    """Points of every reason, the heaviest first, and the level of their sum."""
    reasons = sorted(_reasons(inputs), key=lambda item: (-item.points, item.code))
    points = sum(item.points for item in reasons)
    level = HIGH if points >= HIGH_FROM else MEDIUM if points >= MEDIUM_FROM else LOW
    return Risk(level, points, tuple(reasons))


def _reasons(given: Inputs) -> list[Reason]:
    return [
        Reason("flow", round(FLOW_MOST * given.lost_share), f"{given.lost_share:.1%} of the flow is lost if all of it fails"),
        Reason(
            "critical_chains",
            min(CRITICAL_MOST, CRITICAL_EACH * given.critical_chains),
            f"{given.critical_chains} critical business chains depend on it",
        ),
        Reason(
            "single_points", min(SPOF_MOST, given.single_points),
            f"{given.single_points} places have nothing to spare afterwards",
        ),
        Reason("unknown", min(UNKNOWN_MOST, given.unknown_nodes), f"the state of {given.unknown_nodes} nodes is not known"),
        _size(given),
        _phase(given.phases),
        _history(given.changes, given.failed),
        Reason("reversibility", REVERSIBILITY_POINTS[given.reversibility], _REVERSIBLE[given.reversibility]),
        Reason(
            "urgency", URGENCY_POINTS if given.emergency else 0,
            "an emergency leaves less time to look" if given.emergency else "there is time to look",
        ),
    ]  # fmt: skip


_REVERSIBLE = {
    AUTO: "it is taken back by itself",
    MANUAL: "it is taken back by hand",
    FORWARD_ONLY: "it cannot be taken back, only repaired forward",
}


def _size(given: Inputs) -> Reason:
    share = 1.0 if given.nodes_of_services <= 0 else min(1.0, given.nodes / given.nodes_of_services)
    points = round(SIZE_MOST * share) if given.nodes > 1 else 0
    return Reason("size", points, f"{given.nodes} of {given.nodes_of_services} nodes of the services are changed")


def _phase(phases: Collection[str] | None) -> Reason:
    """Not counted while the calendar is not in force, and said so; with an open window the worst phase it may meet counts."""
    if phases is None:
        return Reason("phase", 0, "the trading calendar is not in force: the phase of the session is not counted")
    worst = max(phases, key=lambda phase: (PHASE_POINTS[phase], phase), default=calendar.UNKNOWN)
    return Reason("phase", PHASE_POINTS[worst], f"the window touches the phase {worst}")


def _history(changes: int, failed: int) -> Reason:
    """The share that failed, drawn towards one failure in three while there are few: new ground is no proof of safety."""
    if changes == 0:
        return Reason("history", NOVELTY_POINTS, "no change of these services is on record")
    share = (failed + 1) / (changes + 3)
    text = f"{failed} of the last {changes} changes failed or were rolled back"
    return Reason("history", round(HISTORY_MOST * share), text)
