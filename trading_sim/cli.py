"""The command line: one subject a command, each in a module of its own that is only imported when it is asked for."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

SUBJECTS = {
    "up": ("trading_sim.cluster.up", "start a cluster"),
    "down": ("trading_sim.cluster.down", "stop a cluster"),
    "status": ("trading_sim.cluster.status", "what runs, and the state of the nodes"),
    "bench": ("trading_sim.cluster.bench", "measure what a running cluster costs"),
    "packages": ("trading_sim.nodes.packages", "build the repository of release packages"),
    "load": ("trading_sim.load.command", "show or change the order flow"),
    "shard": ("trading_sim.shard.commands", "let the remote site take over shards when both others are gone for good"),
    "verify": ("trading_sim.cluster.verify", "check that a run lost nothing, executed nothing twice, conserved all"),
    "replay": ("trading_sim.matching.replay", "run recorded commands through the matching core"),
}
"""Command → (module with `add_parser(subparsers)`, what it does). The parser sets `run`, a function of the arguments
that returns the exit code."""


VARIANTS = {("replay", "--journal"): "trading_sim.cluster.shadow.command"}
"""A command that is something else with a certain option, and the module that adds it then."""


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line on standard error; exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def _has(words: Sequence[str], option: str) -> bool:
    return any(word == option or word.startswith(f"{option}=") for word in words)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = OneLineParser(prog="python -m trading_sim", description="The simulated trading cluster.")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, summary) in SUBJECTS.items():
        if words[:1] == [name]:
            module = next(
                (other for (command, option), other in VARIANTS.items() if command == name and _has(words, option)),
                module,
            )
            importlib.import_module(module).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=summary)
    chosen = parser.parse_args(words)
    return int(chosen.run(chosen) or 0)
