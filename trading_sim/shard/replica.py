"""One replica as a process:

    python -m trading_sim.shard.replica --shard 0 --replica SZ-A --config FILE.json --state DIR \
        --listen 127.0.0.1:PORT --peers SZ-B=127.0.0.1:PORT,WH-A=127.0.0.1:PORT --http 127.0.0.1:PORT

Ends with 0 when asked to stop, 74 when its disk failed, 70 when its state can no longer be trusted, 78 when it cannot start
as configured.
"""

import argparse
import asyncio
import importlib
import logging
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop
from aiohttp import web

from trading_sim.shard.disk import DiskThread, FaultyClock, FaultyFiles
from trading_sim.shard.engine import Engine
from trading_sim.shard.engine_seams import Seams
from trading_sim.shard.entries import Entry
from trading_sim.shard.faults import FaultBoard
from trading_sim.shard.feed_hub import FeedHub
from trading_sim.shard.hardstate import HardStateError
from trading_sim.shard.http import make_app
from trading_sim.shard.machine_api import MachineFactory
from trading_sim.shard.messages import Message, MessageError
from trading_sim.shard.metrics import ReplicaMetrics
from trading_sim.shard.outcomes import Outcome, Refused
from trading_sim.shard.peers import PeerLink
from trading_sim.shard.raft import Role
from trading_sim.shard.server import Connection
from trading_sim.shard.spin import SPINS, Spinner
from trading_sim.shard.state import Applied, ReplicatedState
from trading_sim.shard.storage import Storage
from trading_sim.shard.takeover import TakeoverRefused
from trading_sim.shard.wire import WireError

log = logging.getLogger("trading_sim.shard")

DEFAULT_MACHINE = "trading_sim.shard.machine_factory:ShardMachineFactory"
EXIT_UNTRUSTED, EXIT_DISK, EXIT_CONFIG = 70, 74, 78
HAND_OVER_S = 1.5
SWITCH_S = 0.0005  # the journal's thread, back from the disk, does not wait 5 ms for the interpreter


class Replica:
    """The engine with its timer, its peers' links, its port and its pages."""

    def __init__(self, options: argparse.Namespace, factory: MachineFactory) -> None:
        self.shard, self.name = options.shard, options.replica
        self._peers: dict[str, str] = dict(options.peers)
        self._addresses = {**self._peers, self.name: options.listen}
        self._options = options
        self._loop = asyncio.get_running_loop()
        self.stopped: asyncio.Future[int] = self._loop.create_future()
        self.metrics = ReplicaMetrics()
        self.board = FaultBoard(tuple(self._peers), time.monotonic_ns)
        self.feed = FeedHub(self._loop, time.time_ns)
        self.spinner = Spinner(self._loop, options.spin)
        self._started_at = time.time()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0
        self._connections: set[Connection] = set()
        self._links = {
            peer: PeerLink(
                shard=self.shard, name=self.name, peer=peer, address=address, board=self.board, metrics=self.metrics
            )
            for peer, address in self._peers.items()
        }
        storage, start = Storage.open(FaultyFiles(self.board, self.metrics.observe_fsync), options.state)
        self.notes = list(start.notes)
        for note in start.notes:
            log.warning("recovery: %s", note)
        self.engine = Engine(
            name=self.name,
            peers=tuple(self._peers),
            seams=Seams(
                clock=FaultyClock(self.board),
                rng=random.Random(),
                disk=DiskThread(self._loop, "journal"),
                background=DiskThread(self._loop, "snapshots"),
                send=lambda peer, message: self._links[peer].send(message),
                later=lambda act: self._loop.call_soon(self._guarded, act),
                applied=self._on_applied,
                restored=self.feed.begin_at,
                failed=self._on_failure,
            ),
            storage=storage,
            start=start,
            state=ReplicatedState(factory),
        )
        raft = self.engine.raft
        log.info("shard %d %s: term %d, entries to %d", self.shard, self.name, raft.term, raft.log.last_index)

    async def run(self) -> int:
        """Serve until stopped; returns the exit status."""
        host, port = split_address(self._options.listen)
        server = await self._loop.create_server(lambda: Connection(self, self._connections), host, port)
        runner = web.AppRunner(make_app(self), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, *split_address(self._options.http)).start()
        links = [self._loop.create_task(link.keep_connected()) for link in self._links.values()]
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._begin_to_stop)
        self._loop.set_exception_handler(self._on_loop_error)
        self._arm()
        try:
            return await self.stopped
        finally:
            for link in links:
                link.cancel()
            server.close()
            for connection in tuple(self._connections):
                connection.close()
            await runner.cleanup()

    def _on_applied(self, entry: Entry, applied: Applied) -> None:
        self.metrics.applied(entry, applied)
        self.feed.publish(entry, applied)

    # What connections and pages ask

    @contextmanager
    def gather(self) -> Iterator[None]:
        """Inputs given within are carried out together."""
        self.spinner.touch()
        try:
            with self.engine.gather():
                yield
        except (WireError, MessageError):  # the caller's fault: what came before it counts
            self._guarded(self.engine.carry_out)
            raise
        except Exception as error:
            log.exception("shard %d %s stops: its state can no longer be trusted", self.shard, self.name)
            self._distrust(error)
        self._arm()

    def knows_peer(self, name: str) -> bool:
        return name in self._peers

    def receive(self, peer: str, message: Message) -> None:
        if not self.board.cut(peer, "in"):
            self.engine.on_message(peer, message)

    def submit(self, client_id: int, request: int, commands: bytes, reply: Callable[[Outcome], None]) -> None:
        self.engine.submit(client_id, request, commands, lambda result: reply(self._addressed(result)))

    def query(self, read: Callable[[ReplicatedState], bytes], reply: Callable[[Outcome], None]) -> None:
        self.engine.query(read, lambda result: reply(self._addressed(result)))

    def status(self) -> dict:
        engine, raft = self.engine, self.engine.raft
        leads = raft.role is Role.LEADER and engine.failure is None
        return {
            "shard": self.shard,
            "replica": self.name,
            "role": "failed" if engine.failure is not None else str(raft.role),
            "failure": str(engine.failure) if engine.failure is not None else None,
            "term": raft.term,
            "leader": raft.leader,
            "leader_address": self._addresses.get(raft.leader or ""),
            "lease": raft.lease_valid(time.monotonic_ns()),
            "last_index": raft.log.last_index,
            "stable": raft.stable,
            "commit": raft.commit,
            "applied": engine.applied,
            "last_seq": engine.state.next_seq - 1,
            "last_order_id": engine.state.next_order_id - 1,
            # A leader executes ahead of what is committed: the hash belongs to the entry it executed last.
            "state_index": engine.state.index,
            "state_hash": f"{engine.state.state_hash():016x}",
            "checkpoint": {"index": engine.full_checkpoint[0], "hash": f"{engine.full_checkpoint[1]:016x}"},
            "hash_mismatches": engine.hashes.mismatches,
            "lag": {peer: raft.log.last_index - p.match for peer, p in raft.progress.items()} if leads else {},
            "repairing": raft.repair_until > 0,
            "alone_since": raft.alone_since or None,
            "announced": raft.announced,
            "recovery": self.notes,
            "started_at": self._started_at,
            "faults": self.board.listing(),
        }

    def metrics_page(self) -> str:
        return self.metrics.page(self.engine)

    def snapshot_now(self) -> int:
        self._guarded(self.engine.take_snapshot)
        return self.engine.state.index

    def hand_over(self, heir: str, term: int | None, owner: str, reason: str) -> dict:
        """Begin to hand the lead to another replica; what is handed over. Raises HandOverRefused."""
        handed = self.engine.hand_over_to(heir, term)
        self._arm()
        log.warning("shard %d %s hands over, asked by %s (%s): %s", self.shard, self.name, owner, reason, handed)
        return handed | {"shard": self.shard}

    def handing_over(self) -> bool | None:
        """Whether a hand-over is under way; None when this replica leads no longer."""
        raft = self.engine.raft
        return raft.handing_over if raft.role is Role.LEADER and self.engine.failure is None else None

    def take_over(self, owner: str, reason: str) -> dict:
        """Go on without the other members; what is known about the loss. Raises TakeoverRefused."""
        connected = [peer for peer, link in self._links.items() if link.connected]
        if connected:
            raise TakeoverRefused(f"A majority may be reachable: {self.name} is connected to {', '.join(connected)}.")
        stated = self.engine.take_over()
        self._arm()
        log.critical("shard %d %s takes over alone, asked by %s (%s): %s", self.shard, self.name, owner, reason, stated)
        return stated | {"shard": self.shard}

    def _addressed(self, result: Outcome) -> Outcome:
        """A refusal names the leader by address: clients know addresses, not replicas."""
        if isinstance(result, Refused) and result.leader:
            return Refused(result.refusal, result.text, self._addresses.get(result.leader, ""))
        return result

    # Time and failure

    def _guarded(self, act: Callable[[], object]) -> None:
        """Run something of the engine; whatever it raises, this replica's state can be trusted no longer."""
        try:
            act()
        except Exception as error:
            log.exception("shard %d %s stops: its state can no longer be trusted", self.shard, self.name)
            self._distrust(error)
        self._arm()

    def _distrust(self, error: Exception) -> None:
        self.engine.fail(error)
        self._stop(EXIT_UNTRUSTED)

    def _arm(self) -> None:
        """Wake up at the engine's next deadline. A timer that is early enough is left alone, it arms itself again."""
        due = self.engine.deadline_ns()
        if due is None or (self._timer is not None and self._timer_due <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_later(max(0.0, (due - time.monotonic_ns()) / 1e9), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        due = self.engine.deadline_ns()
        if due is not None and due <= time.monotonic_ns():
            self._guarded(self.engine.on_time)
        else:
            self._arm()

    def _on_failure(self, error: BaseException) -> None:
        log.critical("shard %d %s takes part no longer: %r", self.shard, self.name, error)
        if isinstance(error, OSError):
            self._loop.call_soon(self._stop_when_disk_may_work)
        else:
            self._loop.call_soon(self._stop, EXIT_UNTRUSTED)

    def _stop_when_disk_may_work(self) -> None:
        """An injected fault lives in this process: stay, without taking part, until it is over; then start afresh."""
        if self.board.disk_fails:
            self._loop.call_later(0.1, self._stop_when_disk_may_work)
        else:
            self._stop(EXIT_DISK)

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict) -> None:
        loop.default_exception_handler(context)
        self._stop(EXIT_UNTRUSTED)

    def _stop(self, status: int) -> None:
        if not self.stopped.done():
            self.stopped.set_result(status)

    def _begin_to_stop(self) -> None:
        """A leader hands over first, so that clients wait for one exchange of messages, not for an election time-out."""
        if self.engine.failure is None and self.engine.raft.role is Role.LEADER and self.engine.hand_over():
            self._await_successor(time.monotonic() + HAND_OVER_S)
        else:
            self._stop(0)

    def _await_successor(self, until: float) -> None:
        if self.engine.raft.role is not Role.LEADER or time.monotonic() > until:
            self._loop.call_later(0.05, self._stop, 0)
        else:
            self._loop.call_later(0.01, self._await_successor, until)


def split_address(address: str) -> tuple[str, int]:
    """Host and port; raises argparse.ArgumentTypeError."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{address!r} is not HOST:PORT.")
    return host, int(port)


def parse_address(text: str) -> str:
    """The text, checked."""
    split_address(text)
    return text


def _peers(text: str) -> list[tuple[str, str]]:
    pairs = [part.partition("=")[::2] for part in text.split(",") if part]
    for name, address in pairs:
        if not name:
            raise argparse.ArgumentTypeError(f"{text!r} is not NAME=HOST:PORT,….")
        split_address(address)
    return [(name, address) for name, address in pairs]


def load_factory(machine: str, config: str) -> MachineFactory:
    """The factory class named `module:class`, made from the text of a configuration file."""
    module, _, name = machine.partition(":")
    factory = getattr(importlib.import_module(module), name).from_json(Path(config).read_text(encoding="utf-8"))
    warm_up = getattr(factory, "warm_up", None)
    if warm_up is not None:
        warm_up()
    return factory


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="One replica of a matching shard.")
    parser.add_argument("--shard", type=int, required=True, help="number of the shard")
    parser.add_argument("--replica", required=True, help="name of this replica: its data centre")
    parser.add_argument("--config", required=True, help="JSON file of the shard: symbols, accounts, limits")
    parser.add_argument("--state", required=True, help="directory of journal and snapshots")
    parser.add_argument("--listen", type=parse_address, required=True, help="HOST:PORT for peers and clients")
    parser.add_argument("--peers", type=_peers, default=[], help="NAME=HOST:PORT,… of the other replicas")
    parser.add_argument("--http", type=parse_address, required=True, help="HOST:PORT for /metrics, /status and /faults")
    parser.add_argument("--machine", default=DEFAULT_MACHINE, help="MODULE:CLASS that makes the state machine")
    parser.add_argument("--spin", choices=SPINS, default="adaptive", help="how to wait for what comes next")
    return parser.parse_args(arguments)


async def _serve(options: argparse.Namespace, factory: MachineFactory) -> int:
    return await Replica(options, factory).run()


def main(arguments: list[str] | None = None) -> int:
    """Run until stopped; returns the exit status."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    options = parse_options(arguments)
    sys.setswitchinterval(SWITCH_S)
    try:
        factory = load_factory(options.machine, options.config)
        return uvloop.run(_serve(options, factory))
    except (HardStateError, ValueError, ImportError, AttributeError) as error:
        log.critical("shard %d %s cannot start: %s", options.shard, options.replica, error)
        return EXIT_CONFIG
    except OSError as error:
        log.critical("shard %d %s cannot start: %s", options.shard, options.replica, error)
        return EXIT_DISK


if __name__ == "__main__":
    raise SystemExit(main())
