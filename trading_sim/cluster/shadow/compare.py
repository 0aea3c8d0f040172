"""Compares what two versions made of the same entries, byte by byte, and says in words where they first differ. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trading_sim.cluster.shadow.child import Told
from trading_sim.cluster.shadow.words import Speaker
from trading_sim.protocol.records import COMMAND, EVENT, PARTY
from trading_sim.risk.reasons import RISK_REJECT
from trading_sim.shard.entries import Entry

LISTED = 5
#: Events of one command that a sentence quotes.
SAID = 2
#: Kinds of differences that are told apart; a version with more of them changes more than anybody could declare.
MOST_KINDS = 200


@dataclass(frozen=True)
class Difference:
    """One entry whose results differ. `what`: rejects, events, parties or state; `ours`, `theirs` in words."""

    entry: int
    seq: int | None
    what: str
    command: str
    ours: str
    theirs: str

    @property
    def text(self) -> str:
        """The sentence: where, on which command, what each version made of it."""
        if self.what == "state":
            return f"After entry {self.entry} the states differ ({self.ours} and {self.theirs}), though all they told before was equal."
        on = f", command {self.seq}, {self.command}" if self.seq is not None else ""
        return f"Entry {self.entry}{on}: this version says “{self.ours}”, the other one “{self.theirs}”."


@dataclass
class Comparison:
    """Counts over all entries, the first differences, and a digest of each version's whole stream."""

    entries: int = 0
    commands: int = 0
    events: int = 0
    rejects: int = 0
    hashes: int = 0
    parties_compared: bool = True
    differing: int = 0
    first: list[Difference] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    more_kinds: bool = False
    ours_digest: str = ""
    theirs_digest: str = ""

    @property
    def same(self) -> bool:
        """Whether every byte that was compared was equal; false for a comparison of nothing."""
        return self.entries > 0 and self.differing == 0


class Unequal(ValueError):
    """The two streams do not speak of the same entries."""


def compare(entries: Iterable[Entry], ours: Iterable[Told], theirs: Iterable[Told], speaker: Speaker) -> Comparison:
    """All entries of both streams. Raises Unequal when one ends before the other or skips an entry."""
    found = Comparison()
    digests = (hashlib.sha256(), hashlib.sha256())
    by_index = iter(entries)
    for one, other in _paired(ours, theirs):
        if one.index != other.index:
            raise Unequal(f"this version told of entry {one.index} when the other one told of entry {other.index}")
        entry = next(entry for entry in by_index if entry.index == one.index)
        found.entries += 1
        found.commands += entry.count
        found.events += len(one.events) // EVENT.itemsize
        found.rejects += len(one.rejects) // RISK_REJECT.itemsize
        for digest, told in zip(digests, (one, other), strict=True):
            digest.update(told.events + told.rejects)
        found.parties_compared &= one.parties is not None and other.parties is not None
        found.hashes += one.state_hash is not None
        difference = _difference(entry, one, other, speaker, found)
        if difference is not None:
            found.differing += 1
            _count_kinds(entry, one, other, speaker, difference, found)
            if len(found.first) < LISTED:
                found.first.append(difference)
    found.ours_digest, found.theirs_digest = (digest.hexdigest() for digest in digests)
    return found


def _paired(ours: Iterable[Told], theirs: Iterable[Told]) -> Iterable[tuple[Told, Told]]:
    other = iter(theirs)
    last = 0
    for one in ours:
        told = next(other, None)
        if told is None:
            raise Unequal(f"the other version ended after entry {last}")
        yield one, told
        last = one.index
    if next(other, None) is not None:
        raise Unequal(f"the other version went on after entry {last}")


def _difference(entry: Entry, one: Told, other: Told, speaker: Speaker, found: Comparison) -> Difference | None:
    if one.rejects != other.rejects or one.events != other.events:
        pairs = [
            _first_unequal(np.frombuffer(one.rejects, RISK_REJECT), np.frombuffer(other.rejects, RISK_REJECT)),
            _first_unequal(np.frombuffer(one.events, EVENT), np.frombuffer(other.events, EVENT)),
        ]
        seq, what = min(
            (int(row["seq"]), what)
            for pair, what in zip(pairs, ("rejects", "events"), strict=True)
            for row in pair
            if row is not None
        )
        said = (_said(told, seq, speaker) for told in (one, other))
        return Difference(entry.index, seq, what, _command(entry, seq, speaker), *said)
    if one.parties is not None and other.parties is not None and one.parties != other.parties:
        mine, its = _first_unequal(np.frombuffer(one.parties, PARTY), np.frombuffer(other.parties, PARTY))
        return Difference(entry.index, None, "parties", "", f"parties {mine}", f"parties {its}")
    if one.state_hash != other.state_hash and not found.differing:
        return Difference(entry.index, None, "state", "", _hash(one.state_hash), _hash(other.state_hash))
    return None


def _count_kinds(
    entry: Entry, one: Told, other: Told, speaker: Speaker, difference: Difference, found: Comparison
) -> None:
    """Every kind of difference in the entry, command by command: what a person declares that a version is to change."""
    kinds = [difference.what] if difference.what in ("parties", "state") else _kinds(entry, one, other, speaker)
    for kind in kinds:
        if kind in found.kinds or len(found.kinds) < MOST_KINDS:
            found.kinds[kind] = found.kinds.get(kind, 0) + 1
        else:
            found.more_kinds = True


def _kinds(entry: Entry, one: Told, other: Told, speaker: Speaker) -> list[str]:
    commands = {int(row["seq"]): speaker.command_kind(row) for row in np.frombuffer(entry.commands, COMMAND)}
    ours, theirs = _by_command(one), _by_command(other)
    kinds = []
    for seq in sorted(ours.keys() | theirs.keys()):
        mine, its = ours.get(seq, []), theirs.get(seq, [])
        if [row.tobytes() for row in mine] != [row.tobytes() for row in its]:
            told = [_told_kinds(rows, speaker) for rows in (mine, its)]
            same = " with other numbers" if told[0] == told[1] else ""
            kinds.append(f"{commands.get(seq, 'a command of another entry')}: {told[0]} → {told[1]}{same}")
    return kinds


def _by_command(told: Told) -> dict[int, list[np.void]]:
    rows: dict[int, list[np.void]] = {}
    for records in (np.frombuffer(told.rejects, RISK_REJECT), np.frombuffer(told.events, EVENT)):
        for row in records:
            rows.setdefault(int(row["seq"]), []).append(row)
    return rows


def _told_kinds(rows: list[np.void], speaker: Speaker) -> str:
    """The kinds of what a version told of one command, each once, in the order in which they first came."""
    words = [speaker.reject_kind(row) if row.dtype == RISK_REJECT else speaker.event_kind(row) for row in rows]
    return ", ".join(dict.fromkeys(words)) or "nothing"


def _said(told: Told, seq: int, speaker: Speaker) -> str:
    """All that a version told of one command."""
    rejects, events = np.frombuffer(told.rejects, RISK_REJECT), np.frombuffer(told.events, EVENT)
    parts = [speaker.reject(row) for row in rejects[rejects["seq"] == seq]]
    parts += [speaker.event(row) for row in events[events["seq"] == seq]]
    more = f" and {len(parts) - SAID} more" if len(parts) > SAID else ""
    return "; ".join(parts[:SAID]) + more if parts else "nothing"


def _hash(value: int | None) -> str:
    return "not told" if value is None else f"{value:016x}"


def _first_unequal(ours: np.ndarray, theirs: np.ndarray) -> tuple[np.void | None, np.void | None]:
    """The first pair of records that are not the same bytes; None where one list has ended."""
    common = min(len(ours), len(theirs))
    unequal = np.flatnonzero(ours[:common] != theirs[:common])
    place = int(unequal[0]) if len(unequal) else common
    return (ours[place] if place < len(ours) else None, theirs[place] if place < len(theirs) else None)


def _command(entry: Entry, seq: int, speaker: Speaker) -> str:
    commands = np.frombuffer(entry.commands, COMMAND)
    mine = commands[commands["seq"] == seq]
    return speaker.command(mine[0]) if len(mine) else "a command of another entry"


def as_dict(found: Comparison) -> dict[str, Any]:
    """Plain JSON of a comparison."""
    return {
        "entries": found.entries,
        "commands": found.commands,
        "events": found.events,
        "rejects": found.rejects,
        "state_hashes": found.hashes,
        "parties_compared": found.parties_compared,
        "differing_entries": found.differing,
        "kinds": dict(sorted(found.kinds.items())),
        "more_kinds": found.more_kinds,
        "differences": [
            {"entry": one.entry, "seq": one.seq, "what": one.what, "command": one.command, "ours": one.ours,
             "theirs": one.theirs, "text": one.text}
            for one in found.first
        ],
        "stream_sha256": {"ours": found.ours_digest, "theirs": found.theirs_digest},
    }  # fmt: skip
