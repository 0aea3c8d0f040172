"""The machine code of the hot loop, bare and with a desk: no reference counting, no locked instruction, no stale cache.

Breaker and prefetching are in both: they are switched by the table and by size, not by compiling.
"""

import re
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from tests.trading_sim.matching.matching_streams import MIXED_TABLE
from trading_sim import jit
from trading_sim.matching import hot, layout
from trading_sim.risk.desk import Desk, empty

ROOT = Path(__file__).parents[3]


def a_desk() -> Desk:
    return empty(2, len(MIXED_TABLE), np.zeros(3, np.int32))


@pytest.fixture(scope="module", params=[lambda: None, a_desk], ids=["bare", "with a desk"])
def fresh_run(request):
    """`hot.run` compiled here and now: code that comes from the cache cannot be inspected."""
    run = numba.njit(**jit.COMMON)(hot.run.py_func)
    words = np.zeros(5, np.int64)
    words.flags.writeable = False
    run(layout.build(MIXED_TABLE, 10, 10), words, 0, 0, np.zeros(600, np.int64), 0, request.param())
    return run


def test_hot_loop_counts_no_references_and_locks_nothing(fresh_run):
    (signature,) = fresh_run.signatures
    assembly = fresh_run.inspect_asm(signature)
    assert len(assembly.splitlines()) > 1_000
    assert re.findall(r"NRT_\w+", assembly) == []
    assert re.findall(r"^\s*(?:lock\b|xchg[bwlq]?\s.*\().*", assembly, re.MULTILINE) == []
    assert re.findall(r"\bNRT_(?:incref|decref)\b", fresh_run.inspect_llvm(signature)) == []


def test_hot_loop_calls_nothing_but_memory_routines(fresh_run):
    (signature,) = fresh_run.signatures
    assembly = fresh_run.inspect_asm(signature)
    body = assembly[: assembly.index("_ZN7cpython")]
    called = set(re.findall(r"\bcallq?\s+\*?([\w.$@]+)", body))
    assert {name for name in called if name.startswith(("Py", "NRT", "numba"))} == set()


def test_hot_loop_asks_memory_ahead(fresh_run):
    (signature,) = fresh_run.signatures
    assert re.search(r"\bprefetch\w*\s", fresh_run.inspect_asm(signature))


def test_one_specialisation_serves_every_kind_of_input():
    assert len(hot.run.signatures) <= 2  # the bare loop, and the one with a desk


def test_compiled_code_lives_in_a_directory_named_after_the_sources(monkeypatch, tmp_path):
    before = jit.cache_directory()
    monkeypatch.setattr(jit, "PACKAGES", (tmp_path,))
    (tmp_path / "hot.py").write_text("changed")
    assert jit.cache_directory().name != before.name
    assert hot.run.stats.cache_path.startswith(str(jit.CACHE_DIRECTORY))


def test_a_second_start_compiles_nothing():
    """Two processes one after the other: whatever the first had to compile, the second finds it."""
    program = (
        "from trading_sim.matching import hot, scan\n"
        "from trading_sim.matching.core import Core\n"
        "from trading_sim.matching.symbols import SymbolTable\n"
        "core = Core(SymbolTable.from_rows([{'reference': 9, 'low': 1, 'high': 20, 'lot': 1, 'breaker_ppm': 100000}]), 9, 9)\n"
        "core.depth(0, 1, 5), core.state_hash()\n"
        "print(sum(sum(entry.stats.cache_misses.values()) for entry in (hot.run, scan.read_depth, scan.collect)))\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=110, check=True
        ).stdout
        for _ in range(2)
    ]
    assert said[1] == "0\n"
