"""Replays the agreed log through a fresh state machine, apart from any replica, and watches it at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from trading_sim.cluster.verification.findings import Findings, Unverifiable
from trading_sim.cluster.verification.market import MarketAudit
from trading_sim.ledger.reconcile import Books
from trading_sim.ledger.records import LedgerError
from trading_sim.matching.records import EventKind, Kind
from trading_sim.protocol.flow import Outcome
from trading_sim.protocol.records import COMMAND
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.entries import Entry
from trading_sim.shard.machine import ApplyResult, ShardMachine
from trading_sim.shard.machine_factory import ShardMachineFactory
from trading_sim.shard.snapshots import Snapshot
from trading_sim.shard.state import ReplicatedState, StateError

CONSERVED_EVERY = 200


@dataclass(frozen=True)
class Probe:
    """A state hash that somebody claims to have had after entry `index`."""

    who: str
    index: int
    state_hash: int


@dataclass(frozen=True)
class Executed:
    """A batch that was executed: its entry, its stamped COMMAND records, and what became of each (u1, Outcome; VOID is FAILED)."""

    index: int
    client: int
    request: int
    commands: np.ndarray
    outcomes: np.ndarray


@dataclass
class Replay:
    """`base` is the state the replay began with; `executed` in order of execution; `state` the last state."""

    base: ReplicatedState
    state: ReplicatedState
    executed: list[Executed] = field(default_factory=list)


def snapshot_probes(config: ShardConfig, name: str, snapshots: tuple[Snapshot, ...], findings: Findings) -> list[Probe]:
    """Restore every snapshot; one that does not give its own hash, or whose sums are wrong, is a problem."""
    probes = []
    for snapshot in snapshots:
        state = ReplicatedState(ShardMachineFactory(config))
        try:
            state.restore(snapshot)
        except (StateError, ValueError) as error:
            findings["state-hashes"].problem(f"{name}: the snapshot of entry {snapshot.index} is not usable: {error}")
            continue
        for problem in state.machine.conservation().problems():
            findings["conservation"].problem(f"{name}: in the snapshot of entry {snapshot.index} {problem}")
        probes.append(Probe(f"{name}'s snapshot", snapshot.index, state.state_hash()))
    return probes


def starting_state(config: ShardConfig, entries: list[Entry], snapshots: list[Snapshot]) -> ReplicatedState:
    """Fresh when the log is whole, else the earliest snapshot that the log continues. Raises Unverifiable without one."""
    state = ReplicatedState(ShardMachineFactory(config))
    first = entries[0].index if entries else 1
    if first == 1 and (entries or not snapshots):
        return state
    for snapshot in sorted(snapshots, key=lambda one: one.index):
        if snapshot.index >= first - 1:
            try:
                state.restore(snapshot)
            except (StateError, ValueError):
                state = ReplicatedState(ShardMachineFactory(config))
                continue
            return state
    raise Unverifiable(f"the log of shard {config.shard} begins at entry {first} and no usable snapshot precedes it")


def replay(
    config: ShardConfig,
    entries: list[Entry],
    snapshots: list[Snapshot],
    probes: list[Probe],
    findings: Findings,
    progress: Callable[[int, int], None],
) -> Replay:
    """Execute the log. `progress(done, all)` is called now and then."""
    state = starting_state(config, entries, snapshots)
    result = Replay(_copy(config, state), state)
    ahead = [entry for entry in entries if entry.index > state.index]
    wanted: dict[int, list[Probe]] = {}
    for probe in probes:
        wanted.setdefault(probe.index, []).append(probe)
    _probe(wanted, state, findings)
    ids = IdWatch(findings, state.next_seq, state.machine.last_order_id)
    watches = _Watches(config, findings, whole=state.index == 0)
    for done, entry in enumerate(ahead, 1):
        ids.stamps(entry)
        try:
            applied = state.apply(entry)
        except (LedgerError, StateError) as error:
            findings["replay"].problem(f"entry {entry.index}: {error}")
            break
        if applied.result is not None:
            commands = np.frombuffer(entry.commands, COMMAND)
            outcomes = _outcomes(commands, applied.result)
            result.executed.append(Executed(entry.index, entry.client_id, entry.request, commands, outcomes))
            ids.watch(entry.index, commands, applied.result.events)
            watches.watch(entry.index, commands, applied.result)
            findings["replay"].checked += len(applied.result.events)
        if done % CONSERVED_EVERY == 0:
            _conserved(state.machine, entry.index, findings)
            progress(done, len(ahead))
        _probe(wanted, state, findings)
    _conserved(state.machine, state.index, findings)
    watches.end(state.machine)
    for index in sorted(wanted):
        for probe in wanted[index]:
            if index > state.index:
                findings["state-hashes"].problem(
                    f"{probe.who} is at entry {index}, the agreed log ends at {state.index}"
                )
    return result


def _copy(config: ShardConfig, state: ReplicatedState) -> ReplicatedState:
    copy = ReplicatedState(ShardMachineFactory(config))
    copy.restore(state.snapshot())
    return copy


def _probe(wanted: dict[int, list[Probe]], state: ReplicatedState, findings: Findings) -> None:
    probes = wanted.get(state.index)
    if not probes:
        return
    own = state.state_hash()
    for probe in probes:
        findings["state-hashes"].checked += 1
        if probe.state_hash != own:
            findings["state-hashes"].problem(
                f"{probe.who} has {probe.state_hash:016x} after entry {probe.index}, the replay gives {own:016x}"
            )


def _conserved(machine: ShardMachine, index: int, findings: Findings) -> None:
    findings["conservation"].checked += 1
    for problem in machine.conservation().problems():
        findings["conservation"].problem(f"after entry {index} {problem}")


def _outcomes(commands: np.ndarray, result: ApplyResult) -> np.ndarray:
    """What became of each command (u1, Outcome), as its customer must have been told."""
    outcomes = np.full(len(commands), Outcome.FAILED, np.uint8)
    if len(commands):
        first = commands["seq"][0]
        refused = result.events["seq"][result.events["kind"] == EventKind.REJECTED]
        for seqs, outcome in (
            (result.events["seq"], Outcome.OK),
            (refused, Outcome.REJECTED_MATCHING),
            (result.rejects["seq"], Outcome.REJECTED_RISK),
        ):
            places = (seqs - first).astype(np.int64)
            outcomes[places[(places >= 0) & (places < len(commands))]] = outcome
    return outcomes


class _Watches:
    """What follows the events with nothing but themselves: the rules of the market, and the balances."""

    def __init__(self, config: ShardConfig, findings: Findings, *, whole: bool) -> None:
        self._market = MarketAudit(config.accounts, config.symbols, findings, whole=whole)
        self._check = findings["balances"]
        # Balances can only be rebuilt from the first entry on; of a later beginning nothing is said, and nothing counted as checked.
        self._books = Books(config.accounts, config.symbols, config.limits.interest_ppm) if whole else None

    def watch(self, index: int, commands: np.ndarray, result: ApplyResult) -> None:
        """One executed entry."""
        self._market.watch(index, commands, result.events, result.rejects)
        if self._books is None:
            return
        try:
            self._books.add(commands, result.events, result.parties)
        except (ValueError, KeyError, IndexError) as error:
            self._check.problem(f"entry {index}: the events are not whole: {error}")
            self._books = None

    def end(self, machine: ShardMachine) -> None:
        """Compare what the events give with what the shard keeps."""
        if self._books is None:
            return
        self._check.checked += len(self._books.ids)
        for difference in self._books.differences(machine.desk):
            self._check.problem(f"after the last entry {difference}")


class IdWatch:
    """Order ids rise without exception, sequence numbers by one; a trade (command, taker, maker) happens once."""

    def __init__(self, findings: Findings, next_seq: int, last_order_id: int) -> None:
        self._check = findings["unique-ids"]
        self._next_seq, self._order_id = next_seq, last_order_id

    def stamps(self, entry: Entry) -> None:
        """An entry's commands carry the numbers that follow the entry before, whether they are executed or were answered already."""
        seqs = np.frombuffer(entry.commands, COMMAND)["seq"]
        wanted = self._next_seq + np.arange(len(seqs), dtype=np.uint64)
        self._check.checked += len(seqs)
        wrong = np.flatnonzero(seqs != wanted)
        if len(wrong):
            given, due = int(seqs[wrong[0]]), int(wanted[wrong[0]])
            word = "was given before" if given < due else f"leaves a gap: {due} is missing"
            self._check.problem(f"entry {entry.index}: the sequence number {given} {word}")
        self._next_seq = entry.next_seq

    def watch(self, index: int, commands: np.ndarray, events: np.ndarray) -> None:
        """Look at one executed batch."""
        new = commands["order_id"][commands["kind"] == Kind.NEW]
        self._order_id = self._rising(index, "order id", self._order_id, new)
        trades = events[events["kind"] == EventKind.TRADE][["seq", "order_id", "maker_id"]]
        self._check.checked += len(commands) + len(trades)
        if len(np.unique(trades)) != len(trades):
            self._check.problem(f"entry {index} holds the same trade twice")

    def _rising(self, index: int, what: str, last: int, numbers: np.ndarray) -> int:
        if not len(numbers):
            return last
        if int(numbers[0]) <= last or (np.diff(numbers.astype("<i8")) <= 0).any():
            self._check.problem(f"entry {index}: the {what} {int(numbers[0])} was given before ({last} was the last)")
        return max(last, int(numbers.max()))
