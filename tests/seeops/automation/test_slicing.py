"""Into which pieces a run is cut: everybody once and in order, no more at a time than asked, nothing beside what must be in order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from seeops.automation import slicing
from seeops.automation.losses import Losses
from seeops.environment import BASE_DIR


@given(
    rounds=st.lists(st.integers(1, 1300), max_size=3),
    concurrency=st.integers(1, 2000),
    processors=st.integers(1, 16),
    in_order=st.booleans(),
)
def test_every_node_once_in_its_round_and_never_too_many_at_a_time(rounds, concurrency, processors, in_order):
    targets = [{"name": f"{turn}-{node}", "round": turn} for turn, count in enumerate(rounds) for node in range(count)]
    waves = slicing.waves(targets, concurrency=concurrency, processors=processors, in_order=in_order)
    pieces = [piece for wave in waves for piece in wave]
    assert [target for piece in pieces for target in piece.targets] == targets
    assert [piece.number for piece in pieces] == list(range(len(pieces)))
    for wave in waves:
        assert len({target["round"] for piece in wave for target in piece.targets}) == 1
        assert sum(piece.forks for piece in wave) <= concurrency
        assert len(wave) <= (1 if in_order else processors)
        sizes = [len(piece.targets) for piece in wave]
        assert max(sizes) <= slicing.MOST
        assert max(sizes) - min(sizes) <= 1
        assert len(wave) == 1 or min(sizes) >= slicing.WORTH // 2


def test_a_thousand_nodes_keep_two_processors_busy_and_the_last_slice_in_order_is_known():
    targets = [{"name": str(node)} for node in range(1000)]
    (wave,) = slicing.waves(targets, concurrency=32, processors=2)
    assert [(len(piece.targets), piece.forks) for piece in wave] == [(500, 16), (500, 16)]
    assert slicing.last(targets) == targets[500:]
    assert slicing.last([]) == []


def test_what_one_playbook_counts_the_others_read(tmp_path):
    """The tally belongs to Ansible's side and the losses to the runner's: they meet in the file alone."""
    losses = Losses(tmp_path / "losses", 3)
    losses.settle(0, 2)
    probe = (
        "from ansible_collections.seeops.nodes.plugins.plugin_utils.tally import Tally\n"
        "tally = Tally.of_environment(); tally.set(4); tally.add(); print(tally.total)\n"
    )
    collections = Path(BASE_DIR) / "playbooks" / "collections"
    environment = {"PYTHONPATH": str(collections), "SEEOPS_FAILURES": losses.place(2)}
    done = subprocess.run([sys.executable, "-c", probe], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "7\n", done.stderr
    losses.settle(2, 1)
    assert (tmp_path / "losses").read_bytes() == b"".join(count.to_bytes(4, sys.byteorder) for count in (2, 0, 1))
