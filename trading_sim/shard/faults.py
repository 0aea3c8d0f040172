"""Faults that a replica can be told to suffer, each only as long as its lease lasts.

The lease is kept here, in the replica: if whoever asked for the fault dies, it ends all the same.
"""

import errno
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_LEASE_S = 3600.0
DIRECTIONS = ("in", "out", "both")


class FaultError(ValueError):
    """A fault that cannot be injected as asked; the text says why."""


@dataclass(frozen=True)
class Fault:
    """One fault under lease; `ends_ns` on the monotonic clock."""

    lease: int
    kind: str
    params: dict[str, Any]
    owner: str
    ends_ns: int


def _milliseconds(params: dict[str, Any], name: str, low: float, high: float) -> dict[str, Any]:
    value = params.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise FaultError(f"{name} must be a number from {low:g} to {high:g} (milliseconds), not {value!r}.")
    return {name: value}


def _partition(params: dict[str, Any], peers: tuple[str, ...]) -> dict[str, Any]:
    chosen = params.get("peers", list(peers))
    direction = params.get("direction", "both")
    if not isinstance(chosen, list) or not chosen or any(peer not in peers for peer in chosen):
        raise FaultError(f"peers must be a list of some of {', '.join(peers)}, not {chosen!r}.")
    if direction not in DIRECTIONS:
        raise FaultError(f"direction must be one of {', '.join(DIRECTIONS)}, not {direction!r}.")
    return {"peers": chosen, "direction": direction}


class FaultBoard:
    """The faults in force. Read by the disk threads too, hence the lock around changes; readers see whole tuples."""

    def __init__(self, peers: tuple[str, ...], monotonic_ns: Callable[[], int]) -> None:
        self._peers, self._now = peers, monotonic_ns
        self._faults: tuple[Fault, ...] = ()
        self._last_lease = 0
        self._lock = threading.Lock()

    def inject(self, kind: str, params: dict[str, Any], lease_s: float, owner: str) -> Fault:
        """Put a fault in force; raises FaultError."""
        if isinstance(lease_s, bool) or not isinstance(lease_s, int | float) or not 0 < lease_s <= MAX_LEASE_S:
            raise FaultError(f"lease_s must be a number of seconds above 0, at most {MAX_LEASE_S:g}.")
        if not isinstance(owner, str) or not owner:
            raise FaultError("owner must say who asks for the fault.")
        if not isinstance(params, dict):
            raise FaultError("params must be an object.")
        checked = self._checked(kind, params)
        with self._lock:
            self._last_lease += 1
            fault = Fault(self._last_lease, kind, checked, owner, self._now() + int(lease_s * 1e9))
            self._faults = (*self.active(), fault)
        return fault

    def _checked(self, kind: str, params: dict[str, Any]) -> dict[str, Any]:
        match kind:
            case "disk_slow":
                return _milliseconds(params, "delay_ms", 0, 60_000)
            case "disk_error":
                return {}
            case "net_delay":
                return _milliseconds(params, "delay_ms", 0, 60_000)
            case "net_partition":
                return _partition(params, self._peers)
            case "clock_jump":
                return _milliseconds(params, "offset_ms", -1e12, 1e12)
        raise FaultError(
            f"Unknown kind of fault {kind!r}; known are disk_slow, disk_error, net_delay, net_partition, clock_jump."
        )

    def clear(self, lease: int) -> bool:
        """End a fault before its lease does; False when there is none with that number."""
        with self._lock:
            active = self.active()
            self._faults = tuple(fault for fault in active if fault.lease != lease)
            return len(self._faults) < len(active)

    def active(self) -> tuple[Fault, ...]:
        """Faults whose lease has not ended."""
        if not self._faults:
            return ()
        now = self._now()
        return tuple(fault for fault in self._faults if fault.ends_ns > now)

    def listing(self) -> list[dict[str, Any]]:
        """The faults in force, for people and programs."""
        now = self._now()
        return [
            {
                "lease": fault.lease,
                "kind": fault.kind,
                "params": fault.params,
                "owner": fault.owner,
                "ends_in_s": round((fault.ends_ns - now) / 1e9, 3),
            }
            for fault in self.active()
        ]

    def _sum(self, kind: str, name: str) -> float:
        return sum(fault.params[name] for fault in self.active() if fault.kind == kind)

    @property
    def disk_delay_s(self) -> float:
        """Added to every sync."""
        return self._sum("disk_slow", "delay_ms") / 1e3

    @property
    def net_delay_s(self) -> float:
        """Added to every message to a peer."""
        return self._sum("net_delay", "delay_ms") / 1e3

    @property
    def clock_offset_ns(self) -> int:
        """Added to the wall clock."""
        return int(self._sum("clock_jump", "offset_ms") * 1e6)

    @property
    def disk_fails(self) -> bool:
        """True while every sync is refused."""
        return any(fault.kind == "disk_error" for fault in self.active())

    def raise_if_disk_fails(self) -> None:
        """The error that a sync of a failing device gives."""
        if self.disk_fails:
            raise OSError(errno.EIO, "injected fault disk_error: the device refused the sync")

    def cut(self, peer: str, direction: str) -> bool:
        """True when nothing may pass to (`out`) or from (`in`) that peer."""
        return any(
            fault.kind == "net_partition"
            and peer in fault.params["peers"]
            and fault.params["direction"] in (direction, "both")
            for fault in self.active()
        )
