"""`python -m trading_sim replay`: output equal to the specification, and refusals in one line without an output file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.trading_sim.matching.matching_streams import random_stream
from trading_sim.cli import main
from trading_sim.matching.records import EVENT
from trading_sim.matching.symbols import SymbolTable
from trading_sim.matching.twin import TwinCore

ROWS = [
    {"reference": 100, "low": 95, "high": 105, "lot": 1},
    {"reference": 0, "low": 0, "high": 0, "lot": 100},
    {"reference": 130_000, "low": 120_000, "high": 140_000, "lot": 1},
    {"reference": 7, "low": 0, "high": 12, "lot": 3},
]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def files(tmp_path):
    """Symbols and 2,000 commands on disk; returns their paths and that of the output."""
    symbols, source, target = tmp_path / "symbols.json", tmp_path / "commands.bin", tmp_path / "events.bin"
    symbols.write_text(json.dumps(ROWS))
    random_stream(31, 2_000).tofile(source)
    return symbols, source, target


def replay(files, *options: str) -> int:
    symbols, source, target = files
    return main(["replay", "--symbols", str(symbols), "--in", str(source), "--out", str(target), *options])


def expected_events(count: int = 2_000) -> np.ndarray:
    twin = TwinCore(SymbolTable.from_rows(ROWS), max_order_id=4 * count + 1_024, max_live=count)
    return twin.step(random_stream(31, 2_000)[:count])


@pytest.mark.parametrize("options", [(), ("--batch", "1"), ("--batch", "333"), ("--batch", "1000000")])
def test_output_is_what_the_specification_says(files, options):
    assert replay(files, *options) == 0
    assert files[2].read_bytes() == expected_events().tobytes()


def test_stats_are_one_json_line(files, capsys):
    assert replay(files, "--stats") == 0
    out, err = capsys.readouterr()
    stats = json.loads(out)
    events = expected_events()
    assert out.count("\n") == 1
    assert err == ""
    assert set(stats) == {"commands", "events", "trades", "seconds", "commands_per_s", "p50_ns", "p99_ns", "p999_ns"}
    assert (stats["commands"], stats["events"]) == (2_000, len(events))
    assert stats["trades"] == np.count_nonzero(events["kind"] == 3)
    assert 0 < stats["p50_ns"] <= stats["p99_ns"] <= stats["p999_ns"]
    assert files[2].read_bytes() == events.tobytes()


def test_as_a_program_of_its_own(files):
    symbols, source, target = files
    words = [sys.executable, "-m", "trading_sim", "replay", "--symbols", symbols, "--in", source, "--out", target]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert target.read_bytes() == expected_events().tobytes()
    source.write_bytes(b"x" * 41)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)


def test_no_commands_give_no_events(files, capsys):
    files[1].write_bytes(b"")
    assert replay(files, "--stats") == 0
    assert files[2].read_bytes() == b""
    assert json.loads(capsys.readouterr().out)["commands"] == 0


def test_order_ids_reach_four_times_the_commands_and_1024(files):
    commands = random_stream(31, 2, garbage=0.0, phase_rate=0.0)
    commands["kind"], commands["type"], commands["tif"], commands["symbol"], commands["price"] = 1, 1, 1, 0, 100
    commands["order_id"] = 4 * 2 + 1_024, 4 * 2 + 1_025
    commands.tofile(files[1])
    assert replay(files) == 0
    assert np.fromfile(files[2], EVENT)["reason"].tolist()[0] == 0
    assert np.fromfile(files[2], EVENT)["reason"].tolist()[-1] == 16


REFUSALS = {
    "truncated commands": (lambda s, i, o: i.write_bytes(b"\0" * 79), "79 bytes are 1 commands"),
    "missing commands": (lambda s, i, o: i.unlink(), "cannot read commands"),
    "commands are a directory": (lambda s, i, o: (i.unlink(), i.mkdir()), "cannot read commands"),
    "missing table": (lambda s, i, o: s.unlink(), "cannot read symbol table"),
    "empty table": (lambda s, i, o: s.write_text("[]"), "empty"),
    "table is not JSON": (lambda s, i, o: s.write_text("[{"), "not JSON"),
    "table is not text": (lambda s, i, o: s.write_bytes(b"\xff\xfe\x00\xd8"), "not JSON"),
    "band too wide": (lambda s, i, o: s.write_text(json.dumps([ROWS[0] | {"high": 300_000}])), "wider than 262144"),
    "output is a directory": (lambda s, i, o: o.mkdir(), "it is a directory"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_are_one_line_and_leave_no_output(files, capsys, name):
    spoil, message = REFUSALS[name]
    spoil(*files)
    assert replay(files) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert message in err
    assert not files[2].is_file()
    assert list(files[2].parent.glob(".events.bin*")) == []


def test_output_into_a_missing_folder_is_refused(files, capsys):
    assert replay((*files[:2], files[2].parent / "missing" / "events.bin")) == 2
    assert "cannot write events" in capsys.readouterr().err


def test_output_to_a_full_device_is_refused(files, capsys):
    assert replay((*files[:2], Path("/dev/full"))) == 2
    assert "No space left" in capsys.readouterr().err


def test_output_may_be_a_device(files):
    assert replay((*files[:2], Path(os.devnull))) == 0
    assert Path(os.devnull).is_char_device()


def test_output_must_not_replace_the_input(files, capsys):
    before = files[1].read_bytes()
    assert replay((files[0], files[1], files[1])) == 2
    assert "the file the commands are read from" in capsys.readouterr().err
    assert files[1].read_bytes() == before


def test_an_earlier_output_is_replaced_whole_or_not_at_all(files):
    files[2].write_bytes(b"earlier")
    files[1].write_bytes(b"\0" * 41)
    assert replay(files) == 2
    assert files[2].read_bytes() == b"earlier"
    random_stream(31, 100).tofile(files[1])
    assert replay(files) == 0
    assert files[2].stat().st_size % 48 == 0


@pytest.mark.parametrize("options", [("--batch", "0"), ("--batch", "-3"), ("--batch", "many"), ("--unknown",)])
def test_options_that_make_no_sense_are_refused_in_one_line(files, capsys, options):
    with pytest.raises(SystemExit) as exit_code:
        raise SystemExit(replay(files, *options))
    assert exit_code.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not files[2].exists()
