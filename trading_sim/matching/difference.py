"""Where two event streams of the same commands part, and what each says there, in words.

Pure: arrays in, a Difference out. A stream is compared byte by byte; the words follow from the first event that differs to the
end of its command.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from trading_sim.matching.records import EVENT, EventKind, Kind, OrderType, Phase, Reason, Side, Tif

EVENTS_AT_ONCE = 65_536
MOST_EVENTS_TOLD = 3
MOST_EVENTS_SHOWN = 100
OPEN_AFTER = (EventKind.ACCEPTED, EventKind.TRADE, EventKind.REPLACED)


@dataclass(frozen=True)
class Difference:
    """The first difference: place of the event in the streams (from 0), the command's seq, each side's events from there on."""

    event: int
    seq: int
    text: str
    this: list[dict[str, Any]]
    other: list[dict[str, Any]]


def first_difference(
    commands: np.ndarray, pieces: Iterator[np.ndarray], other: np.ndarray
) -> tuple[int, Difference | None]:
    """Compare our events (EVENT arrays, each holding whole commands) with `other`. Returns events compared and the difference."""
    done = 0
    for piece in pieces:
        for first in range(0, len(piece), EVENTS_AT_ONCE):
            part = piece[first : first + EVENTS_AT_ONCE]
            theirs = other[done + first : done + first + len(part)]
            place = _unequal(part, theirs)
            if place is not None:
                return done + first, _difference(commands, piece, first + place, other, done)
        done += len(piece)
    if len(other) > done:
        return done, _difference(commands, np.empty(0, EVENT), 0, other, done)
    return done, None


def _unequal(ours: np.ndarray, theirs: np.ndarray) -> int | None:
    """First place where the records differ; one stream ending counts."""
    shared = min(len(ours), len(theirs))
    words = [
        np.ascontiguousarray(part[:shared]).view(np.int64).reshape(shared, EVENT.itemsize // 8)
        for part in (ours, theirs)
    ]
    rows = np.flatnonzero((words[0] != words[1]).any(axis=1))
    if len(rows):
        return int(rows[0])
    return None if len(ours) == len(theirs) else shared


def _difference(commands: np.ndarray, piece: np.ndarray, at: int, other: np.ndarray, done: int) -> Difference:
    """The difference at event `at` of `piece`, in front of which `done` events were equal."""
    place = done + at
    ours, theirs = piece[at:], other[place : place + MOST_EVENTS_SHOWN * 10]
    candidates = [int(side["seq"][0]) for side in (ours, theirs) if len(side)]
    seq = min(candidates, key=lambda number: _position(commands, number))
    mine, its = _of_command(ours, seq), _of_command(theirs, seq)
    position = _position(commands, seq)
    command = commands[position] if position < len(commands) else None
    entered = f"command {seq:,}, {name_command(command)}" if command is not None else f"an event of command {seq:,}"
    shared = other[place - 1] if place and other["seq"][place - 1] == np.uint64(seq) else None
    told, theirs_told = tell(mine, shared), tell(its, shared)
    text = f"{entered}: this version {told}, the other {theirs_told}"
    if told == theirs_told and len(mine) and len(its):
        text += f" ({_fields(mine[0], its[0])})"
    return Difference(place, seq, text, _rows(mine), _rows(its))


def _position(commands: np.ndarray, seq: int) -> int:
    """Place of a command in the stream; behind the last one when no command has this seq."""
    found = np.flatnonzero(commands["seq"] == np.uint64(seq))
    return int(found[0]) if len(found) else len(commands)


def _of_command(events: np.ndarray, seq: int) -> np.ndarray:
    """The events at the start of `events` that belong to command `seq`."""
    other = np.flatnonzero(events["seq"] != np.uint64(seq))
    return events[: other[0]] if len(other) else events


def name_command(command: np.void) -> str:
    """A command in words."""
    amount = f"{command['qty']:,} at {command['price']:,}"
    order, symbol = f"order {command['order_id']:,}", f"in symbol {command['symbol']:,}"
    if command["kind"] == Kind.NEW:
        market = command["type"] == OrderType.MARKET
        amount = f"{command['qty']:,} at any price" if market else amount
        tif = _name(Tif, command["tif"])
        return f"a {_name(Side, command['side'])} of {order} ({amount}, {tif}, {symbol})"
    if command["kind"] == Kind.CANCEL:
        return f"a CANCEL of {order} ({symbol})"
    if command["kind"] == Kind.REPLACE:
        return f"a REPLACE of {order} ({amount}, {symbol})"
    if command["kind"] == Kind.PHASE:
        return f"a PHASE to {_name(Phase, command['price'])} ({symbol})"
    return f"a command of unknown kind {command['kind']} ({order})"


def tell(events: np.ndarray, shared: np.void | None) -> str:
    """What a version does with a command from some event on; `shared` is the event of the command before it."""
    if len(events) == 0:
        resting = shared is not None and shared["kind"] in OPEN_AFTER and shared["leaves"]
        return f"rests with {shared['leaves']:,}" if resting else "says nothing more"
    words = [_tell_event(event) for event in events[:MOST_EVENTS_TOLD]]
    if len(events) > MOST_EVENTS_TOLD:
        words.append(f"reports {len(events) - MOST_EVENTS_TOLD:,} more events")
    last = events[-1]
    if last["kind"] in OPEN_AFTER and last["leaves"]:
        words.append(f"rests with {last['leaves']:,}")
    return " and ".join(words)


def _tell_event(event: np.void) -> str:
    amount = f"{event['qty']:,} at {event['price']:,}"
    reason = _name(Reason, event["reason"])
    sentences = {
        EventKind.ACCEPTED: "accepts",
        EventKind.REJECTED: f"rejects ({reason})",
        EventKind.TRADE: f"trades {amount} with order {event['maker_id']:,}",
        EventKind.CANCELLED: f"cancels {event['qty']:,} ({reason})",
        EventKind.REPLACED: f"replaces by {amount}",
        EventKind.PHASE: f"sets symbol {event['symbol']:,} to {_name(Phase, event['price'])}",
    }
    told = sentences.get(int(event["kind"]), f"reports an event of unknown kind {event['kind']}")
    if event["kind"] == EventKind.PHASE and event["reason"]:
        told += f" ({reason})"
    return told


def _fields(mine: np.void, its: np.void) -> str:
    """The fields in which two events differ."""
    unequal = [name for name in EVENT.names if mine[name] != its[name]]
    return ", ".join(f"{name} is {mine[name]} here and {its[name]} there" for name in unequal)


def _name(names: type, number: int) -> str:
    return names(int(number)).name if int(number) in tuple(names) else f"{names.__name__.lower()} {number}"


def _rows(events: np.ndarray) -> list[dict[str, Any]]:
    return [dict(zip(EVENT.names, row, strict=True)) for row in events[:MOST_EVENTS_SHOWN].tolist()]
