"""The replica's side of the feed: keeps the newest committed entries in memory and tells them to everyone who follows.

Followers pull: the hub writes to each as long as its connection takes bytes, so memory is bounded by the ring, not by the number of
followers. Who falls too far behind is cut off with a reason and may come back from the index where it was.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from trading_sim.shard import feed_wire, wire
from trading_sim.shard.entries import Entry
from trading_sim.shard.outcomes import Refusal, Refused
from trading_sim.shard.state import Applied

RING_ENTRIES, RING_BYTES = 1 << 16, 32 << 20
UNSENT_BYTES = 16 << 20
HEARTBEAT_S = 0.5
_PIECE_BYTES = 256 << 10


class Sink(Protocol):
    """A connection that follows."""

    def write(self, data: bytes) -> None:
        """Send; may set `full`."""

    @property
    def full(self) -> bool:
        """True while the connection takes no more bytes."""

    def cut(self, reason: str) -> None:
        """Close with a reason."""


class _Kept:
    """One entry in the ring: what it caused, encoded when the first follower wants it. `begin`: bytes kept before it, ever."""

    __slots__ = ("_entry", "_parts", "_result", "begin", "bytes", "index")

    def __init__(self, entry: Entry, result: object | None, begin: int) -> None:
        self.index, self.begin = entry.index, begin
        self._entry, self._result, self._parts = entry, result, b""
        self.bytes = 128 + len(entry.data)
        if result is not None:
            answer = getattr(result, "answer", None)  # as long as what it tells, without looking into it
            self.bytes += len(answer) if answer is not None else result.events.nbytes + result.rejects.nbytes

    def parts(self) -> bytes:
        if not self._parts:
            self._parts = feed_wire.fed_parts(feed_wire.fed_of(self._entry, self._result))
            self._entry = self._result = None
        return self._parts


class Following:
    """One follower: `next` is the entry it is told next; `live` once it has been told everything there was."""

    def __init__(self, sink: Sink, tag: int, next_index: int) -> None:
        self.sink, self.tag, self.next, self.live, self.quiet = sink, tag, next_index, False, False


class FeedHub:
    """Belongs to the replica's loop. `index`: the newest entry that was published."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wall_ns: Callable[[], int]) -> None:
        self._loop, self._wall_ns = loop, wall_ns
        self._ring: dict[int, _Kept] = {}
        self._total = 0
        self._followers: set[Following] = set()
        self._flushing = False
        self._timer: asyncio.TimerHandle | None = None
        self.index = self.term = 0

    @property
    def oldest(self) -> int:
        """The oldest entry that can still be told."""
        return self.index - len(self._ring) + 1

    @property
    def followers(self) -> int:
        return len(self._followers)

    def begin_at(self, index: int, term: int) -> None:
        """The state was restored at `index`: what came before cannot be told here."""
        self._ring.clear()
        self.index, self.term = index, term
        for following in tuple(self._followers):
            if following.next <= index:
                self._cut(
                    following, f"Entry {following.next} came to this replica within a snapshot: ask another replica."
                )

    def publish(self, entry: Entry, applied: Applied) -> None:
        """An entry was executed and is committed."""
        kept = _Kept(entry, applied.result, self._total)
        self._total += kept.bytes
        self._ring[entry.index] = kept
        self.index, self.term = entry.index, entry.term
        while len(self._ring) > RING_ENTRIES or self._total - self._ring[self.oldest].begin > RING_BYTES:
            del self._ring[self.oldest]
        if self._followers and not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def follow(self, sink: Sink, tag: int, from_index: int) -> Following | None:
        """Tell the sink every entry from `from_index` on (0 = from now on); None when that entry is gone."""
        if 0 < from_index < self.oldest:
            text = f"Entry {from_index} is no longer kept in memory: the oldest is {self.oldest}."
            sink.write(wire.outcome(tag, Refused(Refusal.GONE, text)))
            return None
        following = Following(sink, tag, from_index or self.index + 1)
        self._followers.add(following)
        if following.next > self.index:
            self._beat(following)
        self.pump(following)
        if self._timer is None:
            self._timer = self._loop.call_later(HEARTBEAT_S, self._on_timer)
        return following

    def leave(self, following: Following) -> None:
        """The follower's connection is gone."""
        self._followers.discard(following)

    def pump(self, following: Following) -> None:
        """Write what the follower has not been told, as far as its connection takes it."""
        while following.next <= self.index and not following.sink.full:
            if following.next < self.oldest:
                self._cut(following, f"Too slow: entry {following.next} is no longer kept in memory.")
                return
            pieces, size = [], 0
            while following.next <= self.index and size < _PIECE_BYTES:
                parts = self._ring[following.next].parts()
                pieces.append(feed_wire.fed_frame(following.tag, parts))
                size += len(parts)
                following.next += 1
            following.quiet = False
            following.sink.write(b"".join(pieces))
        if following.next > self.index:
            following.live = True
        elif following.live and self._unsent(following) > UNSENT_BYTES:
            self._cut(following, f"Too slow: more than {UNSENT_BYTES >> 20} MB wait to be read.")

    def _unsent(self, following: Following) -> int:
        kept = self._ring.get(following.next)
        return RING_BYTES if kept is None else self._total - kept.begin

    def _flush(self) -> None:
        self._flushing = False
        for following in tuple(self._followers):
            self.pump(following)

    def _cut(self, following: Following, reason: str) -> None:
        self._followers.discard(following)
        following.sink.cut(reason)

    def _beat(self, following: Following) -> None:
        beat = feed_wire.heartbeat(self.index, self.term, self._wall_ns())
        following.sink.write(feed_wire.fed_frame(following.tag, beat))

    def _on_timer(self) -> None:
        """Whoever was told nothing since the last time hears that nothing is new."""
        self._timer = self._loop.call_later(HEARTBEAT_S, self._on_timer) if self._followers else None
        for following in tuple(self._followers):
            if following.quiet and not following.sink.full and following.next > self.index:
                self._beat(following)
            following.quiet = True
