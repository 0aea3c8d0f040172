"""Replays the agreed log through a fresh state machine, apart from any replica, and watches it at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from trading_sim.cluster.verification.findings import Findings, Unverifiable
from trading_sim.ledger.records import LedgerError
from trading_sim.matching.records import EventKind, Kind
from trading_sim.protocol.records import COMMAND
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.entries import Entry
from trading_sim.shard.machine import ShardMachine
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
    """A batch that was executed: its entry and its stamped COMMAND records."""

    index: int
    client: int
    request: int
    commands: np.ndarray


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
    ids = IdWatch(findings, state.machine.last_seq, state.machine.last_order_id)
    for done, entry in enumerate(ahead, 1):
        try:
            applied = state.apply(entry)
        except (LedgerError, StateError) as error:
            findings["replay"].problem(f"entry {entry.index}: {error}")
            break
        if applied.result is not None:
            commands = np.frombuffer(entry.commands, COMMAND)
            result.executed.append(Executed(entry.index, entry.client_id, entry.request, commands))
            ids.watch(entry.index, commands, applied.result.events)
            findings["replay"].checked += len(applied.result.events)
        if done % CONSERVED_EVERY == 0:
            _conserved(state.machine, entry.index, findings)
            progress(done, len(ahead))
        _probe(wanted, state, findings)
    _conserved(state.machine, state.index, findings)
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


class IdWatch:
    """Sequence numbers and order ids rise without exception; a trade (command, taker, maker) happens once."""

    def __init__(self, findings: Findings, last_seq: int, last_order_id: int) -> None:
        self._check = findings["unique-ids"]
        self._seq, self._order_id = last_seq, last_order_id

    def watch(self, index: int, commands: np.ndarray, events: np.ndarray) -> None:
        """Look at one executed batch."""
        new = commands["order_id"][commands["kind"] == Kind.NEW]
        self._seq = self._rising(index, "sequence number", self._seq, commands["seq"])
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
