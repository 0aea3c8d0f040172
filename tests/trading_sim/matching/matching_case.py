"""One hand-made sequence: commands, the events they must cause, and what the book of symbol 0 looks like afterwards.

A book is (bids, asks), each (price, open quantity, orders) with the best first. Lines are those of matching_text.
"""

from typing import NamedTuple

EMPTY = ((), ())


class Case(NamedTuple):
    """One sequence."""

    name: str
    commands: tuple[str, ...]
    events: tuple[str, ...]
    book: tuple[tuple[tuple[int, int, int], ...], tuple[tuple[int, int, int], ...]] = EMPTY
