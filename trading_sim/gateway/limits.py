"""What one session and one connection may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """`messages_per_s` with bursts of `burst`; `refusals_per_s` beyond that end the session. Open orders and instructions in flight and of
    the day per session; kept messages per session; bytes unsent and partial per connection; messages served in one go (`slice`); times in seconds."""

    messages_per_s: float = 5_000.0
    burst: float = 5_000.0
    refused_in_a_row: int = 1_000
    open_orders: int = 10_000
    in_flight: int = 2_000
    instructions_per_day: int = 500_000
    kept_messages: int = 20_000
    message_bytes: int = 4_096
    slice: int = 64
    unsent_bytes: int = 1 << 20
    unsent_s: float = 10.0
    logon_s: float = 5.0
    partial_s: float = 5.0
    connections: int = 256
    queries_in_flight: int = 16


class Allowance:
    """A bucket of messages that fills with time; time is handed in (ns, monotonic), never read."""

    def __init__(self, per_s: float, burst: float, now_ns: int) -> None:
        self._per_ns, self._burst = per_s / 1e9, burst
        self._left, self._at = burst, now_ns

    def take(self, now_ns: int) -> bool:
        """Use one; False when there is none."""
        self._left = min(self._burst, self._left + max(0, now_ns - self._at) * self._per_ns)
        self._at = max(self._at, now_ns)
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
