"""`replay --against`: equal streams, and the first difference of unequal ones in words."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.trading_sim.matching.matching_streams import random_stream
from tests.trading_sim.matching.matching_text import parse_commands
from trading_sim.cli import main
from trading_sim.matching.difference import first_difference
from trading_sim.matching.records import EVENT
from trading_sim.matching.symbols import SymbolTable
from trading_sim.matching.twin import TwinCore

ROWS = [{"reference": 100, "low": 90, "high": 110, "lot": 1}, {"reference": 50, "low": 0, "high": 0, "lot": 100}]
LINES = ("SELL 1 3@100", "SELL 2 4@100", "BUY 3 5@101", "CANCEL 2", "PHASE AUCTION on 0", "BUY 4 2@99")
ROOT = Path(__file__).parents[3]


@pytest.fixture
def files(tmp_path):
    """Symbols and the commands of LINES on disk, and what the specification answers."""
    symbols, source = tmp_path / "symbols.json", tmp_path / "commands.bin"
    symbols.write_text(json.dumps(ROWS))
    commands = parse_commands(LINES)
    commands.tofile(source)
    return symbols, source, TwinCore(SymbolTable.from_rows(ROWS), 100, 100).step(commands)


def against(files, other, *options: str) -> int:
    return main(["replay", "--symbols", str(files[0]), "--in", str(files[1]), "--against", str(other), *options])


def changed(files, tmp_path, **fields) -> Path:
    """The right events with one of them changed, as a file; `at` is its place."""
    events = files[2].copy()
    at = fields.pop("at")
    for name, value in fields.items():
        events[name][at] = value
    events.tofile(tmp_path / "other.bin")
    return tmp_path / "other.bin"


def test_equal_files_and_the_twin_are_equal(files, tmp_path, capsys):
    files[2].tofile(tmp_path / "other.bin")
    for other in (tmp_path / "other.bin", "twin"):
        assert against(files, other) == 0
        assert capsys.readouterr().out == f"equal: {len(files[2])} events of 6 commands\n"


def test_another_price_is_told_in_words(files, tmp_path, capsys):
    assert against(files, changed(files, tmp_path, at=3, price=99)) == 1
    assert capsys.readouterr().out == (
        "different from event 3 on: command 3, a BUY of order 3 (5 at 101, DAY, in symbol 0): this version trades 3 at 100"
        " with order 1 and trades 2 at 100 with order 2, the other trades 3 at 99 with order 1 and trades 2 at 100 with"
        " order 2\n"
    )


def test_a_missing_trade_is_told_as_resting(files, tmp_path, capsys):
    np.delete(files[2], [3, 4]).tofile(tmp_path / "other.bin")
    assert against(files, tmp_path / "other.bin") == 1
    assert "with order 2, the other rests with 5" in capsys.readouterr().out


def test_a_rejection_and_a_phase_are_told(files, tmp_path, capsys):
    assert against(files, changed(files, tmp_path, at=0, kind=2, reason=8, leaves=0)) == 1
    told = capsys.readouterr().out
    assert "this version accepts and rests with 3, the other rejects (BAD_LOT)" in told
    assert against(files, changed(files, tmp_path, at=6, price=4)) == 1
    told = capsys.readouterr().out
    assert (
        "a PHASE to AUCTION (in symbol 0): this version sets symbol 0 to AUCTION, the other sets symbol 0 to CLOSED"
        in told
    )


def test_a_difference_without_words_names_the_field(files, tmp_path, capsys):
    assert against(files, changed(files, tmp_path, at=5, flags=1)) == 1
    assert "(flags is 0 here and 1 there)" in capsys.readouterr().out


def test_json_has_both_sides(files, tmp_path, capsys):
    assert against(files, changed(files, tmp_path, at=3, price=99), "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["equal"], answer["commands"], answer["first_difference"]["event"]) == (False, 6, 3)
    assert [side[0]["price"] for side in (answer["first_difference"]["this"], answer["first_difference"]["other"])] == [
        100,
        99,
    ]


@pytest.mark.parametrize("cut", [0, 1, 5])
def test_a_stream_that_ends_early_is_different(files, tmp_path, capsys, cut):
    files[2][:cut].tofile(tmp_path / "other.bin")
    assert against(files, tmp_path / "other.bin") == 1
    np.concatenate([files[2], files[2][-1:]]).tofile(tmp_path / "other.bin")
    assert against(files, tmp_path / "other.bin") == 1
    assert f"different from event {len(files[2])} on" in capsys.readouterr().out


def test_another_version_is_run_as_a_process(files, tmp_path, capsys):
    other = tmp_path / "other"
    shutil.copytree(ROOT / "trading_sim", other / "trading_sim", ignore=shutil.ignore_patterns("__pycache__"))
    twin = other / "trading_sim" / "matching" / "twin_book.py"
    text = (other / "trading_sim" / "matching" / "replay.py").read_text()
    # The other version answers with the specification: nothing has to be compiled for it, and it can be given a fault.
    faster = text.replace("from trading_sim.matching.core import Core\n\n", "from tests_core import Core\n\n")
    assert faster != text
    (other / "trading_sim" / "matching" / "replay.py").write_text(faster)
    (other / "tests_core.py").write_text(
        "from trading_sim.matching.twin import TwinCore\nclass Core(TwinCore):\n"
        "    def run(self, commands):\n        yield self.step(commands)\n"
    )
    assert against(files, other) == 0
    wrong = twin.read_text().replace("return max(prices) if side == Side.BUY", "return min(prices) if side == Side.BUY")
    wrong = wrong.replace("else min(prices)", "else max(prices)")
    twin.write_text(wrong)
    random_stream(4, 500, garbage=0.0).tofile(files[1])
    assert against(files, other) == 1
    assert "this version trades" in capsys.readouterr().out
    twin.write_text("raise RuntimeError('broken on purpose')")
    assert against(files, other) == 2
    assert "RuntimeError: broken on purpose" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("other", "options", "message"),
    [
        ("nowhere", [], "neither a file of events"),
        ("cut", [], "not a multiple of 48"),
        ("twin", ["--out", "x"], "only compares"),
        ("twin", ["--batch", "0"], "--batch must be at least 1"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_exit_2(files, tmp_path, capsys, other, options, message):
    (tmp_path / "cut").write_bytes(b"x" * 49)
    assert against(files, other if other == "twin" else tmp_path / other, *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_out_is_needed_without_against(files, capsys):
    assert main(["replay", "--symbols", str(files[0]), "--in", str(files[1])]) == 2
    assert "--out names the file" in capsys.readouterr().err


@pytest.mark.parametrize("seed", range(20))
def test_any_changed_byte_is_found_where_it_is(seed):
    random = np.random.default_rng(seed)
    commands = random_stream(seed, 300)
    table = SymbolTable.from_rows([ROWS[0]] * 4)
    events = TwinCore(table, 400, 400).step(commands)
    other = events.copy()
    place = int(random.integers(len(events)))
    other.view(np.uint8).reshape(len(events), EVENT.itemsize)[place, int(random.integers(EVENT.itemsize))] ^= 0x40
    _, difference = first_difference(commands, iter([events]), other)
    assert difference is not None
    assert difference.event == place
    assert difference.text
