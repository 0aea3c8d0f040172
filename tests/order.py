"""In which order files of tests are begun: a worker that is left alone with a long one at the end is waited for."""

from __future__ import annotations

import pytest

# By how long a worker is busy with them, the longest first. Whatever is not named takes less than ten seconds.
LONGEST_FIRST = ("tests/chaos/test_experiments_on_a_cluster.py",)


def longest_first(items: list[pytest.Item]) -> None:
    """Sort by file, the long ones first; within a file, and of all other files, the order stays."""
    rank = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))
