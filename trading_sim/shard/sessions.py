"""Who asked for what: the answers of the last requests of every client, so that asking again executes nothing.

Part of the replicated state: every replica holds the same table. A client numbers its requests upwards. The table keeps
the answers of a client's highest `REQUESTS_KEPT` numbers, fewer when they are more than `CLIENT_BYTES` together or when all clients'
answers are more than `TOTAL_BYTES` (then those of the clients that were silent for longest go first); the newest answer of a client
always stays while the client is known. A lower number than what is kept is refused as stale, never executed, because nobody can know
any more whether it was.
"""

import struct
from bisect import insort
from dataclasses import dataclass, field

REQUESTS_KEPT = 1024
CLIENTS_KEPT = 4096
CLIENT_BYTES = 4 << 20
TOTAL_BYTES = 64 << 20
_HEAD = struct.Struct("<QQQI")  # client, floor, last used index, number of answers
_ANSWER = struct.Struct("<QI")


class SessionsError(ValueError):
    """Bytes that are not a session table."""


@dataclass(slots=True)
class _Session:
    floor: int = 0
    used: int = 0
    bytes: int = 0
    numbers: list[int] = field(default_factory=list)
    answers: dict[int, bytes] = field(default_factory=dict)


class Sessions:
    """Answers by (client, request)."""

    def __init__(self) -> None:
        self._clients: dict[int, _Session] = {}  # in the order in which they were last served
        self._bytes = 0

    def answer(self, client_id: int, request: int) -> bytes | None:
        """The stored answer, or None."""
        session = self._clients.get(client_id)
        return session.answers.get(request) if session else None

    def is_stale(self, client_id: int, request: int) -> bool:
        """True for a number so low that its answer may have been forgotten."""
        session = self._clients.get(client_id)
        return session is not None and request <= session.floor and request not in session.answers

    def store(self, client_id: int, request: int, answer: bytes, index: int) -> None:
        """Keep an answer; `index` is the entry that was executed."""
        session = self._clients.pop(client_id, None)
        if session is None:
            if len(self._clients) >= CLIENTS_KEPT:
                self._bytes -= self._clients.pop(next(iter(self._clients))).bytes
            session = _Session()
        self._clients[client_id] = session
        session.used = index
        session.answers[request] = answer
        session.bytes += len(answer)
        self._bytes += len(answer)
        if session.numbers and request < session.numbers[-1]:
            insort(session.numbers, request)
        else:
            session.numbers.append(request)
        while len(session.numbers) > REQUESTS_KEPT or (session.bytes > CLIENT_BYTES and len(session.numbers) > 1):
            self._forget_lowest(session)
        if self._bytes > TOTAL_BYTES:
            self._make_room()

    def _forget_lowest(self, session: _Session) -> None:
        session.floor = session.numbers.pop(0)
        forgotten = len(session.answers.pop(session.floor))
        session.bytes -= forgotten
        self._bytes -= forgotten

    def _make_room(self) -> None:
        """Forget answers of the clients that were silent for longest, down to one each."""
        for session in self._clients.values():
            while len(session.numbers) > 1:
                if self._bytes <= TOTAL_BYTES:
                    return
                self._forget_lowest(session)

    def encode(self) -> bytes:
        """The table as bytes, the same on every replica."""
        parts = []
        for client in sorted(self._clients):
            session = self._clients[client]
            parts.append(_HEAD.pack(client, session.floor, session.used, len(session.numbers)))
            for number in session.numbers:
                answer = session.answers[number]
                parts += (_ANSWER.pack(number, len(answer)), answer)
        return b"".join(parts)

    @classmethod
    def decode(cls, data: bytes) -> "Sessions":
        """The table in `data`; raises SessionsError."""
        table = cls()
        offset = 0
        try:
            while offset < len(data):
                client, floor, used, count = _HEAD.unpack_from(data, offset)
                offset += _HEAD.size
                session = table._clients[client] = _Session(floor, used)
                for _ in range(count):
                    number, length = _ANSWER.unpack_from(data, offset)
                    offset += _ANSWER.size + length
                    if offset > len(data):
                        raise SessionsError("The session table ends within an answer.")
                    session.numbers.append(number)
                    session.answers[number] = bytes(data[offset - length : offset])
                    session.bytes += length
                table._bytes += session.bytes
        except struct.error as error:
            raise SessionsError(f"The session table cannot be read: {error}") from error
        table._clients = dict(sorted(table._clients.items(), key=lambda item: item[1].used))
        return table
