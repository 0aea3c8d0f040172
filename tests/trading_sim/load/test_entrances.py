"""A closed entrance gets no new request; a change is carried out once, by whoever acted last, and outlives the process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trading_sim.load.entrances import Entrances, StaleEntrance
from trading_sim.load.rates import SettingsError

CENTRES = ["SZ-A", "SZ-B", "WH-A"]


def entrances(folder: Path) -> Entrances:
    return Entrances(folder / "entrances.json", CENTRES, lambda: 1_000.0)


def change(one: Entrances, centre: str, wanted: bool, key: str, epoch: int = 1, **more: Any) -> dict[str, Any]:
    return one.change({"centre": centre, "open": wanted, "key": key, "epoch": epoch, "reason": "switch", **more})


def test_a_closed_entrance_is_remembered_by_the_next_process(tmp_path: Path) -> None:
    one = entrances(tmp_path)
    assert change(one, "SZ-B", False, "RUN-1/away") | {"replayed": False} == {
        "centre": "SZ-B", "open": False, "changed": True, "key": "RUN-1/away", "epoch": 1, "replayed": False,
    }  # fmt: skip
    again = entrances(tmp_path)
    assert [centre for centre in CENTRES if again.is_open(centre)] == ["SZ-A", "WH-A"]
    assert again.describe()["closed"]["SZ-B"] == {"since": 1_000.0, "reason": "switch", "key": "RUN-1/away"}
    assert change(again, "SZ-B", True, "RUN-2/back", epoch=2)["changed"]
    assert again.is_open("SZ-B")


def test_a_key_is_carried_out_once_and_an_old_epoch_never(tmp_path: Path) -> None:
    one = entrances(tmp_path)
    change(one, "SZ-B", False, "a", epoch=5)
    change(one, "SZ-B", True, "b", epoch=6)
    assert change(one, "SZ-B", False, "a", epoch=5)["replayed"], "asked for again, it has been done"
    assert one.is_open("SZ-B")
    with pytest.raises(StaleEntrance, match="below 6"):
        change(one, "SZ-A", False, "c", epoch=5)


def test_the_last_entrance_stays_open(tmp_path: Path) -> None:
    one = entrances(tmp_path)
    change(one, "SZ-A", False, "a")
    change(one, "SZ-B", False, "b")
    with pytest.raises(SettingsError, match="last open entrance"):
        change(one, "WH-A", False, "c")
    assert one.is_open("WH-A")


@pytest.mark.parametrize(
    "wrong",
    [
        {"centre": "XX"},
        {"open": "yes"},
        {"epoch": True},
        {"epoch": -1},
        {"key": ""},
        {"key": "k" * 201},
        {"reason": ""},
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    one = entrances(tmp_path)
    with pytest.raises(SettingsError):
        one.change({"centre": "SZ-A", "open": False, "key": "k", "epoch": 1, "reason": "r", **wrong})
    assert one.is_open("SZ-A")
