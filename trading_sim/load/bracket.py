"""Finds the knee: the highest rate that keeps its bounds. Pure: results in, the next rate to try out.

First the rate rises by a factor until a step fails or the maximum is reached. Then the geometric middle of the highest good and the lowest
bad rate is tried until they are close. At last the highest good rate is tried again until it has kept its bounds `repeats` times; a
repeat that fails makes it a bad rate and the search goes on below it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt


@dataclass(frozen=True)
class Rules:
    """Rates in any unit. `tolerance`: the knee is known when the lowest bad rate is at most this part above the highest good one."""

    start: float
    factor: float
    most: float
    tolerance: float = 0.05
    repeats: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.start <= self.most:
            raise ValueError(f"the first rate must be above 0 and at most {self.most:g}, not {self.start:g}")
        if self.factor <= 1 or self.tolerance <= 0 or self.repeats < 1:
            raise ValueError("the factor must be above 1, the tolerance above 0, and there must be at least one repeat")


@dataclass
class Bracket:
    """`good` and `bad` map tried rates to how often they kept or left their bounds."""

    rules: Rules
    good: dict[float, int] = field(default_factory=dict)
    bad: dict[float, int] = field(default_factory=dict)

    @property
    def lowest_bad(self) -> float | None:
        """The lowest rate that ever left its bounds."""
        return min(self.bad, default=None)

    @property
    def highest_good(self) -> float | None:
        """The highest rate below every bad one that always kept its bounds."""
        ceiling = self.lowest_bad
        return max((rate for rate in self.good if ceiling is None or rate < ceiling), default=None)

    def note(self, rate: float, kept: bool) -> None:
        """A step at `rate` has ended."""
        side = self.good if kept else self.bad
        side[rate] = side.get(rate, 0) + 1

    def next(self) -> float | None:
        """The rate to try now; None when the knee is known, or no rate as low as a twentieth of the start keeps its bounds."""
        good, bad, rules = self.highest_good, self.lowest_bad, self.rules
        if good is None:
            if bad is None:
                return rules.start
            return bad / rules.factor if bad / rules.factor >= rules.start / 20 else None
        if bad is None and good < rules.most:
            return min(good * rules.factor, rules.most)
        if bad is not None and bad > good * (1 + rules.tolerance):
            return sqrt(good * bad)
        return good if self.good[good] < rules.repeats else None

    @property
    def knee(self) -> float | None:
        """The highest good rate once the search has ended; None when there is none."""
        return self.highest_good if self.next() is None else None

    @property
    def reached_most(self) -> bool:
        """The maximum kept its bounds: the capacity is at least that, nobody knows how much more."""
        return self.highest_good is not None and self.highest_good >= self.rules.most
