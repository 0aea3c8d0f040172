"""Coverage-guided fuzzing of `replay`, run as a program of its own: `python -m tests.simulation.fuzz_replay FOLDER [options of libFuzzer]`.

Any bytes are a symbol table and a command file: the outcome is exit code 0 and the events of the specification, or exit code 2 and
one line on standard error, and never an output file beside it.
"""

import contextlib
import io
import sys
from pathlib import Path

import atheris
import numpy as np

# Only what is plain Python: a compiled function that was instrumented would not compile.
with atheris.instrument_imports(
    include=[
        "trading_sim.matching.replay",
        "trading_sim.matching.symbols",
        "trading_sim.matching.twin",
        "trading_sim.matching.twin_book",
    ]
):
    from trading_sim.matching import replay, symbols, twin  # noqa: F401 - replay is imported here to be instrumented

from trading_sim.cli import main
from trading_sim.protocol.records import COMMAND

TABLES = (
    b'[{"reference": 100, "low": 90, "high": 110, "lot": 1}]',
    b'[{"reference": 5, "low": 0, "high": 0, "lot": 100}, {"reference": 60, "low": 50, "high": 70, "lot": 3}]',
    b'[{"reference": 100, "low": 90, "high": 110, "lot": 1, "breaker_ppm": 20000, "breaker_follows": 1}]',
)
MOST_COMMANDS = 200


class Folder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.symbols, self.source, self.target = path / "symbols.json", path / "commands.bin", path / "events.bin"

    def replay(self, table: bytes, commands: bytes) -> tuple[int, str]:
        """Run the command line; returns exit code and what it said."""
        self.symbols.write_bytes(table)
        self.source.write_bytes(commands)
        self.target.unlink(missing_ok=True)
        said = io.StringIO()
        words = ["replay", "--symbols", self.symbols, "--in", self.source, "--out", self.target]
        with contextlib.redirect_stderr(said):
            return main([str(word) for word in words]), said.getvalue()


def check(folder: Folder, data: bytes) -> None:
    """One run of the fuzzer: the first byte says which table, or that the table is fuzzed too."""
    chosen = data[0] % (len(TABLES) + 1) if data else 0
    table, commands = TABLES[chosen % len(TABLES)], data[1 : 1 + MOST_COMMANDS * COMMAND.itemsize]
    if chosen == len(TABLES):
        table, commands = commands[: -COMMAND.itemsize], commands[-COMMAND.itemsize :]
    code, said = folder.replay(table, commands)
    if code == 2:
        assert said.count("\n") == 1 and said.startswith("replay: "), f"not one clear line: {said!r}"
        assert not folder.target.exists(), "an output was left behind"
        return
    assert (code, said) == (0, ""), f"exit code {code}: {said!r}"
    parsed = symbols.SymbolTable.parse(table)
    count = len(commands) // COMMAND.itemsize
    specification = twin.TwinCore(parsed, 4 * count + 1_024, max(count, 1))
    records = np.frombuffer(commands, COMMAND)
    assert specification.step(records).tobytes() == folder.target.read_bytes(), "core and specification differ"


def run() -> None:
    """Fuzz until libFuzzer's limits say that it is enough; a failure ends with its input in a file."""
    folder = Folder(Path(sys.argv.pop(1)))
    atheris.Setup(sys.argv, lambda data: check(folder, data))
    atheris.Fuzz()


if __name__ == "__main__":
    run()
