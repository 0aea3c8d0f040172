"""Who takes the express path, and what a batch caused when it did."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from trading_sim.protocol.records import PARTY
from trading_sim.shard.answers import read_arrays
from trading_sim.shard.machine_api import StateMachine

if TYPE_CHECKING:
    from trading_sim.shard.express import Express


@dataclass(frozen=True)
class AnswerResult:
    """What a batch caused, read from its answer only when somebody wants to know."""

    answer: bytes
    party_bytes: bytes

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray]:
        return read_arrays(self.answer)

    @property
    def events(self) -> np.ndarray:
        """EVENT records."""
        return self._arrays[0]

    @property
    def rejects(self) -> np.ndarray:
        """RISK_REJECT records."""
        return self._arrays[1]

    @property
    def parties(self) -> np.ndarray:
        """PARTY records, aligned with the events."""
        return np.frombuffer(self.party_bytes, PARTY)


def express_of(machine: StateMachine) -> Express | None:
    """The express path of a shard machine with the compiled core; None for any other machine.

    Nothing is imported for the others: whose core is compiled has loaded it long before.
    """
    core = sys.modules.get("trading_sim.matching.core")
    if core is None or not isinstance(getattr(machine, "core", None), core.Core):
        return None
    from trading_sim.shard.express import Express

    return Express(machine)
