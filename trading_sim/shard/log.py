"""The part of the log that consensus looks at: entries in memory behind a base that a snapshot covers."""

from collections.abc import Iterable

from trading_sim.shard.entries import Entry


class RaftLog:
    """Entries `base_index + 1 … last_index`. `base_index`/`base_term` name the entry before the first one."""

    def __init__(self, base_index: int = 0, base_term: int = 0, entries: Iterable[Entry] = ()) -> None:
        self.base_index = base_index
        self.base_term = base_term
        self._entries: list[Entry] = list(entries)
        self.bytes = sum(len(entry.data) for entry in self._entries)

    @property
    def last_index(self) -> int:
        return self.base_index + len(self._entries)

    @property
    def last_term(self) -> int:
        return self._entries[-1].term if self._entries else self.base_term

    def term(self, index: int) -> int | None:
        """Term of an entry; None when it is not held (compacted away, or not there yet)."""
        if index == self.base_index:
            return self.base_term
        position = index - self.base_index - 1
        return self._entries[position].term if 0 <= position < len(self._entries) else None

    def entry(self, index: int) -> Entry:
        """The entry `index`; KeyError when it is not held."""
        position = index - self.base_index - 1
        if not 0 <= position < len(self._entries):
            raise KeyError(f"Entry {index} is not held; held are {self.base_index + 1} to {self.last_index}.")
        return self._entries[position]

    def slice(self, first: int, max_bytes: int, max_entries: int) -> tuple[Entry, ...]:
        """Entries from `first` on, at least one when there is one, as long as both limits hold."""
        position = first - self.base_index - 1
        chosen: list[Entry] = []
        size = 0
        while position + len(chosen) < len(self._entries) and len(chosen) < max_entries:
            entry = self._entries[position + len(chosen)]
            size += len(entry.data)
            if chosen and size > max_bytes:
                break
            chosen.append(entry)
        return tuple(chosen)

    def append(self, entry: Entry) -> None:
        """Add the entry behind the last one."""
        if entry.index != self.last_index + 1:
            raise ValueError(f"Entry {entry.index} cannot follow entry {self.last_index}.")
        self._entries.append(entry)
        self.bytes += len(entry.data)

    def take_back(self, index: int) -> None:
        """Remove the entries from `index` on."""
        position = index - self.base_index - 1
        self.bytes -= sum(len(entry.data) for entry in self._entries[position:])
        del self._entries[position:]

    def compact(self, index: int) -> None:
        """Forget the entries up to `index`, which must be held."""
        if index <= self.base_index:
            return
        term = self.term(index)
        if term is None:
            raise ValueError(f"Entry {index} is not held; held are {self.base_index + 1} to {self.last_index}.")
        position = index - self.base_index
        self.bytes -= sum(len(entry.data) for entry in self._entries[:position])
        del self._entries[:position]
        self.base_index, self.base_term = index, term

    def reset(self, index: int, term: int) -> None:
        """Begin behind a snapshot of entry `index`."""
        self._entries.clear()
        self.bytes = 0
        self.base_index, self.base_term = index, term

    def first_of_term(self, index: int) -> int:
        """Lowest held index whose entries up to `index` all have the term of `index`."""
        term = self.term(index)
        while index > self.base_index + 1 and self.term(index - 1) == term:
            index -= 1
        return index
