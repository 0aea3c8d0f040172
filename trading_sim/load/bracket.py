"""Finds the knee: the highest rate that keeps its bounds. Pure: results in, the next rate to try out.

First the rate rises by a factor until a rate is bad or the maximum is reached. Then the geometric middle of the highest good and the
lowest bad rate is tried until they are close. At last the highest good rate is tried again until it has kept its bounds `repeats` times.

One step proves little on a machine that does other work too: a rate is bad when it left its bounds `confirm` times (at once when the step
had to be stopped), and a rate that left them less often is tried again until it kept them more often than not.
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
    confirm: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.start <= self.most:
            raise ValueError(f"the first rate must be above 0 and at most {self.most:g}, not {self.start:g}")
        if self.factor <= 1 or self.tolerance <= 0 or self.repeats < 1 or self.confirm < 1:
            raise ValueError(
                "the factor must be above 1, the tolerance above 0, and there must be at least one repeat and one confirmation"
            )


@dataclass
class Bracket:
    """`kept` and `left` map tried rates to how often they kept or left their bounds."""

    rules: Rules
    kept: dict[float, int] = field(default_factory=dict)
    left: dict[float, int] = field(default_factory=dict)

    @property
    def lowest_bad(self) -> float | None:
        """The lowest rate that left its bounds for certain."""
        return min((rate for rate, times in self.left.items() if times >= self.rules.confirm), default=None)

    @property
    def highest_good(self) -> float | None:
        """The highest rate below every bad one that kept its bounds more often than not."""
        ceiling = self.lowest_bad
        return max(
            (rate for rate in self.kept if self._good(rate) and (ceiling is None or rate < ceiling)), default=None
        )

    def _good(self, rate: float) -> bool:
        return self.kept.get(rate, 0) > self.left.get(rate, 0)

    def _open(self) -> float | None:
        """A rate below every bad one that left its bounds too rarely to be bad, and too often to be good."""
        ceiling = self.lowest_bad
        below = (rate for rate in self.left if ceiling is None or rate < ceiling)
        return min((rate for rate in below if not self._good(rate)), default=None)

    def note(self, rate: float, kept: bool, certain: bool = False) -> None:
        """A step at `rate` has ended; `certain`: it had to be stopped, and must not be tried again."""
        side = self.kept if kept else self.left
        side[rate] = side.get(rate, 0) + (self.rules.confirm if certain and not kept else 1)

    def next(self) -> float | None:
        """The rate to try now; None when the knee is known, or no rate as low as a twentieth of the start keeps its bounds."""
        undecided = self._open()
        if undecided is not None:
            return undecided
        good, bad, rules = self.highest_good, self.lowest_bad, self.rules
        if good is None:
            if bad is None:
                return rules.start
            return bad / rules.factor if bad / rules.factor >= rules.start / 20 else None
        if bad is None and good < rules.most:
            return min(good * rules.factor, rules.most)
        if bad is not None and bad > good * (1 + rules.tolerance):
            return sqrt(good * bad)
        return good if self.kept[good] < rules.repeats else None

    @property
    def knee(self) -> float | None:
        """The highest good rate once the search has ended; None when there is none."""
        return self.highest_good if self.next() is None else None

    @property
    def reached_most(self) -> bool:
        """The maximum kept its bounds: the capacity is at least that, nobody knows how much more."""
        return self.highest_good is not None and self.highest_good >= self.rules.most
