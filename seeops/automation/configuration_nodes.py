"""What nodes say of their configuration: read and checked by many at a time, each call with its time-out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from seeops.automation import configuration_text as text
from seeops.cluster import door
from seeops.core.errors import SeeOpsError

AT_ONCE = 16
TIMEOUT_S = 2.5
T = TypeVar("T")


@dataclass(frozen=True)
class Read:
    """A node's file as it lies there now; `problem` says why it is not known."""

    name: str
    content: str = ""
    problem: str = ""

    @property
    def digest(self) -> str:
        return "" if self.problem else text.digest(self.content)


@dataclass(frozen=True)
class Tried:
    """What a node has, what it would have, and whether its running version accepts that. `refused` quotes the node."""

    read: Read
    after: str = ""
    refused: str = ""


def read(names: Iterable[str], going_on: Callable[[], None] = lambda: None) -> dict[str, Read]:
    """The configuration of each node. Never raises for one that does not answer. `going_on` is called every few seconds at least, and
    ends it by raising."""
    return {found.name: found for found in _each(_read, names, going_on)}


def tried(
    names: Iterable[str], wanted: Callable[[str], str], going_on: Callable[[], None] = lambda: None
) -> dict[str, Tried]:
    """Read each node and have it check what `wanted` makes of its content. Changes nothing."""
    return {found.read.name: found for found in _each(lambda name: _try(name, wanted), names, going_on)}


def _each(work: Callable[[str], T], names: Iterable[str], going_on: Callable[[], None]) -> list[T]:
    """In pieces that last no longer than two calls of one node."""
    wanted, found = list(names), []
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="configuration") as pool:
        for start in range(0, len(wanted), AT_ONCE):
            going_on()
            found += pool.map(work, wanted[start : start + AT_ONCE])
    return found


def _read(name: str) -> Read:
    try:
        return Read(name, str(door.call(name, "config", timeout_s=TIMEOUT_S)["content"]))
    except SeeOpsError as error:
        return Read(name, problem=str(error)[:400] or type(error).__name__)


def _try(name: str, wanted: Callable[[str], str]) -> Tried:
    found = _read(name)
    if found.problem:
        return Tried(found)
    after = wanted(found.content)
    if after == found.content:
        return Tried(found, after)
    try:
        answer = door.call(name, "check_config", content=after, timeout_s=TIMEOUT_S)
    except SeeOpsError as error:
        return Tried(Read(name, problem=str(error)[:400] or type(error).__name__))
    return Tried(found, after, "" if answer["ok"] else str(answer["problem"])[:400])
