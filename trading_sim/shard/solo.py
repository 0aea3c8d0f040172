"""A shard without peers as a process, on the leanest path that there is:

    python -m trading_sim.shard.solo --config FILE.json --state DIR --listen 127.0.0.1:PORT --journal fdatasync

Same machine, journal format, wire protocol and clients as the replicas; no second copy of the journal. With `--journal none` nothing
outlives the process. `--spin busy` never sleeps: for measuring only.
"""

import argparse
import json
import logging
import signal
import socket
import sys

from trading_sim.shard import wire
from trading_sim.shard.machine_factory import ShardMachineFactory
from trading_sim.shard.outcomes import Answered, Outcome, Refusal, Refused
from trading_sim.shard.replica import EXIT_CONFIG, EXIT_DISK, load_factory, parse_address, split_address
from trading_sim.shard.solo_journal import POLICIES, SoloJournal
from trading_sim.shard.solo_loop import SPINS, SoloLoop
from trading_sim.shard.state import ReplicatedState

log = logging.getLogger("trading_sim.shard")

MACHINE = f"{ShardMachineFactory.__module__}:{ShardMachineFactory.__name__}"


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="A matching shard without peers.")
    parser.add_argument("--shard", type=int, default=0, help="number of the shard")
    parser.add_argument("--config", required=True, help="JSON file of the shard: symbols, accounts, limits")
    parser.add_argument("--state", required=True, help="directory of journal and snapshots")
    parser.add_argument("--listen", type=parse_address, required=True, help="HOST:PORT for clients")
    parser.add_argument("--journal", choices=POLICIES, default="fdatasync", help="what a reply waits for")
    parser.add_argument("--spin", choices=SPINS, default="adaptive", help="how to wait for what comes next")
    return parser.parse_args(arguments)


class Questions:
    """Answers to what is no submission."""

    def __init__(self, options: argparse.Namespace, state: ReplicatedState, journal: SoloJournal) -> None:
        self._options, self._state, self._journal = options, state, journal

    def __call__(self, kind: int, key: int) -> Outcome:
        state = self._state
        if kind == wire.Frame.STATUS:
            return Answered(json.dumps(self._status()).encode())
        machine = state.machine
        try:
            found = machine.query_account(key) if kind == wire.Frame.QUERY_ACCOUNT else machine.query_symbol(key)
        except KeyError as error:
            return Refused(Refusal.NOT_FOUND, f"The shard has no {error.args[0]}.")
        return Answered(json.dumps({"index": state.index, **found}).encode())

    def _status(self) -> dict:
        state = self._state
        return {
            "shard": self._options.shard,
            "role": "solo",
            "journal": self._options.journal,
            "term": state.term,
            "applied": state.index,
            "durable": self._journal.durable_index,
            "last_seq": state.next_seq - 1,
            "last_order_id": state.next_order_id - 1,
            "state_hash": f"{state.state_hash():016x}",
            "recovery": list(self._journal.notes),
        }


def main(arguments: list[str] | None = None) -> int:
    """Serve until asked to stop; returns the exit status."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    options = parse_options(arguments)
    try:
        state = ReplicatedState(load_factory(MACHINE, options.config))
        if state.express is None:
            raise ValueError("a shard runs solo only with the compiled core (engine numba)")
        journal = SoloJournal(options.journal, options.state, state)
        with socket.create_server(split_address(options.listen), backlog=64) as listener:
            _serve(options, listener, state, journal)
    except ValueError as error:
        log.critical("shard %d cannot start: %s", options.shard, error)
        return EXIT_CONFIG
    except OSError as error:
        log.critical("shard %d stops: its disk or its port failed: %s", options.shard, error)
        return EXIT_DISK
    return 0


def _serve(options: argparse.Namespace, listener: socket.socket, state: ReplicatedState, journal: SoloJournal) -> None:
    questions = Questions(options, state, journal)
    loop = SoloLoop(
        shard=options.shard, listener=listener, state=state, journal=journal, spin=options.spin, ask=questions
    )  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(loop, "stopping", True))
    log.info("shard %d alone, journal %s: entries to %d", options.shard, options.journal, state.index)
    try:
        loop.serve()
        journal.close()
    finally:
        loop.close()


if __name__ == "__main__":
    raise SystemExit(main())
