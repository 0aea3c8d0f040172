"""The leader's stamps: sequence numbers, order ids and time.

`seq` rises by one per command; order ids are given to NEW commands only, 1, 2, 3 … for the life of the shard; time never
goes back, whatever the clock does. A new leader goes on from the stamps in its last entry.
"""

from dataclasses import dataclass

import numpy as np

from trading_sim.protocol.records import COMMAND
from trading_sim.shard.entries import BATCH, Entry, make_entry

KIND_NEW = 1


@dataclass
class Sequencer:
    """Where the stamps stand; `now_ns` is the last stamped time."""

    next_seq: int
    next_order_id: int
    now_ns: int

    def stamp_time(self, wall_ns: int) -> int:
        """The time of the next entry: the clock's, but never before the last one."""
        self.now_ns = max(self.now_ns, wall_ns)
        return self.now_ns

    def batch(self, *, term: int, index: int, wall_ns: int, client_id: int, request: int, commands: bytes) -> Entry:
        """An entry with stamped commands. `commands` are raw COMMAND records."""
        records = np.frombuffer(commands, COMMAND).copy()
        records["seq"] = np.arange(self.next_seq, self.next_seq + len(records), dtype=np.uint64)
        new = np.flatnonzero(records["kind"] == KIND_NEW)
        records["order_id"][new] = np.arange(self.next_order_id, self.next_order_id + len(new), dtype=np.uint64)
        self.next_seq += len(records)
        self.next_order_id += len(new)
        return make_entry(
            term=term,
            index=index,
            kind=BATCH,
            now_ns=self.stamp_time(wall_ns),
            next_seq=self.next_seq,
            next_order_id=self.next_order_id,
            client_id=client_id,
            request=request,
            commands=records.tobytes(),
        )
