"""The lean loop of a shard without peers: receive, stamp, execute, journal, make durable, answer; one thread, nothing in between.

What arrives while the disk works is carried out together afterwards: group commit without a queue.
"""

import logging
import select
import socket
import struct
import time
from collections.abc import Callable

from trading_sim.shard import express_kernel as k
from trading_sim.shard import wire
from trading_sim.shard.entries import COMMAND_BYTES
from trading_sim.shard.outcomes import Answered, Outcome, Refusal, Refused
from trading_sim.shard.solo_connection import SoloConnection
from trading_sim.shard.solo_journal import SoloJournal
from trading_sim.shard.state import ReplicatedState

log = logging.getLogger(__name__)

SPIN_NS = 50_000
LOOK_S = 0.2
MAX_CONNECTIONS = 64
LOOKS_BETWEEN = 256
_SUBMIT = struct.Struct("<IBQQQ")
_HEAD = struct.Struct("<IB")
_SUBMIT_MIN = _SUBMIT.size - 4  # what a frame's length counts, without commands
SPINS = ("busy", "adaptive", "none")

Ask = Callable[[int, int], Outcome]


class SoloLoop:
    """`spin`: "busy" never sleeps, "adaptive" looks for 50 µs before it sleeps, "none" sleeps at once. `ask` answers frames that are no
    submissions, from their kind and body's key. The state must take the express path."""

    def __init__(
        self, *, shard: int, listener: socket.socket, state: ReplicatedState, journal: SoloJournal, spin: str, ask: Ask
    ) -> None:
        self._shard, self._listener, self._state, self._journal = shard, listener, state, journal
        self._spin, self._ask, self._express = spin, ask, state.express
        self._connections: dict[int, SoloConnection] = {}
        self._epoll = select.epoll()
        listener.setblocking(False)
        self._epoll.register(listener.fileno(), select.EPOLLIN)
        self._round: list[tuple[SoloConnection, int, int]] = []  # connection, client, request
        self._asked: set[tuple[int, int]] = set()  # of the round: a repetition waits for the next one
        self._backlog: list[SoloConnection] = []
        self._commands = self._turn = 0
        self.stopping = False

    def serve(self) -> None:
        """Until `stopping` is set."""
        while not self.stopping:
            for connection in self._wait():
                try:
                    self._take_in(connection)
                except wire.WireError as error:
                    self._cut(connection, str(error))
                except OSError as error:
                    self._forget(connection, str(error))
            if self._round:
                self._carry_out()

    # Waiting

    def _wait(self) -> list[SoloConnection]:
        """Connections that may have something to say."""
        if self._backlog:
            ready, self._backlog = self._backlog, []
            return ready
        self._turn += 1
        if self._spin == "busy" and len(self._connections) == 1 and self._turn % LOOKS_BETWEEN:
            return list(self._connections.values())  # its receive says whether there is something
        if self._spin == "busy":
            return self._look(0.0)
        if self._spin == "adaptive":
            until = time.monotonic_ns() + SPIN_NS
            while time.monotonic_ns() < until:
                ready = self._look(0.0)
                if ready:
                    return ready
        return self._look(LOOK_S)

    def _look(self, timeout_s: float) -> list[SoloConnection]:
        ready = []
        for descriptor, event in self._epoll.poll(timeout_s):
            connection = self._connections.get(descriptor)
            if connection is None:
                self._accept()
                continue
            if event & select.EPOLLOUT:
                self._send(connection, b"")
            if event & ~select.EPOLLOUT:
                ready.append(connection)
        return ready

    def _accept(self) -> None:
        try:
            accepted, address = self._listener.accept()
        except BlockingIOError:
            return
        connection = SoloConnection(accepted, f"{address[0]}:{address[1]}")
        if len(self._connections) >= MAX_CONNECTIONS:
            self._cut(connection, f"More than {MAX_CONNECTIONS} connections are open.")
            return
        self._connections[connection.fileno()] = connection
        self._epoll.register(connection.fileno(), select.EPOLLIN)

    # Taking in

    def _take_in(self, connection: SoloConnection) -> None:
        """Receive, and put whole submissions into the table of the express path."""
        if not connection.receive() and connection.begin == connection.end:
            return
        buffer, at, end = connection.buffer, connection.begin, connection.end
        requests, count = self._express.requests, len(self._round)
        while end - at >= _HEAD.size:
            length, kind = _HEAD.unpack_from(buffer, at)
            if not 1 <= length <= wire.MAX_CLIENT_FRAME:
                raise wire.WireError(
                    f"A frame of {length} bytes is announced; allowed are 1 to {wire.MAX_CLIENT_FRAME}."
                )
            if end - at < length + 4:
                break
            if kind != wire.Frame.SUBMIT or not connection.greeted:
                self._other(connection, kind, bytes(buffer[at + 5 : at + 4 + length]))
                count = len(self._round)
            else:
                if length < _SUBMIT_MIN:
                    raise wire.WireError("A submission is too short.")
                _, _, tag, client, request = _SUBMIT.unpack_from(buffer, at)
                size = length - _SUBMIT_MIN
                commands, rest = divmod(size, COMMAND_BYTES)
                told = self._known(client, request, commands, rest)
                if told is not None:
                    self._send(connection, wire.outcome(tag, told))
                elif (
                    count == k.MAX_REQUESTS
                    or self._commands + commands > k.MAX_COMMANDS
                    or (client, request) in self._asked
                ):
                    self._backlog.append(connection)
                    break
                else:
                    row = count * k.REQUEST_WORDS
                    requests[row + k.SOURCE] = connection.address + at + _SUBMIT.size
                    requests[row + k.COMMANDS], requests[row + k.TAG] = commands, _signed(tag)
                    requests[row + k.CLIENT], requests[row + k.REQUEST] = _signed(client), _signed(request)
                    self._round.append((connection, client, request))
                    self._asked.add((client, request))
                    self._commands += commands
                    count += 1
            at += 4 + length
        connection.begin = at

    def _known(self, client: int, request: int, commands: int, rest: int) -> Outcome | None:
        """What can be told at once."""
        if rest or not 0 < commands <= k.MAX_COMMANDS:
            text = f"{commands} whole commands and {rest} bytes: a request has 1 to {k.MAX_COMMANDS} COMMAND records."
            return Refused(Refusal.BAD_REQUEST, text)
        stored = self._state.sessions.answer(client, request)
        if stored is not None:
            return Answered(stored)
        if self._state.sessions.is_stale(client, request):
            return Refused(Refusal.STALE, f"Request {request} of client {client} is too old to be known.")
        return None

    def _other(self, connection: SoloConnection, kind: int, body: bytes) -> None:
        """A greeting or a query. A query is answered after everything before it."""
        if not connection.greeted:
            if kind != wire.Frame.HELLO:
                raise wire.WireError("The first frame must be a greeting.")
            caller, shard, _ = wire.read_hello(body)
            if caller is not wire.Caller.CLIENT or shard != self._shard:
                raise wire.WireError(f"This is shard {self._shard} without peers, not what was greeted.")
            connection.greeted = True
        elif kind in (wire.Frame.STATUS, wire.Frame.QUERY_ACCOUNT, wire.Frame.QUERY_SYMBOL):
            tag, key = wire.read_query(body)
            if self._round:
                self._carry_out()
            self._send(connection, wire.outcome(tag, self._ask(kind, key)))
        else:
            raise wire.WireError(f"A client may not send frames of kind {kind} to a shard without peers.")

    # Carrying out

    def _carry_out(self) -> None:
        express, state, journal = self._express, self._state, self._journal
        box, count = express.box, len(self._round)
        now_ns = max(state.now_ns, time.time_ns())
        box[k.MODE] = k.STAMP | k.WRITE if journal.writes else k.STAMP
        box[k.COUNT], box[k.TERM], box[k.INDEX], box[k.DURABLE] = (
            count,
            state.term,
            state.index + 1,
            journal.durable_index,
        )
        box[k.NEXT_SEQ], box[k.NEXT_ORDER_ID] = state.next_seq, state.next_order_id
        slow = express.run(now_ns)
        if journal.writes:
            journal.append(express.journal[: box[k.JOURNAL_BYTES]], state.index + 1, count)
        state.now_ns, state.next_seq, state.next_order_id = now_ns, box[k.NEXT_SEQ], box[k.NEXT_ORDER_ID]
        asked, self._round, self._commands = self._round, [], 0
        self._asked.clear()
        if slow is None:
            self._tell(asked)
        else:
            for (connection, client, request), (answer, _) in zip(asked, slow, strict=True):
                self._remember(client, request, answer)
                tag = express.requests[(state.index - box[k.INDEX]) * k.REQUEST_WORDS + k.TAG]
                self._send(connection, wire.outcome(tag & 0xFFFFFFFFFFFFFFFF, Answered(answer)))
        journal.maybe_snapshot(state)

    def _tell(self, asked: list[tuple[SoloConnection, int, int]]) -> None:
        """Send all answers of a connection at once, then enter them into the session table."""
        express = self._express
        requests, out = express.requests, express.out
        begin = 0
        for position, (connection, _, _) in enumerate(asked):
            if position + 1 == len(asked) or asked[position + 1][0] is not connection:
                end = requests[position * k.REQUEST_WORDS + k.ANSWER_END]
                self._send(connection, out[begin:end])
                begin = end
        row = 0
        for _, client, request in asked:
            self._remember(client, request, bytes(out[requests[row + k.ANSWER_AT] : requests[row + k.ANSWER_END]]))
            row += k.REQUEST_WORDS

    def _remember(self, client: int, request: int, answer: bytes) -> None:
        state = self._state
        state.index += 1
        state.sessions.store(client, request, answer, state.index)
        state.told(state.index, answer)

    # Callers

    def _send(self, connection: SoloConnection, data: bytes | memoryview) -> None:
        waited = connection.waits_to_send
        try:
            connection.send(data)
        except OSError as error:
            self._forget(connection, str(error))
            return
        if waited != connection.waits_to_send:
            events = select.EPOLLOUT if connection.waits_to_send else select.EPOLLIN  # who does not read is not read
            self._epoll.modify(connection.fileno(), events)

    def _cut(self, connection: SoloConnection, reason: str) -> None:
        log.warning("cut off %s: %s", connection.peer, reason)
        self._send(connection, wire.frame(wire.Frame.ERROR, reason.encode()))
        self._forget(connection, reason)

    def _forget(self, connection: SoloConnection, why: str) -> None:
        """What it has asked for is carried out all the same: it is journalled, and its memory lives until then."""
        if self._connections.pop(connection.fileno(), None) is not None:
            self._epoll.unregister(connection.fileno())
            log.info("connection of %s closed: %s", connection.peer, why)
        connection.socket.close()

    def close(self) -> None:
        """Close everything that is open."""
        for connection in tuple(self._connections.values()):
            self._forget(connection, "the process stops")
        self._epoll.close()


def _signed(value: int) -> int:
    """The int64 with the bits of an unsigned number."""
    return value - (1 << 64) if value >> 63 else value
