"""Long runs of the matching core: bytes that a fuzzer finds, ten million fuzzed commands beside the specification, a trading day."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.bench.matching_bench import machine
from tests.trading_sim.matching.matching_streams import MIXED_TABLE, random_stream
from tests.trading_sim.matching.test_matching_breaker import RANDOM_TABLE, stream_with_widths
from tests.trading_sim.matching.test_matching_equality import STREAMS
from trading_sim.load.streams import MIXES, StreamGenerator
from trading_sim.matching.core import Core
from trading_sim.matching.twin import TwinCore

pytestmark = pytest.mark.soak
ROOT = Path(__file__).parents[2]
FUZZ_S = int(os.environ.get("SEEOPS_FUZZ_S", "120"))
FUZZED_COMMANDS = int(os.environ.get("SEEOPS_FUZZED_COMMANDS", "10000000"))
DAY_COMMANDS = int(os.environ.get("SEEOPS_DAY_COMMANDS", "83000000"))
DAY_S = 25
COMPARED = 5_000_000
LENGTH = 20_000


@pytest.mark.timeout(3_600)
def test_no_bytes_break_replay(tmp_path):
    corpus, files = tmp_path / "corpus", tmp_path / "files"
    corpus.mkdir()
    files.mkdir()
    for number in range(3):
        commands = random_stream(number, 40, garbage=0.1).tobytes()
        (corpus / f"seed-{number}").write_bytes(bytes([number]) + commands)
    words = [sys.executable, "-m", "tests.simulation.fuzz_replay", str(files), str(corpus)]
    limits = [f"-max_total_time={FUZZ_S}", "-max_len=8001", "-seed=11", f"-artifact_prefix={tmp_path}/", "-timeout=60"]
    done = subprocess.run(
        [*words, *limits], cwd=ROOT, capture_output=True, text=True, timeout=FUZZ_S + 600, check=False
    )
    print(*[line for line in done.stderr.splitlines() if "DONE" in line or "Done" in line], sep="\n")
    assert done.returncode == 0, done.stderr[-4_000:]


@pytest.mark.timeout(7_200)
def test_fuzzed_commands_give_what_the_specification_says():
    kinds = [(MIXED_TABLE, random_stream, options) for options in STREAMS.values() if options.get("width", 0) < 100]
    kinds += [(RANDOM_TABLE, stream_with_widths, {"width": width}) for width in (2, 4, 9)]
    began, done = time.monotonic(), 0
    for seed in range(1_000, 1_000 + FUZZED_COMMANDS // LENGTH):
        table, make, options = kinds[seed % len(kinds)]
        commands = make(seed, LENGTH, **options)
        core, twin = (engine(table, max_order_id=LENGTH, max_live=LENGTH) for engine in (Core, TwinCore))
        assert core.step(commands).tobytes() == twin.step(commands).tobytes(), f"seed {seed}, {options}"
        assert core.state_hash() == twin.state_hash(), f"seed {seed}, {options}"
        done += LENGTH
    print(f"\n{done:,} fuzzed commands equal in {time.monotonic() - began:.0f} s, seeds 1000 to {seed}")


@pytest.mark.timeout(3_600)
def test_a_day_of_the_shenzhen_exchange():
    generator = StreamGenerator(MIXES["shenzhen"], 83, DAY_COMMANDS)
    core = Core(generator.table, max_order_id=DAY_COMMANDS, max_live=4 * generator.mix.live)
    others = [Core(generator.table, DAY_COMMANDS, 4 * generator.mix.live) for _ in range(2)]
    spent, events = 0, 0
    for block in generator.blocks():
        began = time.thread_time_ns()
        for piece in core.run(block):
            events += len(piece)
        spent += time.thread_time_ns() - began
        if generator.made <= COMPARED:
            for batch, other in zip((4_096, 777), others, strict=True):
                for part in np.split(block, range(batch, len(block), batch)):
                    other.step(part)
            if generator.made + len(block) > COMPARED:
                assert core.state_hash() == others[0].state_hash() == others[1].state_hash()
    seconds = spent / 1e9
    shape = generator.shape()
    print(f"\n{machine()}\n{DAY_COMMANDS:,} commands in {seconds:.1f} s of one core", end=" ")
    print(
        f"(at most {DAY_S}: {'reached' if seconds <= DAY_S else 'missed'}), {DAY_COMMANDS / seconds / 1e6:.1f} M a second"
    )
    print(
        f"  {events:,} events, {shape['trades']:,} trades, {shape['live_orders']:,} orders rest, hash {core.state_hash():016x}"
    )
