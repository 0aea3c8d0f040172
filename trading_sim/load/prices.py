"""Fair prices: a seeded mean-reverting walk of every symbol, which customers' orders move around."""

from __future__ import annotations

import numpy as np

#: Part of the distance to the first reference price that is lost per trading day, and the day's standard deviation.
REVERSION_PER_DAY = 0.15
VOLATILITY_PER_DAY = 0.015
#: A fair price keeps this part of the band free on either side, so that orders around it stay inside.
MARGIN_OF_BAND = 0.2


class FairPrices:
    """Fair prices in ticks (float, S symbols). `bases` are the references the walk returns to."""

    def __init__(self, bases: np.ndarray, generator: np.random.Generator) -> None:
        self._log_base = np.log(bases.astype(float))
        self._generator = generator
        self._log = self._log_base.copy()
        self.trend = np.zeros(len(bases))  # last step in standard deviations, what momentum customers look at

    def restart_at(self, prices: np.ndarray) -> None:
        """Go on from the last traded prices (after a restart, or at a new day)."""
        self._log = np.log(np.maximum(prices.astype(float), 1.0))

    def jump(self, symbols: list[int], factor: float) -> None:
        """Multiply the fair prices of some symbols, for good: what they return to moves too."""
        self._log[symbols] += np.log(factor)
        self._log_base[symbols] += np.log(factor)

    def step(self, day_part: float) -> None:
        """Let `day_part` of a trading day pass."""
        shock = self._generator.standard_normal(len(self._log))
        self._log += REVERSION_PER_DAY * day_part * (self._log_base - self._log)
        self._log += VOLATILITY_PER_DAY * np.sqrt(day_part) * shock
        self.trend = 0.9 * self.trend + 0.1 * shock

    def within(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """The prices, kept inside the bands [low, high] (0, 0: no band) with a margin."""
        margin = (high - low) * MARGIN_OF_BAND
        prices = np.exp(self._log)
        bounded = np.clip(prices, low + margin, np.maximum(high - margin, low + margin))
        return np.where(high > 0, bounded, prices)
