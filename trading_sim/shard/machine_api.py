"""What replication asks of the state machine that it replicates."""

from typing import Protocol

import numpy as np


class ApplyResult(Protocol):
    """What a batch caused: EVENT records and RISK_REJECT records, in order."""

    events: np.ndarray
    rejects: np.ndarray


class StateMachine(Protocol):
    """Deterministic: the same batches with the same stamps give the same results and the same hash everywhere."""

    def apply(self, batch: np.ndarray, now_ns: int) -> ApplyResult:
        """Execute COMMAND records stamped with seq and order ids; `now_ns` is the leader's time, never decreasing."""

    def state_hash(self) -> int:
        """u64 over the entire state."""

    def snapshot(self) -> bytes:
        """The entire state as bytes."""

    def query_account(self, account: int) -> dict:
        """The account's cash, positions and orders; KeyError for an unknown one."""

    def query_symbol(self, symbol: int) -> dict:
        """The symbol's phase, best prices and depth; KeyError for an unknown one."""


class MachineFactory(Protocol):
    """Makes state machines of one configuration."""

    def create(self) -> StateMachine:
        """A machine in its first state."""

    def restore(self, data: bytes) -> StateMachine:
        """The machine whose snapshot this is; raises ValueError or a subclass when it is not one."""
