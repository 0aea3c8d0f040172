"""`python -m trading_sim load --to-file DIR`: a seeded command stream as files for `replay` and for measuring.

Writes DIR/symbols.json (the symbol table) and DIR/commands.bin (COMMAND records) and says what shape the stream reached.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

COMMANDS = 3_000_000
SEED = 23
MIX_NAMES = ("one", "zipf100", "wide5000", "shenzhen")
MOST_COMMANDS = 200_000_000
PROGRESS_EVERY = 5_000_000


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `load` that concern files."""
    group = parser.add_argument_group("a stream as files instead of a running cluster")
    group.add_argument(
        "--to-file", type=Path, metavar="DIR", help="write symbols.json and commands.bin there and do nothing else"
    )
    group.add_argument("--mix", choices=MIX_NAMES, default="one", help="shape of the stream (default: one symbol)")
    group.add_argument("--commands", type=int, default=COMMANDS, metavar="N", help=f"its length (default {COMMANDS:,})")
    group.add_argument("--seed", type=int, default=SEED, metavar="N", help="the same seed gives the same bytes")


def run(arguments: argparse.Namespace) -> int:
    """Write the stream and print its shape; 2 with one line when it cannot be written."""
    if not 1 <= arguments.commands <= MOST_COMMANDS:
        sys.stderr.write(f"load: --commands must lie between 1 and {MOST_COMMANDS:,}, not {arguments.commands:,}\n")
        return 2
    if arguments.seed < 0:
        sys.stderr.write(f"load: --seed must not be negative, it is {arguments.seed}\n")
        return 2
    try:
        shape = write_stream(arguments.to_file, arguments.mix, arguments.seed, arguments.commands)
    except OSError as error:
        sys.stderr.write(f"load: cannot write the stream to {arguments.to_file}: {error.strerror or error}\n")
        return 2
    sys.stdout.write(json.dumps(shape) + "\n" if arguments.json else as_text(shape))
    return 0


def write_stream(folder: Path, mix: str, seed: int, count: int) -> dict[str, Any]:
    """Write both files; returns the shape reached. Raises OSError."""
    from trading_sim.load.streams import MIXES, StreamGenerator  # compiled code: only loaded where it is needed

    folder.mkdir(parents=True, exist_ok=True)
    generator = StreamGenerator(MIXES[mix], seed, count)
    (folder / "symbols.json").write_text(json.dumps(generator.rows) + "\n", encoding="utf-8")
    partial, said = folder / "commands.bin.part", 0
    try:
        with partial.open("wb") as file:
            for block in generator.blocks():
                block.tofile(file)
                if generator.made - said >= PROGRESS_EVERY and generator.made < count:
                    said = generator.made
                    sys.stderr.write(f"{said:,} of {count:,} commands\n")
        partial.replace(folder / "commands.bin")
    finally:
        partial.unlink(missing_ok=True)
    return generator.shape()


def as_text(shape: dict[str, Any]) -> str:
    """The shape for people."""
    return (
        f"mix {shape['mix']}, seed {shape['seed']}: {shape['commands']:,} commands, {shape['symbols']:,} symbols,"
        f" {shape['accounts']:,} accounts\n"
        f"  {shape['orders_share']:.1%} orders, {shape['cancel_share']:.1%} cancels ({shape['dead_cancels']:.1%} of them of"
        f" orders that are gone), {shape['replace_share']:.1%} replaces\n"
        f"  {shape['live_orders']:,} orders rest at the end, {shape['live_orders_mean']:,.0f} in the mean\n"
        f"  {shape['trades']:,} trades, {shape['trades_per_order']:.2f} an order;"
        f" the 60 busiest names get {shape['top_60']:.0%} of the orders, the 500 busiest {shape['top_500']:.0%}\n"
    )
