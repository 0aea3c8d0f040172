"""Which replica a client asks next, and what it may conclude when time is up.

A request keeps its number through all attempts, therefore asking again is always safe: what was executed is answered from
the session table, not executed again.
"""

from collections.abc import Sequence

from trading_sim.shard.outcomes import Refusal, Refused

CONNECT_TIMEOUT_S = 0.3
ATTEMPT_TIMEOUT_S = 0.7
PAUSE_S = 0.03


class ShardError(Exception):
    """Base of what a shard's client raises."""


class ShardUnavailable(ShardError):
    """No answer in time. `outcome_unknown`: an attempt may have been executed; ask again with the same request number to learn
    what became of it. Otherwise nothing was executed."""

    def __init__(self, text: str, outcome_unknown: bool) -> None:
        super().__init__(text)
        self.outcome_unknown = outcome_unknown


class ShardRejected(ShardError):
    """The shard refused the request for good; `refusal` says why."""

    def __init__(self, refusal: Refusal, text: str) -> None:
        super().__init__(f"{refusal.name}: {text}")
        self.refusal = refusal


class Attempts:
    """The course of one request. `preferred`: the address that answered the request before this one."""

    def __init__(self, addresses: Sequence[str], preferred: str) -> None:
        self._addresses = list(addresses)
        self.target = preferred
        self.outcome_unknown = False
        self.last_trouble = "nothing was tried"

    def refused(self, refused: Refused) -> float:
        """Choose the next target; returns the seconds to wait before. Raises ShardRejected when asking again is useless."""
        self.last_trouble = f"{self.target}: {refused.text}"
        if refused.refusal in (Refusal.STALE, Refusal.BAD_REQUEST, Refusal.NOT_FOUND):
            raise ShardRejected(refused.refusal, refused.text)
        if refused.refusal is Refusal.UNKNOWN:
            self.outcome_unknown = True
        if refused.refusal is Refusal.BUSY:
            return PAUSE_S
        if refused.leader and refused.leader != self.target:
            self.target = refused.leader
            return 0.0
        self._next()
        return PAUSE_S

    def lost(self, trouble: str, sent: bool) -> float:
        """The attempt ended without an answer; `sent`: the replica may have received it."""
        self.last_trouble = f"{self.target}: {trouble}"
        self.outcome_unknown = self.outcome_unknown or sent
        self._next()
        return PAUSE_S

    def _next(self) -> None:
        position = self._addresses.index(self.target) if self.target in self._addresses else -1
        self.target = self._addresses[(position + 1) % len(self._addresses)]

    def unavailable(self, what: str, timeout_s: float) -> ShardUnavailable:
        """The error for a request whose time is up."""
        outcome = (
            "outcome unknown: ask again with the same request number"
            if self.outcome_unknown
            else "nothing was executed"
        )
        return ShardUnavailable(
            f"{what} was not answered within {timeout_s:g} s ({outcome}). Last trouble: {self.last_trouble}",
            self.outcome_unknown,
        )
