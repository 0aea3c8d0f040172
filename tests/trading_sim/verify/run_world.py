"""A small finished run on disk, as a cluster leaves it: three replicas' journals, one shard, the customers' history."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.trading_sim.load.load_world import MemoryLinks
from trading_sim.load.client_book import ClientBook
from trading_sim.load.customers_process import KEEPERS_AT
from trading_sim.load.flow import ORDER_CHAINS, ShardFlow
from trading_sim.load.lane import Lane
from trading_sim.load.measures import Measures
from trading_sim.load.session import SETTLE, phase_command
from trading_sim.market import ACCOUNTS, shard_config
from trading_sim.protocol.records import COMMAND
from trading_sim.shard.answers import decode_answer
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.entries import BATCH, NOOP, Entry, make_entry
from trading_sim.shard.journal import Journal, recover
from trading_sim.shard.machine_factory import ShardMachineFactory
from trading_sim.shard.sequencer import Sequencer
from trading_sim.shard.snapshots import encode_snapshot, save_snapshot
from trading_sim.shard.state import ReplicatedState
from trading_sim.sim.real import RealFiles

CENTRES = ("SZ-A", "SZ-B", "WH-A")
CONFIG = replace(shard_config(0), max_order_id=5_000, max_live=2_000)
CLIENT = 5 << 16
RATES = {"cash-order": 4.0, "institution-order": 2.0, "options-order": 1.0, "order-cancel": 1.0}
SEGMENT_BYTES = 1 << 17


class RecordedShard:
    """Executes like a replica and keeps the entries. `entry_count` snapshots are taken when asked."""

    def __init__(self, config: ShardConfig = CONFIG) -> None:
        self.state = ReplicatedState(ShardMachineFactory(config))
        self.sequencer = Sequencer(1, 1, 0)
        self.entries: list[Entry] = []
        self._append(make_entry(term=1, index=1, kind=NOOP, now_ns=0, next_seq=1, next_order_id=1))

    def _append(self, entry: Entry):
        self.entries.append(entry)
        return self.state.apply(entry)

    def submit(self, client: int, request: int, commands: np.ndarray) -> tuple:
        entry = self.sequencer.batch(
            term=1,
            index=len(self.entries) + 1,
            wall_ns=len(self.entries) * 10**8,
            client_id=client,
            request=request,
            commands=commands.astype(COMMAND).tobytes(),
        )
        assert entry.kind == BATCH
        reply = decode_answer(self._append(entry).answer, commands["kind"] == 1)
        return reply.seq, reply.order_ids, reply


class Run:
    """The folder of a finished run; change `entries` or the files, then `write` what a test needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shard = RecordedShard()
        self.flow = ShardFlow(CONFIG, 3)
        (folder / "shards").mkdir(parents=True)
        (folder / "shards" / "shard-0.json").write_text(CONFIG.to_json())

    def trade(self, requests: int = 25, mishap=lambda centre, request: None) -> None:
        """Two lanes send requests in turn; in the middle a trading day ends."""
        book = ClientBook(self.folder / "load" / "history", 1, ACCOUNTS, lambda: 1.0, lambda: CLIENT)
        book.baseline[:] = 0
        book.checkpoint()
        links = MemoryLinks([self.shard], mishap)
        halves = [np.arange(ACCOUNTS + 1) % 2 == half for half in range(2)]
        lanes = [
            Lane(f"SZ-A/{n}", CLIENT + n, 0, CENTRES, halves[n], links, book, Measures(ORDER_CHAINS), lambda: 1.0, dict)
            for n in range(2)
        ]
        asyncio.run(self._trade(lanes, requests))
        book.checkpoint()
        book.close()

    async def _trade(self, lanes: list[Lane], requests: int) -> None:
        for number in range(requests):
            if number == requests // 2:
                for request, phase in enumerate((4, SETTLE, 3), 1):
                    self.shard.submit(CLIENT + KEEPERS_AT, request, phase_command(phase))
                self.flow.customers.start_day()
            lane = lanes[number % 2]
            orders = self.flow.make(RATES, lane.accounts, 3)
            operation, fates, events = await lane.send(orders)
            for chain, fate in fates.items():
                self.flow.customers.note_orders(operation.orders[chain], fate.order_ids, fate.outcomes, fate.reasons)
            for happened in events.values():
                self.flow.customers.note_events(happened)

    def write(self, centre: str, entries: list[Entry] | None = None, after: int = 0) -> None:
        """Write a replica's journal (the shard's entries behind `after` by default)."""
        directory = f"{self.folder}/shards/shard-0-{centre}/journal"
        files = RealFiles()
        files.makedirs(directory)
        journal = Journal.open(
            files, directory, recover(files, directory, after), after=after, segment_bytes=SEGMENT_BYTES
        )
        for entry in self.shard.entries if entries is None else entries:
            if entry.index > after:
                journal.append([entry])
                journal.sync()
        journal.close()

    def write_all(self, entries: list[Entry] | None = None) -> None:
        """The same journal for all three."""
        for centre in CENTRES:
            self.write(centre, entries)

    def state_after(self, index: int) -> ReplicatedState:
        """The state after an entry."""
        state = ReplicatedState(ShardMachineFactory(CONFIG))
        for entry in self.shard.entries[:index]:
            state.apply(entry)
        return state

    def write_snapshot(self, centre: str, state: ReplicatedState) -> None:
        """A snapshot file as a replica writes it."""
        directory = f"{self.folder}/shards/shard-0-{centre}"
        files = RealFiles()
        files.makedirs(directory)
        save_snapshot(files, directory, encode_snapshot(state.snapshot()), state.index)


def restamp(entries: list[Entry]) -> list[Entry]:
    """Entries in a new order, numbered and stamped as if the leader had received them so."""
    sequencer, made = Sequencer(1, 1, 0), []
    for index, entry in enumerate(entries, 1):
        if entry.kind == NOOP:
            made.append(make_entry(term=1, index=index, kind=NOOP, now_ns=0, next_seq=1, next_order_id=1))
            continue
        made.append(
            sequencer.batch(
                term=1,
                index=index,
                wall_ns=entry.now_ns,
                client_id=entry.client_id,
                request=entry.request,
                commands=entry.commands,
            )
        )
    return made
