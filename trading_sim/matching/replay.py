"""`python -m trading_sim replay`: run recorded commands through the matching core and write its events.

The output appears under its name only when it is complete. Whatever is wrong with the input is said in one line on
standard error with exit code 2.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from trading_sim.matching.against import CannotCompare, compare, report
from trading_sim.matching.records import COMMAND, EventKind
from trading_sim.matching.symbols import SymbolTable, SymbolTableError

if TYPE_CHECKING:
    from trading_sim.matching.core import Core

COMMANDS_AT_ONCE = 65_536


class ReplayError(Exception):
    """The replay cannot be done; the message is the line for the user."""


@dataclass(frozen=True)
class ReplayStats:
    """What `--stats` prints: counts, seconds spent in the core, rate, and latency of single commands."""

    commands: int
    events: int
    trades: int
    seconds: float
    commands_per_s: float
    p50_ns: float
    p99_ns: float
    p999_ns: float


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Offer `replay` on the command line of the package."""
    parser = subparsers.add_parser(
        "replay",
        help="run recorded commands through the matching core",
        description="Read raw COMMAND records, write the raw EVENT records the matching core answers with.",
    )
    parser.add_argument("--symbols", required=True, metavar="FILE", help="symbol table (JSON)")
    parser.add_argument("--in", required=True, dest="source", metavar="FILE", help="raw COMMAND records, 40 bytes each")
    parser.add_argument("--out", dest="target", metavar="FILE", help="raw EVENT records, 48 bytes each")
    parser.add_argument(
        "--batch", type=int, default=COMMANDS_AT_ONCE, metavar="N", help="commands in a call (the output is the same)"
    )
    parser.add_argument("--stats", action="store_true", help="print one JSON line with counts, rate and latency")
    parser.add_argument(
        "--against",
        metavar="OTHER",
        help="compare with a file of events, a folder with another version's trading_sim package, or the word twin: "
        "exit code 0 equal, 1 different, 2 cannot compare",
    )
    parser.add_argument("--json", action="store_true", help="with --against: the outcome as JSON")
    parser.set_defaults(run=main)


def main(arguments: argparse.Namespace) -> int:
    """Run `replay`; returns the exit code."""
    try:
        if arguments.against is not None:
            return replay_against(arguments)
        if arguments.target is None:
            raise ReplayError("--out names the file for the events and is needed without --against (see --help)")
        stats = replay(
            Path(arguments.symbols),
            Path(arguments.source),
            Path(arguments.target),
            batch=arguments.batch,
            with_stats=arguments.stats,
        )
    except (ReplayError, CannotCompare) as error:
        sys.stderr.write(f"replay: {error}\n")
        return 2
    if stats is not None:
        sys.stdout.write(json.dumps(asdict(stats)) + "\n")
    return 0


def replay_against(arguments: argparse.Namespace) -> int:
    """Replay and compare with another version's events; returns the exit code. Raises ReplayError or CannotCompare."""
    if arguments.target is not None or arguments.stats:
        raise ReplayError("--against only compares: leave --out and --stats out")
    if arguments.batch < 1:
        raise ReplayError(f"--batch must be at least 1, not {arguments.batch}")
    symbols, source = Path(arguments.symbols), Path(arguments.source)
    table, commands = _read_table(symbols), _read_commands(source)
    core = _core(table, len(commands))
    starts = range(0, len(commands), arguments.batch)
    pieces = (piece for first in starts for piece in core.run(commands[first : first + arguments.batch]))
    words = ["--symbols", str(symbols.resolve()), "--in", str(source.resolve()), "--batch", str(arguments.batch)]
    result = compare(table, commands, pieces, arguments.against, words)
    return report(arguments.against, len(commands), result, as_json=arguments.json)


def replay(
    symbols: Path, source: Path, target: Path, *, batch: int = COMMANDS_AT_ONCE, with_stats: bool = False
) -> ReplayStats | None:
    """Replay `source` into `target`; returns figures when asked for. Raises ReplayError and then leaves no output.

    With figures the commands run twice: once for output and rate, once more, on a fresh core, for single latencies.
    """
    if batch < 1:
        raise ReplayError(f"--batch must be at least 1, not {batch}")
    table = _read_table(symbols)
    commands = _read_commands(source)
    _check_target(target, source)
    with _written_at_once(target) as output:
        events, trades, seconds = _run(_core(table, len(commands)), commands, batch, output)
    if not with_stats:
        return None
    p50, p99, p999 = _latencies(_core(table, len(commands)), commands)
    rate = len(commands) / seconds if seconds else 0.0
    return ReplayStats(len(commands), events, trades, seconds, rate, p50, p99, p999)


def _core(table: SymbolTable, commands: int) -> "Core":
    # Imported here: a wrong input is reported without waiting for the compiler to load.
    from trading_sim.matching.core import Core

    try:
        return Core(table, max_order_id=4 * commands + 1_024, max_live=max(commands, 1))
    except (ValueError, MemoryError) as error:
        raise ReplayError(f"cannot hold the books of {len(table)} symbols and {commands} commands: {error}") from error


def _read_table(path: Path) -> SymbolTable:
    try:
        return SymbolTable.parse(path.read_bytes())
    except OSError as error:
        raise ReplayError(f"cannot read symbol table {path}: {error.strerror or error}") from error
    except SymbolTableError as error:
        raise ReplayError(f"{path}: {error}") from error


def _read_commands(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            size = status.st_size if S_ISREG(status.st_mode) else None
            data = np.memmap(file, np.uint8, "r") if size else np.frombuffer(file.read(), np.uint8)
    except OSError as error:
        raise ReplayError(f"cannot read commands {path}: {error.strerror or error}") from error
    whole, rest = divmod(len(data), COMMAND.itemsize)
    if rest:
        raise ReplayError(
            f"{path} is truncated: {len(data)} bytes are {whole} commands of {COMMAND.itemsize} bytes and {rest} bytes"
        )
    return data.view(np.ndarray).view(COMMAND)


def _check_target(target: Path, source: Path) -> None:
    if target.is_dir():
        raise ReplayError(f"cannot write events to {target}: it is a directory")
    if target.exists() and target.samefile(source):
        raise ReplayError(f"cannot write events to {target}: it is the file the commands are read from")


@contextmanager
def _written_at_once(target: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `target` when everything is written, and vanishes when not.

    A device or pipe is written to directly: it must not be replaced by a file.
    """
    if target.exists() and not target.is_file():
        with _clear_message(target), target.open("wb") as output:
            yield output
        return
    final = Path(os.path.realpath(target))
    partial = final.with_name(f".{final.name}.{os.getpid()}.part")
    with _clear_message(target):
        try:
            with partial.open("xb") as output:
                yield output
            partial.replace(final)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def _clear_message(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ReplayError(f"cannot write events to {target}: {error.strerror or error}") from error


def _run(core: "Core", commands: np.ndarray, batch: int, output: BinaryIO) -> tuple[int, int, float]:
    """Events and trades written, and seconds spent in the core (not in writing)."""
    events = trades = 0
    nanoseconds = 0
    for first in range(0, len(commands), batch):
        pieces = core.run(commands[first : first + batch])
        while True:
            start = time.perf_counter_ns()
            piece = next(pieces, None)
            nanoseconds += time.perf_counter_ns() - start
            if piece is None:
                break
            events += len(piece)
            trades += int(np.count_nonzero(piece["kind"] == EventKind.TRADE))
            output.write(piece)
    return events, trades, nanoseconds / 1e9


def _latencies(core: "Core", commands: np.ndarray) -> tuple[float, float, float]:
    """p50, p99 and p99.9 of a command in nanoseconds, the cost of measuring included; zeros without commands."""
    if len(commands) == 0:
        return 0.0, 0.0, 0.0
    durations = np.zeros(len(commands), np.int64)
    ns_per_cycle = core.run_timed(commands, durations)
    quantiles = np.quantile(durations, (0.5, 0.99, 0.999), method="inverted_cdf")
    p50, p99, p999 = (round(float(value) * ns_per_cycle, 1) for value in quantiles)
    return p50, p99, p999
