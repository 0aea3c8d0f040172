"""Who waits for what on a leader: requests whose entry is not committed yet, and reads that saw such an entry."""

from collections import deque
from collections.abc import Callable

from trading_sim.shard.outcomes import Answered, Outcome, Refusal, Refused

Reply = Callable[[Outcome], None]


class Asked:
    """Answers go out in the order of the entries, when the engine says that they are committed."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, int], int] = {}
        self._replies: dict[int, list[Reply]] = {}
        self._reads: deque[tuple[int, Outcome, Reply]] = deque()

    def entry_of(self, client_id: int, request: int) -> int | None:
        """The uncommitted entry that carries the request, or None."""
        return self._entries.get((client_id, request))

    def proposed(self, client_id: int, request: int, index: int) -> None:
        """The request became entry `index`."""
        self._entries[client_id, request] = index

    def wait(self, index: int, reply: Reply) -> None:
        """Answer when entry `index` is committed."""
        self._replies.setdefault(index, []).append(reply)

    def wait_to_read(self, index: int, outcome: Outcome, reply: Reply) -> None:
        """The outcome was read from the state behind entry `index`: tell it when that is committed."""
        self._reads.append((index, outcome, reply))

    def committed(self, client_id: int, request: int, index: int, answer: bytes | None) -> None:
        """Entry `index` is committed; None = the request was too old to be executed."""
        if self._entries.get((client_id, request)) == index:
            del self._entries[client_id, request]
        for reply in self._replies.pop(index, ()):
            if answer is not None:
                reply(Answered(answer))
            else:
                reply(Refused(Refusal.STALE, f"Request {request} is too old to be known."))

    def release_reads(self, published: int) -> None:
        """Everything up to `published` is committed."""
        while self._reads and self._reads[0][0] <= published:
            _, outcome, reply = self._reads.popleft()
            reply(outcome)

    def abandon(self, why: str) -> None:
        """Nobody here will learn the outcome any more."""
        replies, self._replies = self._replies, {}
        reads, self._reads = self._reads, deque()
        self._entries.clear()
        unknown = Refused(Refusal.UNKNOWN, f"Outcome unknown, {why}: ask again with the same request number.")
        for waiting in replies.values():
            for reply in waiting:
                reply(unknown)
        for _, _, reply in reads:
            reply(Refused(Refusal.BUSY, f"Nothing was read, {why}: ask again."))
