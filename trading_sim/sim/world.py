"""Simulated time, and a network that drops, delays, duplicates, reorders and cuts."""

import heapq
import itertools
import random
from collections.abc import Callable

MS = 1_000_000


class World:
    """A queue of events in simulated time; everything that happens is drawn from one seeded generator."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now_ns = 1_000 * MS
        self.events = 0
        self.trace: Callable[[str], None] | None = None
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def after(self, delay_ns: int, act: Callable[[], None]) -> None:
        """Call `act` in `delay_ns`."""
        heapq.heappush(self._queue, (self.now_ns + max(0, delay_ns), next(self._numbers), act))

    def note(self, what: str) -> None:
        """Tell whoever watches a replayed schedule."""
        if self.trace is not None:
            self.trace(f"{self.now_ns / MS:10.3f} ms  {what}")

    def run_until(self, end_ns: int, stop: Callable[[], bool] | None = None) -> bool:
        """Let time pass until `end_ns`, or until `stop` says so (then True)."""
        while self._queue and self._queue[0][0] <= end_ns:
            self.now_ns, _, act = heapq.heappop(self._queue)
            self.events += 1
            act()
            if stop is not None and stop():
                return True
        self.now_ns = end_ns
        return False


class SimNetwork:
    """Datagrams between names. Rates are probabilities, delays nanoseconds; `slow_ns` is added on single links."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.drop_rate = 0.0
        self.duplicate_rate = 0.0
        self.delay_ns = 1 * MS
        self.cut: set[tuple[str, str]] = set()
        self.slow_ns: dict[tuple[str, str], int] = {}

    def send(self, source: str, target: str, deliver: Callable[[], None]) -> None:
        """Deliver perhaps, perhaps twice, in any order; never over a cut, which counts at arrival too."""
        rng = self._world.rng
        if rng.random() < self.drop_rate:
            return
        copies = 2 if rng.random() < self.duplicate_rate else 1
        for _ in range(copies):
            delay = int(self.delay_ns * (0.2 + rng.expovariate(1.0))) + self.slow_ns.get((source, target), 0)
            self._world.after(delay, lambda: self._arrive(source, target, deliver))

    def _arrive(self, source: str, target: str, deliver: Callable[[], None]) -> None:
        if (source, target) not in self.cut:
            deliver()


class SimClock:
    """A machine's clocks; `jump_ns` is how far its wall clock is off."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.jump_ns = 0

    def monotonic_ns(self) -> int:
        return self._world.now_ns

    def wall_ns(self) -> int:
        return max(0, self._world.now_ns + self.jump_ns)
