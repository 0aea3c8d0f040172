"""One question at a time: callers that ask the same thing meanwhile wait for the one answer, which is kept for seconds.

Ten viewers of a page then cost one query, and an outage costs one time-out instead of one per panel.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any


class _Flight:
    """One question under way, or answered: the answer, or the exception that came instead."""

    __slots__ = ("answer", "error", "landed", "landed_at")

    def __init__(self) -> None:
        self.landed = threading.Event()
        self.landed_at = 0.0
        self.answer: Any = None
        self.error: Exception | None = None


class Flights:
    """Answers by key. `clock` is monotonic seconds; errors are kept for `error_s`, then asked again."""

    def __init__(
        self,
        *,
        most: int = 512,
        error_s: float = 1.0,
        wait_s: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._error_s, self._wait_s, self._clock = most, error_s, wait_s, clock
        self._flights: OrderedDict[Hashable, _Flight] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, max_age_s: float, ask: Callable[[], Any]) -> Any:
        """The answer to `key`, at most `max_age_s` old. Raises what `ask` raised, or TimeoutError after `wait_s`."""
        flight, mine = self._join(key, max_age_s)
        if mine:
            self._fly(flight, ask)
        elif not flight.landed.wait(self._wait_s):
            raise TimeoutError(f"no answer within {self._wait_s:g} s from the caller that asked first")
        if flight.error is not None:
            raise flight.error
        return flight.answer

    def _join(self, key: Hashable, max_age_s: float) -> tuple[_Flight, bool]:
        """The flight to wait for, and whether this caller has to fly it."""
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None and not self._too_old(flight, max_age_s):
                return flight, False
            flight = self._flights[key] = _Flight()
            self._flights.move_to_end(key)
            while len(self._flights) > self._most:
                self._flights.popitem(last=False)
            return flight, True

    def _too_old(self, flight: _Flight, max_age_s: float) -> bool:
        if not flight.landed.is_set():
            return False
        age = self._clock() - flight.landed_at
        return age >= (min(self._error_s, max_age_s) if flight.error is not None else max_age_s)

    def _fly(self, flight: _Flight, ask: Callable[[], Any]) -> None:
        try:
            flight.answer = ask()
        except Exception as error:  # noqa: BLE001 - kept and raised by every caller that waits for this answer
            flight.error = error
        finally:
            flight.landed_at = self._clock()
            flight.landed.set()

    def forget(self) -> None:
        """Drop every answer."""
        with self._lock:
            self._flights.clear()
