"""How a replica waits: a wake-up costs 50 microseconds, looking again costs processor time.

"adaptive": while messages follow one another closely the loop goes on looking for a little after each; as soon as they do not, it sleeps
at once, so an idle replica uses nothing. "busy" never sleeps: for measuring only. "none" always sleeps.
"""

import asyncio
import time

SPINS = ("adaptive", "busy", "none")
SPIN_NS = 50_000
CLOSE_NS = 150_000


class Spinner:
    """Keeps an event loop from sleeping. `touch` is called whenever something came."""

    def __init__(self, loop: asyncio.AbstractEventLoop, spin: str) -> None:
        self._loop, self._busy, self._adaptive = loop, spin == "busy", spin == "adaptive"
        self._last_ns = self._until_ns = 0
        self._gap_ns = 1 << 30
        self._turning = False
        if self._busy:
            loop.call_soon(self._turn)

    def touch(self) -> None:
        """Something came: look for what follows it when the last ones followed closely."""
        if not self._adaptive:
            return
        now = time.monotonic_ns()
        self._gap_ns = (3 * self._gap_ns + min(now - self._last_ns, 1 << 30)) >> 2
        self._last_ns = now
        if self._gap_ns < CLOSE_NS:
            self._until_ns = now + SPIN_NS
            if not self._turning:
                self._turning = True
                self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """A callback that is due at once makes the loop look without sleeping."""
        if self._busy or time.monotonic_ns() < self._until_ns:
            self._loop.call_soon(self._turn)
        else:
            self._turning = False
