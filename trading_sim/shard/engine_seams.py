"""What an engine reaches for, and how much it may hold."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from trading_sim.shard.entries import Entry
from trading_sim.shard.messages import Message
from trading_sim.shard.state import Applied
from trading_sim.sim.seams import Clock, DiskQueue


@dataclass(frozen=True)
class Seams:
    """The outside of an engine. `disk` writes the journal, `background` everything that may take long beside it; `later` runs
    a callable soon on the engine's thread; `applied` hears every entry once it is executed and committed; `restored` hears index and term of a snapshot that the state goes on from; `failed` hears why the replica can take part no longer."""

    clock: Clock
    rng: random.Random
    disk: DiskQueue
    background: DiskQueue
    send: Callable[[str, Message], None]
    later: Callable[[Callable[[], None]], None]
    applied: Callable[[Entry, Applied], None]
    restored: Callable[[int, int], None]
    failed: Callable[[BaseException], None]


@dataclass(frozen=True)
class Limits:
    """Bounds on memory and on the time between two looks at the network. `log_bytes`: of the entries held in memory (behind
    the newest snapshot, and a few before it for followers) above which a leader refuses more."""

    request_bytes: int = 1 << 20
    unapplied_entries: int = 4096
    log_bytes: int = 1 << 30
    apply_commands: int = 4_096
    snapshot_entries: int = 200_000
    snapshot_bytes: int = 256 << 20
    kept_entries: int = 2_048
    kept_bytes: int = 32 << 20
