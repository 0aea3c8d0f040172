"""The generated streams: the same bytes for a seed, the shape that the mix states, and commands that the core accepts."""

import json

import numpy as np
import pytest

from trading_sim.cli import main
from trading_sim.load.streams import ACCOUNTS, MIXES, StreamGenerator, weights
from trading_sim.matching.core import Core
from trading_sim.matching.records import EventKind, Kind, Reason
from trading_sim.protocol.records import COMMAND

COUNT = 60_000
NAMES = pytest.mark.parametrize("name", MIXES)


def made(name: str, seed: int = 5, count: int = COUNT) -> tuple[StreamGenerator, np.ndarray]:
    generator = StreamGenerator(MIXES[name], seed, count)
    return generator, generator.all()


@NAMES
def test_only_cancels_of_orders_that_are_gone_are_refused(name):
    generator, commands = made(name)
    events = Core(generator.table, max_order_id=COUNT, max_live=COUNT).step(commands)
    refused = events[events["kind"] == EventKind.REJECTED]
    assert set(refused["reason"].tolist()) == {Reason.UNKNOWN_ORDER}
    assert 0 < len(refused) < 0.02 * np.count_nonzero(commands["kind"] == Kind.CANCEL)
    assert np.count_nonzero(events["kind"] == EventKind.TRADE) == generator.shape()["trades"]


@NAMES
def test_shares_are_those_of_the_mix(name):
    generator, commands = made(name)
    mix = MIXES[name]
    kinds = np.bincount(commands["kind"], minlength=4) / COUNT
    assert kinds[Kind.NEW] == pytest.approx(mix.passive + mix.taking, abs=0.01)
    assert kinds[Kind.CANCEL] == pytest.approx(mix.cancel, abs=0.01)
    assert kinds[Kind.REPLACE] == pytest.approx(mix.replace, abs=0.01)
    assert len(np.unique(commands["account"])) == ACCOUNTS
    assert generator.shape()["orders_share"] == pytest.approx(kinds[Kind.NEW])


@NAMES
def test_ids_are_dense_and_changes_come_from_the_owner(name):
    _, commands = made(name)
    new = commands[commands["kind"] == Kind.NEW]
    changes = commands[commands["kind"] != Kind.NEW]
    assert np.array_equal(new["order_id"], np.arange(1, len(new) + 1))
    assert np.array_equal(commands["seq"], np.arange(1, COUNT + 1))
    entered = new[changes["order_id"].astype(int) - 1]
    assert np.array_equal(changes["account"], entered["account"])


def test_blocks_and_seeds():
    whole = made("zipf100")[1].tobytes()
    in_blocks = b"".join(block.tobytes() for block in StreamGenerator(MIXES["zipf100"], 5, COUNT).blocks(777))
    assert in_blocks == whole
    assert made("zipf100", seed=6)[1].tobytes() != whole


def test_head_of_the_shenzhen_mix_is_the_measured_one():
    parts = weights(MIXES["shenzhen"])
    assert parts[:60].sum() == pytest.approx(0.14)
    assert parts[:500].sum() == pytest.approx(0.44)
    assert (np.diff(parts) <= 0).all()


def test_an_empty_stream_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        StreamGenerator(MIXES["one"], 1, 0)


def test_load_writes_files_that_replay_reads(tmp_path, capsys):
    assert main(["load", "--to-file", str(tmp_path), "--mix", "zipf100", "--commands", "5000", "--json"]) == 0
    shape = json.loads(capsys.readouterr().out)
    commands = np.fromfile(tmp_path / "commands.bin", COMMAND)
    assert (shape["commands"], len(commands), shape["symbols"]) == (5_000, 5_000, 100)
    words = [
        "--symbols",
        tmp_path / "symbols.json",
        "--in",
        tmp_path / "commands.bin",
        "--out",
        tmp_path / "events.bin",
    ]
    assert main(["replay", *map(str, words)]) == 0
    assert (tmp_path / "events.bin").stat().st_size > 5_000 * 48 // 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to-file", "{}", "--commands", "0"], "--commands must lie between"),
        (["--to-file", "{}", "--seed", "-1"], "must not be negative"),
        (["--to-file", "/dev/null/folder", "--commands", "9"], "cannot write the stream"),
        ([], "--state names the cluster's state folder"),
    ],
)
def test_load_refuses_in_one_line(tmp_path, capsys, options, message):
    assert main(["load", *(word.format(tmp_path / "out") for word in options)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
