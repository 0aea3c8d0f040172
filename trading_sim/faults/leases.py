"""The live faults of one centre. A lease ends at its time whatever happened to the one who asked for it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from trading_sim.faults.catalogue import KINDS, FaultError, checked_lease, checked_params


@dataclass
class Fault:
    """`expires_at` is Unix time in seconds; `nodes` is empty for centre-wide kinds."""

    lease: str
    kind: str
    params: dict[str, float]
    nodes: list[str]
    owner: str
    key: str | None
    created_at: float
    expires_at: float

    def describe(self, now: float) -> dict:
        return asdict(self) | {
            "family": KINDS[self.kind].family,
            "remaining_s": round(max(0.0, self.expires_at - now), 3),
        }


@dataclass
class LeaseTable:
    """Live faults by lease, kept in a file so that a restarted centre goes on with what is left of them.

    `now` gives Unix time. Every change writes the file anew, atomically.
    """

    path: Path
    now: Callable[[], float]
    faults: dict[str, Fault] = field(default_factory=dict)

    def load(self) -> None:
        """Read the file (absent: no faults). Raises FaultError when it is damaged."""
        try:
            rows = json.loads(self.path.read_text(encoding="utf-8"))
            self.faults = {row["lease"]: Fault(**row) for row in rows}
        except FileNotFoundError:
            self.faults = {}
        except (ValueError, TypeError, KeyError) as error:
            raise FaultError(f"{self.path} is damaged ({error}); remove it to start without faults") from error

    def _save(self) -> None:
        beside = self.path.with_suffix(".tmp")
        beside.write_text(json.dumps([asdict(fault) for fault in self.faults.values()]), encoding="utf-8")
        beside.replace(self.path)

    def add(
        self, kind: str, params: object, lease_s: object, owner: object, nodes: list[str], key: str | None = None
    ) -> Fault:
        """A new lease; with the `key` of a live one, that one. Raises FaultError."""
        values, seconds = checked_params(kind, params), checked_lease(lease_s)
        if not isinstance(owner, str) or not owner:
            raise FaultError("owner must say who injects the fault")
        if key is not None and not isinstance(key, str):
            raise FaultError(f"key must be a text, not {key!r}")
        for fault in self.faults.values():
            if key is not None and fault.key == key:
                return fault
        now = self.now()
        fault = Fault(secrets.token_hex(8), kind, values, list(nodes), owner, key, now, now + seconds)
        self.faults[fault.lease] = fault
        self._save()
        return fault

    def remove(self, lease: str) -> Fault | None:
        """End a lease; None when there is no such lease (any more)."""
        fault = self.faults.pop(lease, None)
        if fault:
            self._save()
        return fault

    def expire(self) -> list[Fault]:
        """End and return the leases whose time is over."""
        now = self.now()
        over = [fault for fault in self.faults.values() if fault.expires_at <= now]
        for fault in over:
            del self.faults[fault.lease]
        if over:
            self._save()
        return over

    def release_node(self, node: str, kinds: set[str]) -> None:
        """Take a node out of its faults of these kinds (a restart ends them for this node)."""
        changed = False
        for lease, fault in list(self.faults.items()):
            if fault.kind in kinds and node in fault.nodes:
                fault.nodes.remove(node)
                changed = True
                if not fault.nodes:
                    del self.faults[lease]
        if changed:
            self._save()

    def of_node(self, node: str) -> list[Fault]:
        return [fault for fault in self.faults.values() if node in fault.nodes]

    def of_centre(self) -> dict[str, Fault]:
        """The live centre-wide fault of each kind (the latest one)."""
        return {fault.kind: fault for fault in self.faults.values() if KINDS[fault.kind].scope == "centre"}
