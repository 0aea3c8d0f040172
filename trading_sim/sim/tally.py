"""A state machine that counts: it remembers how often each command was executed, so nothing can be lost or done twice unseen.

A command's `price` is its identity. Every command gives one ACCEPTED event; a quantity of 0 is refused.
"""

import struct
from dataclasses import dataclass

import numpy as np

from trading_sim.protocol.records import EVENT
from trading_sim.risk.reasons import RISK_REJECT, RiskReason
from trading_sim.shard.checksum import crc32c

_ACCEPTED = 1
_HEAD = struct.Struct("<QQQ")
_ITEM = struct.Struct("<qI")


@dataclass
class TallyResult:
    """Events and rejects of one batch."""

    events: np.ndarray
    rejects: np.ndarray


class TallyMachine:
    """`executed`: identity → times executed; `stamps_ok` turns False when seq, order ids or time ever go back."""

    def __init__(self) -> None:
        self.executed: dict[int, int] = {}
        self.chain = 0
        self.last_seq = self.last_order_id = self.last_now_ns = 0
        self.stamps_ok = True

    def apply(self, batch: np.ndarray, now_ns: int) -> TallyResult:
        events, rejects = [], []
        self.stamps_ok = self.stamps_ok and now_ns >= self.last_now_ns
        self.last_now_ns = now_ns
        for seq, order_id, price, qty, symbol, account, kind, side, *_ in batch.tolist():
            self.stamps_ok = self.stamps_ok and seq == self.last_seq + 1
            self.last_seq = seq
            if kind == 1:
                self.stamps_ok = self.stamps_ok and order_id == self.last_order_id + 1
                self.last_order_id = order_id
            self.executed[price] = self.executed.get(price, 0) + 1
            if qty == 0:
                rejects.append((seq, order_id, symbol, account, RiskReason.ORDER_QUANTITY, (0,) * 7))
            else:
                events.append((seq, order_id, 0, price, qty, qty, symbol, _ACCEPTED, 0, side, 0))
        self.chain = crc32c(struct.pack("<Qq", self.chain, now_ns), batch.tobytes())
        return TallyResult(np.array(events, EVENT), np.array(rejects, RISK_REJECT))

    def state_hash(self) -> int:
        return self.chain << 32 | len(self.executed)

    def snapshot(self) -> bytes:
        head = _HEAD.pack(self.chain, self.last_seq, self.last_order_id) + struct.pack(
            "<Q?", self.last_now_ns, self.stamps_ok
        )
        return head + b"".join(_ITEM.pack(*item) for item in self.executed.items())

    @classmethod
    def restored(cls, data: bytes) -> "TallyMachine":
        """The machine whose snapshot this is; raises ValueError."""
        machine = cls()
        start = _HEAD.size + 9
        if len(data) < start or (len(data) - start) % _ITEM.size:
            raise ValueError(f"{len(data)} bytes are not a snapshot of a tally.")
        machine.chain, machine.last_seq, machine.last_order_id = _HEAD.unpack_from(data)
        machine.last_now_ns, machine.stamps_ok = struct.unpack_from("<Q?", data, _HEAD.size)
        machine.executed = dict(_ITEM.iter_unpack(data[start:]))
        return machine

    def query_account(self, account: int) -> dict:
        return {"account": account, "executed": sum(self.executed.values()), "distinct": len(self.executed)}

    def query_symbol(self, symbol: int) -> dict:
        return {"symbol": symbol, "commands": self.last_seq}


class TallyFactory:
    """Makes tallies; they have no configuration."""

    @classmethod
    def from_json(cls, text: str) -> "TallyFactory":
        """The factory of a configuration file, whose content a tally does not need."""
        del text
        return cls()

    def create(self) -> TallyMachine:
        return TallyMachine()

    def restore(self, data: bytes) -> TallyMachine:
        return TallyMachine.restored(data)
