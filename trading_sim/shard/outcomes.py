"""How a request to a replica can end."""

from dataclasses import dataclass
from enum import IntEnum


class Refusal(IntEnum):
    """Why a replica does not answer a request. Numbers are part of the client protocol."""

    NOT_LEADER = 1  # not executed here; ask the leader
    BUSY = 2  # not executed; ask again a little later
    STALE = 3  # not executed now; the number is so low that nobody knows whether it once was
    BAD_REQUEST = 4  # not executed, and never will be
    UNKNOWN = 5  # perhaps executed; ask again with the same number
    FAILED = 6  # this replica cannot take part (its disk failed); not executed here
    NOT_FOUND = 7  # a query for something that does not exist
    GONE = 8  # a feed from an entry that is no longer kept in memory; the text names the oldest that is


@dataclass(frozen=True, slots=True)
class Answered:
    """The request was executed, now or earlier; `data` are the answer's bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """The request was not answered. `leader` names the replica to ask, "" when this one knows none."""

    refusal: Refusal
    text: str
    leader: str = ""


Outcome = Answered | Refused
