"""The guard of a capacity test names every reason against the start, and takes unknown for a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seeops.capacity import options
from seeops.capacity.guard import CALM, Facts, refusals
from seeops.core.errors import InvalidInput

QUIET = Facts([], [], [], [], "morning", [], False)


@pytest.mark.parametrize("segment", CALM)
def test_a_calm_hour_refuses_nothing(segment: str) -> None:
    assert refusals(replace(QUIET, segment=segment), confirmed=False) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"running": ["CAP-00001"]}, "CAP-00001"),
        ({"occupied": ["EXP-000003 is running"]}, "EXP-000003"),
        ({"releases": ["REL-00007"]}, "REL-00007"),
        ({"critical_alerts": ["CentreDown"]}, "CentreDown"),
        ({"segment": ""}, "does not answer"),
        ({"faults": ["command line"]}, "command line"),
        ({"paused": True}, "paused"),
    ],
)
def test_every_fact_has_its_reason_and_no_confirmation_overrules_it(change: dict, word: str) -> None:
    (reason,) = refusals(replace(QUIET, **change), confirmed=True)
    assert word in reason


@pytest.mark.parametrize("segment", ["opening", "lunch", "closing-auction", "closed"])
def test_other_hours_need_a_confirmation(segment: str) -> None:
    assert "confirmation" in refusals(replace(QUIET, segment=segment), confirmed=False)[0]
    assert refusals(replace(QUIET, segment=segment), confirmed=True) == []


def test_options_keep_their_bounds_and_become_the_command_line() -> None:
    chosen = options.parse({"asked": "2.5", "hold_s": "6", "p99_ms": ""})
    assert (chosen.asked, chosen.hold_s, chosen.p99_ms) == (2.5, 6.0, 100.0)
    words = options.command_line(chosen, state="/s", spool="/p", owner="capacity:X", declared_peak=160.0)
    assert words[words.index("--most") + 1] == "960"
    assert words[words.index("--owner") + 1] == "capacity:X"
    for wrong in ({"asked": "0"}, {"hold_s": "1000"}, {"p99_ms": "many"}, {"p99_ms": "nan"}):
        with pytest.raises(InvalidInput):
            options.parse(wrong)
