"""The files that are begun first exist, and only their order is changed."""

from __future__ import annotations

from types import SimpleNamespace

from seeops.bootstrap.paths import ROOT
from tests.order import LONGEST_FIRST, longest_first


def test_every_file_that_is_begun_first_exists() -> None:
    assert [name for name in LONGEST_FIRST if not (ROOT / name).is_file()] == []
    assert len(set(LONGEST_FIRST)) == len(LONGEST_FIRST)


def test_long_files_come_first_and_nothing_else_moves() -> None:
    wanted = [
        f"{LONGEST_FIRST[0]}::a",
        f"{LONGEST_FIRST[0]}::b",
        f"{LONGEST_FIRST[1]}::a",
        "tests/z.py::a",
        "tests/b.py::a",
    ]
    items = [SimpleNamespace(nodeid=wanted[place]) for place in (3, 2, 0, 4, 1)]
    longest_first(items)  # type: ignore[arg-type]
    assert [item.nodeid for item in items] == wanted
