"""Orders of one tick: which goes to which shard at which place, and what the shard's reply means for each."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from trading_sim.protocol.flow import VOID, Outcome
from trading_sim.protocol.records import COMMAND

REJECTED = 2  # EVENT.kind


@dataclass
class OrderBatch:
    """The orders of one chain on their way. `alive` marks those that no hop has lost so far."""

    chain: str
    commands: np.ndarray
    shards: np.ndarray
    alive: np.ndarray = field(init=False)
    seconds: np.ndarray = field(init=False)
    outcomes: np.ndarray = field(init=False)
    reasons: np.ndarray = field(init=False)
    order_ids: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.commands)
        self.alive = np.ones(count, bool)
        self.seconds = np.zeros(count)
        self.outcomes = np.full(count, Outcome.UNKNOWN, np.uint8)
        self.reasons = np.zeros(count, np.uint8)
        self.order_ids = np.zeros(count, np.uint64)

    def lose(self, positions: np.ndarray, outcome: Outcome, hop: int) -> None:
        """These orders get no further than hop number `hop`."""
        self.alive[positions] = False
        self.outcomes[positions] = outcome
        self.reasons[positions] = hop


@dataclass
class ShardBatch:
    """One shard's orders of a tick: `parts` says which positions of which chain they are, in the order of `commands`."""

    shard: int
    commands: np.ndarray
    parts: list[tuple[OrderBatch, np.ndarray]]


def shard_batches(batches: list[OrderBatch]) -> list[ShardBatch]:
    """Gather the tick's orders by shard, chains by name, positions ascending; a lost order becomes a VOID in its place."""
    gathered: dict[int, ShardBatch] = {}
    pieces: dict[int, list[np.ndarray]] = {}
    for batch in sorted(batches, key=lambda batch: batch.chain):
        for shard in np.unique(batch.shards).tolist():
            positions = np.flatnonzero(batch.shards == shard)
            commands = batch.commands[positions]
            commands["kind"][~batch.alive[positions]] = VOID
            entry = gathered.setdefault(shard, ShardBatch(shard, commands, []))
            entry.parts.append((batch, positions))
            pieces.setdefault(shard, []).append(commands)
    for shard, entry in gathered.items():
        entry.commands = np.concatenate(pieces[shard]).astype(COMMAND, copy=False)
    return [gathered[shard] for shard in sorted(gathered)]


def read_reply(batch: ShardBatch, reply, seconds: float, hop_of: dict[str, int]) -> None:
    """Write a shard's reply into the chains' orders.

    Positions come from sequence numbers: the batch's commands have reply.seq, reply.seq + 1 … Every command leaves an event
    or a reject, only VOID leaves none; so an order that was VOID at the first execution is found, and is FAILED, whatever this attempt's hops would have done with it; one that was executed then
    is answered as executed, even if this attempt lost it in a hop.
    """
    count, first = len(batch.commands), np.uint64(reply.seq)
    outcomes, reasons = np.full(count, Outcome.FAILED, np.uint8), np.zeros(count, np.uint8)
    outcomes[(reply.events["seq"] - first).astype(np.int64)] = Outcome.OK
    refused = reply.events[reply.events["kind"] == REJECTED]
    at = (refused["seq"] - first).astype(np.int64)
    outcomes[at], reasons[at] = Outcome.REJECTED_MATCHING, refused["reason"]
    at = (reply.rejects["seq"] - first).astype(np.int64)
    outcomes[at], reasons[at] = Outcome.REJECTED_RISK, reply.rejects["reason"]
    ids = np.asarray(reply.order_ids, np.uint64)
    start = 0
    for part, positions in batch.parts:
        end = start + len(positions)
        found = outcomes[start:end]
        failed = found == Outcome.FAILED
        hop = part.reasons[positions]
        part.outcomes[positions] = found
        part.reasons[positions] = np.where(failed, np.where(hop > 0, hop, hop_of[part.chain]), reasons[start:end])
        part.order_ids[positions] = np.where(failed, 0, ids[start:end])
        part.alive[positions] = ~failed
        part.seconds[positions[~failed]] += seconds
        start = end
