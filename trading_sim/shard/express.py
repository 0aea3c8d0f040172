"""The express path of a shard machine: see `express_kernel`. Everything it gives equals what the machine gives by itself."""

from __future__ import annotations

import numpy as np

from trading_sim.matching import hot
from trading_sim.matching.core import EVENTS_AT_ONCE
from trading_sim.matching.records import EventKind
from trading_sim.protocol.records import COMMAND, PARTY
from trading_sim.shard import express_kernel as k
from trading_sim.shard.answers import encode_answer
from trading_sim.shard.express_memory import checksum_tables
from trading_sim.shard.machine import ShardMachine, split_refused


class Express:
    """Belongs to one machine with a compiled core. `box` and `requests` are int64 memory as `express_kernel` says; `out`, `journal`
    and `parties` hold what the last call gave until the next one."""

    def __init__(self, machine: ShardMachine) -> None:
        self.machine = machine
        self._box, self._requests = (
            np.zeros(k.BOX_WORDS, np.int64),
            np.zeros(k.MAX_REQUESTS * k.REQUEST_WORDS, np.int64),
        )
        self.box, self.requests = memoryview(self._box), memoryview(self._requests)
        self._stamped, self._work = np.zeros(k.MAX_COMMANDS * 5, np.int64), np.zeros(k.MAX_COMMANDS * 5, np.int64)
        self._rejects, self._tables = np.zeros(k.MAX_COMMANDS * 4, np.int64), checksum_tables()
        journal = np.zeros(k.MAX_COMMANDS * 40 + k.MAX_REQUESTS * (k.FRAME_HEAD + k.ENTRY_HEAD), np.uint8)
        self._journal, self.journal = journal, memoryview(journal)
        self._given = np.zeros(k.MAX_COMMANDS * 40, np.uint8)
        self._given_view, self._given_at = memoryview(self._given), address_of(self._given)
        self._addresses = np.zeros(k.ADDRESSES, np.int64)
        self._core = self._state = self._events = None
        self.box[k.WINDOW_NS] = machine.config.limits.rate_window_ns
        self.run(machine.now_ns)  # loads the compiled path now, with nothing to do

    def execute(self, commands: bytes, now_ns: int, term: int, index: int) -> tuple[bytes, bytes]:
        """Execute stamped COMMAND records as entry `index`; returns the answer and the parties of its events as bytes."""
        size = len(commands)
        if size > len(self._given):
            return self._by_machine(np.frombuffer(commands, COMMAND), now_ns, term, index)
        self._given_view[:size] = commands
        requests = self.requests
        requests[k.SOURCE], requests[k.COMMANDS] = self._given_at, size // COMMAND.itemsize
        box = self.box
        box[k.MODE], box[k.COUNT], box[k.TERM], box[k.INDEX] = 0, 1, term, index
        slow = self.run(now_ns)
        if slow is not None:
            return slow[0]
        answer = bytes(self.out[requests[k.ANSWER_AT] : requests[k.ANSWER_END]])
        return answer, bytes(self.parties[: 8 * requests[k.PARTY_END]])

    def run(self, now_ns: int) -> list[tuple[bytes, bytes]] | None:
        """Execute the requests in the table. None: the answers lie in `out`; else the answers and parties, made by the machine."""
        machine, box = self.machine, self.box
        core = machine.core
        if self._core is not core or self._state is not core._state or self._events is not core._event_words:
            self._refresh()
        machine.now_ns = box[k.NOW_NS] = max(machine.now_ns, now_ns)
        box[k.DAY_BASE], box[k.LAST_ORDER_ID], box[k.LAST_SEQ] = (
            machine.day_base,
            machine.last_order_id,
            machine.last_seq,
        )
        box[k.FILLS_TOTAL] = machine.fills.total
        k.run(self._addresses)
        if box[k.STATUS] == k.NEEDS_ROOM:
            core._room()
            self._refresh()
            k.run(self._addresses)
        if box[k.STATUS] == k.HAS_OPERATION:
            return self._each_by_machine()
        machine.last_order_id, machine.last_seq = box[k.LAST_ORDER_ID], box[k.LAST_SEQ]
        if box[k.STATUS] == k.PAUSED:
            return self._finish()
        machine.fills.total = box[k.FILLS_TOTAL]
        return None

    def _refresh(self) -> None:
        """Note where the arrays are now: the core replaces some of them as it grows, and all of them every day."""
        core = self.machine.core
        self._core, self._state, self._events = core, core._state, core._event_words
        events = len(core._event_words) // 6
        out = np.zeros(48 * events + k.MAX_COMMANDS * 40 + k.MAX_REQUESTS * 64, np.uint8)
        parties = np.zeros(events, np.int64)
        places = [
            self._box, self._requests, self._stamped, self._work, core._event_words, out, parties, self._rejects,
            self._journal, self.machine.fills._ring.view(np.int64), self._tables, *core._state, *core._desk,
        ]  # fmt: skip
        for position, array in enumerate(places):
            self._addresses[2 * position], self._addresses[2 * position + 1] = address_of(array), len(array)
        self._kept, self.out, self.parties = places, memoryview(out), memoryview(parties).cast("B")
        self.box[k.RESERVE], self.box[k.AT_ONCE] = core._reserve, EVENTS_AT_ONCE

    def _each_by_machine(self) -> list[tuple[bytes, bytes]]:
        """One of the commands is the shard's own: the machine executes request after request."""
        made, first, box = [], 0, self.box
        stamped = self._stamped.view(COMMAND)
        for request in range(box[k.COUNT]):
            last = first + self.requests[request * k.REQUEST_WORDS + k.COMMANDS]
            made.append(
                self._by_machine(stamped[first:last].copy(), box[k.NOW_NS], box[k.TERM], box[k.INDEX] + request)
            )
            first = last
        return made

    def _by_machine(self, commands: np.ndarray, now_ns: int, term: int, index: int) -> tuple[bytes, bytes]:
        result = self.machine.apply(commands, now_ns)
        return encode_answer(commands, result.events, result.rejects, term, index), result.parties.tobytes()

    def _finish(self) -> list[tuple[bytes, bytes]]:
        """The event buffer was full within the batch: go on in pieces, as the core does."""
        core, box = self.machine.core, self.box
        events, parties = [core._written().copy()], [core.parties().copy()]
        work = self._work.view()
        work.flags.writeable = False
        done, total = box[k.DONE], box[k.TOTAL]
        while done < total:
            room = core._room()
            done = hot.run(core._state, work, done, total, core._event_words, room, core._desk)
            events.append(core._written().copy())
            parties.append(core.parties().copy())
        return self._answers_of(np.concatenate(events), np.concatenate(parties).view(PARTY))

    def _answers_of(self, events: np.ndarray, parties: np.ndarray) -> list[tuple[bytes, bytes]]:
        base, box = np.uint64(self.machine.day_base), self.box
        if base:
            events["order_id"][events["kind"] != EventKind.PHASE] += base
            events["maker_id"][events["maker_id"] != 0] += base
        stamped, made, first = self._stamped.view(COMMAND), [], 0
        for request in range(box[k.COUNT]):
            last = first + self.requests[request * k.REQUEST_WORDS + k.COMMANDS]
            commands = stamped[first:last]
            begin = np.searchsorted(events["seq"], commands["seq"][0])
            end = np.searchsorted(events["seq"], commands["seq"][-1], side="right")
            told, owners, rejects = split_refused(events[begin:end], parties[begin:end])
            self.machine.fills.add(told, owners)
            answer = encode_answer(commands, told, rejects, box[k.TERM], box[k.INDEX] + request)
            made.append((answer, owners.tobytes()))
            first = last
        return made


def address_of(array: np.ndarray) -> int:
    """Where the array's memory begins."""
    return array.__array_interface__["data"][0]
