"""`replay --against OTHER`: the events of this version beside those of another, and the first difference in words.

OTHER is a file of EVENT records, the word `twin` (the executable specification), or a folder that holds another version's
`trading_sim` package, which is run with the same arguments as a process of its own.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from trading_sim.matching.difference import Difference, first_difference
from trading_sim.matching.records import EVENT
from trading_sim.matching.symbols import SymbolTable

TWIN = "twin"
COMMANDS_AT_ONCE = 65_536
LONGEST_RUN_S = 3_600


class CannotCompare(Exception):
    """The other side has no events to compare with; the message is the line for the user."""


def compare(
    table: SymbolTable, commands: np.ndarray, pieces: Iterator[np.ndarray], other: str, words: list[str]
) -> tuple[int, int, Difference | None]:
    """Events compared, events of the other side, and the first difference.

    `pieces` are this version's events, `words` the arguments of `replay` for another version. Raises CannotCompare.
    """
    with _other_events(table, commands, other, words) as events:
        compared, difference = first_difference(commands, pieces, events)
        return compared, len(events), difference


def report(other: str, commands: int, result: tuple[int, int, Difference | None], *, as_json: bool) -> int:
    """Print the outcome; returns the exit code, 0 for equal and 1 for different."""
    compared, events, difference = result
    if as_json:
        answer: dict[str, Any] = {
            "equal": difference is None,
            "against": other,
            "commands": commands,
            "compared_events": compared,
            "other_events": events,
            "first_difference": asdict(difference) if difference else None,
        }
        sys.stdout.write(json.dumps(answer) + "\n")
    elif difference is None:
        sys.stdout.write(f"equal: {compared:,} events of {commands:,} commands\n")
    else:
        sys.stdout.write(f"different from event {difference.event:,} on: {difference.text}\n")
    return 0 if difference is None else 1


@contextmanager
def _other_events(table: SymbolTable, commands: np.ndarray, other: str, words: list[str]) -> Iterator[np.ndarray]:
    path = Path(other)
    if other != TWIN and path.is_file():
        yield _read(path)
        return
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        target = Path(folder) / "events.bin"
        _filler(table, commands, other, words)(target)
        yield _read(target)


def _filler(table: SymbolTable, commands: np.ndarray, other: str, words: list[str]) -> Callable[[Path], None]:
    if other == TWIN:
        return lambda target: _run_twin(table, commands, target)
    folder = Path(other)
    if (folder / "trading_sim" / "__main__.py").is_file():
        return lambda target: _run_version(folder, [*words, "--out", str(target)])
    raise CannotCompare(
        f"--against {other} is neither a file of events, nor a folder with a trading_sim package, nor the word {TWIN}"
    )


def _read(path: Path) -> np.ndarray:
    try:
        size = path.stat().st_size
        if size % EVENT.itemsize:
            raise CannotCompare(f"{path} is no file of events: {size} bytes are not a multiple of {EVENT.itemsize}")
        return np.memmap(path, EVENT, "r") if size else np.empty(0, EVENT)
    except OSError as error:
        raise CannotCompare(f"cannot read events {path}: {error.strerror or error}") from error


def _run_twin(table: SymbolTable, commands: np.ndarray, target: Path) -> None:
    from trading_sim.matching.twin import TwinCore  # only for this one of the three

    twin = TwinCore(table, 4 * len(commands) + 1_024, max(len(commands), 1))
    with target.open("wb") as output:
        for first in range(0, len(commands), COMMANDS_AT_ONCE):
            twin.step(commands[first : first + COMMANDS_AT_ONCE]).tofile(output)
            if first:
                sys.stderr.write(f"specification: {first:,} of {len(commands):,} commands\n")


def _run_version(folder: Path, words: list[str]) -> None:
    """Run another version's `replay`. Its answer in one line becomes ours when it fails."""
    environment = {**os.environ, "PYTHONPATH": str(folder.resolve())}
    command = [sys.executable, "-m", "trading_sim", "replay", *words]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST_RUN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotCompare(f"the version in {folder} did not run: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or "no message").splitlines()[-1]
        raise CannotCompare(f"the version in {folder} ended with exit code {done.returncode}: {said}")
