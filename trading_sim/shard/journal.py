"""The journal of one replica: append-only segments that are never written over.

Taking back entries (a follower whose tail lost an election) and cutting a torn tail both start a new segment whose base
index makes the old ones void from there on: no byte is ever rewritten, so there is no moment at which a crash could mix
old frames with new ones. A segment is zero-filled and synced before it gets its name, therefore an append in it changes no
file size.

Used by one thread. Every OSError leaves the journal unusable: what the page cache holds after a failed sync is unknown,
so the replica must stop and read everything again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trading_sim.shard.entries import Entry
from trading_sim.shard.segment import (
    HEADER_BYTES,
    SegmentHeader,
    SegmentScan,
    decode_segment_header,
    encode_frame,
    encode_segment_header,
    frame_bytes,
    locate_frames,
    scan_segment,
    segment_name,
)
from trading_sim.sim.seams import FileHandle, Files

SEGMENT_BYTES = 4 << 20
_SPARE = "spare.tmp"


class JournalError(Exception):
    """The journal was used against its rules, or is in a state that it cannot recover from by itself."""


@dataclass(frozen=True)
class Damage:
    """Entries from `index` on were durable and are no longer readable; `until` is the last index known to have been there."""

    index: int
    until: int
    file: str


@dataclass(frozen=True)
class Recovered:
    """What a directory held: contiguous `entries`, `torn_entries` > 0 when an unacknowledged tail was cut, or the damage."""

    entries: tuple[Entry, ...]
    cut_tail: bool
    damage: Damage | None


@dataclass
class _Segment:
    sequence: int
    base_index: int


class Journal:
    """Segments in one directory. Read with `recover`, then open with `Journal.open`; indices are those of the entries."""

    def __init__(self, files: Files, directory: str, segment_bytes: int) -> None:
        self._files = files
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._segments: list[_Segment] = []
        self._handle: FileHandle | None = None
        self._offset = 0
        self._size = 0
        self._unsynced = False
        self.last_index = 0
        self.durable_index = 0
        self.rolled_over = False

    @classmethod
    def open(
        cls,
        files: Files,
        directory: str,
        recovered: "Recovered",
        *,
        after: int = 0,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> "Journal":
        """Continue behind what `recover` has read, in a new segment.

        `after` is the index of the snapshot: with nothing behind it the journal starts at `after + 1`. What `recovered`
        says about damage must be durable elsewhere before: the new segment makes the damaged entries void.
        """
        journal = cls(files, directory, segment_bytes)
        for name in files.listdir(directory):
            if name.endswith(".tmp"):
                files.remove(f"{directory}/{name}")
            elif name.startswith("segment-"):
                header = decode_segment_header(files.read(f"{directory}/{name}"))
                sequence = int(name.removeprefix("segment-").removesuffix(".log"))
                journal._segments.append(_Segment(sequence, header.base_index if header else 0))
        last = recovered.entries[-1].index if recovered.entries else 0
        if last < after:
            journal.durable_index = after
            journal._start_segment(after + 1)
        else:
            journal._copy_last_segment(recovered)
        return journal

    def _copy_last_segment(self, recovered: Recovered) -> None:
        """Write what the last segment holds into a new one, which takes its place.

        A process that was killed, or whose sync failed, leaves frames in the page cache that reading shows and the disk
        may not have; after a failed sync not even another sync would bring them there. Written again they count.
        """
        next_index = recovered.entries[-1].index + 1 if recovered.entries else 1
        old = self._segments[-1] if self._segments else None
        base_index = min(old.base_index, next_index) if old is not None and old.base_index else next_index
        copied = [entry for entry in recovered.entries if entry.index >= base_index]
        self.durable_index = base_index - 1
        self._start_segment(base_index, copied=copied)
        self.durable_index = self.last_index
        if old is not None and old.base_index >= base_index:
            self._files.remove(self._path(segment_name(old.sequence)))
            self._files.sync_dir(self._directory)
            self._segments.remove(old)

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries behind the last one, as many in one write as fit into the segment; durable after `sync`. Raises OSError,
        JournalError for a gap."""
        frames, size, expected = [], 0, self.last_index + 1
        for entry in entries:
            if entry.index != expected:
                raise JournalError(f"Entry {entry.index} cannot follow entry {expected - 1} in {self._directory}.")
            frame = encode_frame(entry.data, self.durable_index)
            if self._offset + size + len(frame) > self._size:
                self._write(b"".join(frames), len(frames))
                self.sync()
                self._start_segment(entry.index, len(frame))
                frame = encode_frame(entry.data, self.durable_index)
                frames, size = [], 0
            frames.append(frame)
            size += len(frame)
            expected += 1
        self._write(b"".join(frames), len(frames))

    def append_frames(self, frames: bytes | memoryview, first_index: int, count: int) -> None:
        """Write the frames of `count` entries that were encoded already. As `append`."""
        if first_index != self.last_index + 1:
            raise JournalError(f"Entry {first_index} cannot follow entry {self.last_index} in {self._directory}.")
        if self._offset + len(frames) > self._size:
            self.sync()
            self._start_segment(first_index, len(frames))
        self._write(frames, count)

    def _write(self, frames: bytes | memoryview, count: int) -> None:
        if not count:
            return
        if self._handle is None:
            raise JournalError(f"The journal {self._directory} is closed.")
        self._handle.pwrite(self._offset, frames)
        self._offset += len(frames)
        self._unsynced = True
        self.last_index += count

    def sync(self) -> None:
        """Make everything appended durable. Raises OSError; then nothing more may be acknowledged."""
        if self._unsynced and self._handle is not None:
            self._handle.sync()
            self._unsynced = False
        self.durable_index = self.last_index

    def restart_at(self, index: int) -> None:
        """Void every entry from `index` on; the next append is `index`. Durable when this returns."""
        self.sync()
        self.durable_index = min(self.durable_index, index - 1)
        self._start_segment(index)

    def drop_before(self, index: int) -> int:
        """Remove segments that hold only entries below `index` (a snapshot covers them); returns how many."""
        removed = 0
        while len(self._segments) > 1 and self._segments[1].base_index <= index:
            self._files.remove(self._path(segment_name(self._segments[0].sequence)))
            del self._segments[0]
            removed += 1
        if removed:
            self._files.sync_dir(self._directory)
        return removed

    def prepare_spare(self) -> None:
        """Fill the next segment in advance, so that the roll-over costs a rename. May run beside the other methods."""
        if self._files.exists(self._path(_SPARE)):
            return
        part = self._path("spare.part.tmp")
        if self._files.exists(part):
            self._files.remove(part)
        handle = self._files.create(part, self._segment_bytes)
        try:
            handle.sync()
        finally:
            handle.close()
        self._files.rename(part, self._path(_SPARE))

    def close(self) -> None:
        """Close the current segment."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}"

    def _start_segment(self, base_index: int, needed: int = 0, copied: Sequence[Entry] = ()) -> None:
        """A new segment; with its name it has its header and the `copied` entries on disk."""
        self.close()
        frames = b"".join(encode_frame(entry.data, self.durable_index) for entry in copied)
        size = max(self._segment_bytes, HEADER_BYTES + needed, HEADER_BYTES + len(frames))
        spare = self._path(_SPARE)
        if size == self._segment_bytes and self._files.exists(spare):
            handle = self._files.open(spare)
        else:
            spare = self._path("new.tmp")
            handle = self._files.create(spare, size)
        sequence = self._segments[-1].sequence + 1 if self._segments else 1
        try:
            handle.pwrite(0, encode_segment_header(SegmentHeader(sequence, base_index, self.durable_index)) + frames)
            handle.sync()
            self._files.rename(spare, self._path(segment_name(sequence)))
            self._files.sync_dir(self._directory)
        except OSError:
            handle.close()
            raise
        self._handle = handle
        self._segments.append(_Segment(sequence, base_index))
        self._offset, self._size = HEADER_BYTES + len(frames), size
        self._unsynced = False
        self.rolled_over = True
        self.last_index = base_index - 1 + len(copied)


def recover(files: Files, directory: str, after: int = 0) -> Recovered:
    """Read a journal without changing it; a later segment voids what earlier ones hold from its base index on.

    Entries up to `after` may be missing: a snapshot covers them. Any other gap is damage.
    """
    names = [name for name in files.listdir(directory) if name.startswith("segment-") and name.endswith(".log")]
    entries: list[Entry] = []
    unclean: tuple[SegmentScan | None, str] | None = None  # what ended the readable part: its scan, its file
    next_index: int | None = None
    for name in names:
        data = files.read(f"{directory}/{name}")
        header = decode_segment_header(data)
        if header is None:
            unclean = unclean or (None, name)
            continue
        if next_index is None or (next_index < header.base_index <= after + 1):
            entries.clear()
        elif header.base_index > next_index:
            return _damaged(
                entries, next_index, unclean or (None, name), header.base_index - 1, names, files, directory
            )
        unclean = None
        first = entries[0].index if entries else header.base_index
        del entries[max(0, header.base_index - first) :]
        scan = scan_segment(data, header.base_index)
        entries.extend(scan.entries)
        next_index = header.base_index + len(scan.entries)
        if not scan.clean:
            unclean = (scan, name)
    if unclean is None:
        return Recovered(tuple(entries), False, None)
    next_index = next_index or 1
    scan = unclean[0]
    if scan is not None and scan.later_durable < next_index:
        return Recovered(tuple(entries), True, None)
    return _damaged(entries, next_index, unclean, next_index, names, files, directory)


def _damaged(
    entries: list[Entry],
    index: int,
    unclean: tuple[SegmentScan | None, str],
    until: int,
    names: list[str],
    files: Files,
    directory: str,
) -> Recovered:
    """The readable part before the damage at `index`, and how far the journal is known to have gone."""
    scan, file = unclean
    until = max(until, index, scan.later_index if scan else 0)
    for name in names[names.index(file) :]:
        data = files.read(f"{directory}/{name}")
        header = decode_segment_header(data)
        if header is not None:
            until = max(until, scan_segment(data, header.base_index).later_index, _last_of(data, header.base_index))
    return Recovered(tuple(entries), False, Damage(index, until, file))


def _last_of(data: bytes, base_index: int) -> int:
    return base_index + len(scan_segment(data, base_index).entries) - 1


def read_entries(files: Files, directory: str, after: int = 0) -> Iterator[Entry]:
    """Entries of a journal that nobody writes any more (or a copy of one), for replay and verification.

    The first ones up to `after`, the index of a snapshot, may be missing.
    Raises JournalError when the middle is corrupt: a gap must never be taken for the end.
    """
    recovered = recover(files, directory, after)
    if recovered.damage is not None:
        raise JournalError(
            f"The journal {directory} is corrupt at entry {recovered.damage.index} in {recovered.damage.file}: "
            "take the journal of another replica."
        )
    yield from recovered.entries


def entry_bytes(entry: Entry) -> int:
    """Bytes an entry takes in the journal."""
    return frame_bytes(len(entry.data))


def read_durable_frames(files: Files, directory: str) -> list[tuple[str, int, int]]:
    """(path, first byte, byte behind) of the frames in force whose successors prove that they were durable."""
    found: list[tuple[int, str, int, int]] = []
    proven = 0
    for name in [name for name in files.listdir(directory) if name.startswith("segment-")]:
        data = files.read(f"{directory}/{name}")
        header = decode_segment_header(data)
        if header is None:
            continue
        found = [frame for frame in found if frame[0] < header.base_index]
        proven = min(max(proven, header.durable), header.base_index - 1)
        for index, durable, start, end in locate_frames(data):
            proven = max(proven, durable)
            found.append((index, f"{directory}/{name}", start, end))
    return [(path, start, end) for index, path, start, end in found if index <= proven]
