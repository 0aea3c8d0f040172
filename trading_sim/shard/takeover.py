"""The remote site goes on alone: when that may be, and what it costs.

Two of three members make a majority. When both others are gone for good, the third holds everything up to some entry, perhaps not all that
was acknowledged: only people can decide to go on from there. They must not do so while a majority is reachable, for then nothing
needs to be lost; and who comes back later must not go on with what it holds (`raft.take_over`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading_sim.shard.raft import MS, Role

if TYPE_CHECKING:
    from trading_sim.shard.engine import Engine

SILENCE_NS = 5_000 * MS


class TakeoverRefused(Exception):
    """Nothing was done; the text says why."""


def stated(engine: Engine, now_ns: int) -> dict:
    """What this member knows about the loss, if it may take over now. Raises TakeoverRefused.

    `last_durable_index`: the last entry on this disk; `commit_known`: the last that it knows to be acknowledged; `announced_index`: the last
    that a leader said it had. What clients were acknowledged beyond that only they, or the other journals, can tell.
    """
    raft = engine.raft
    if engine.failure is not None:
        raise TakeoverRefused(f"{engine.name} has failed: {engine.failure}. Restart it first.")
    if raft.alone_since:
        raise TakeoverRefused(f"{engine.name} has taken over already, with entries up to {raft.alone_since}.")
    if raft.role is Role.LEADER:
        raise TakeoverRefused(f"{engine.name} leads: nothing is to be taken over.")
    if raft.repair_until:
        raise TakeoverRefused(
            f"{engine.name} is under repair up to entry {raft.repair_until}: its own journal has a hole."
        )
    silences = {peer: (now_ns - heard) / 1e9 for peer, heard in engine.heard_ns.items()}
    near = [f"{peer} ({silence:.1f} s ago)" for peer, silence in silences.items() if silence * 1e9 < SILENCE_NS]
    if near:
        raise TakeoverRefused(
            f"A majority may be reachable: {engine.name} has heard {', '.join(near)}. Silence of {SILENCE_NS / 1e9:g} s is asked for."
        )
    return {
        "replica": engine.name,
        "last_durable_index": raft.stable,
        "commit_known": raft.commit,
        "announced_index": max(raft.announced, raft.log.last_index),
        "silent_s": {peer: round(silence, 3) for peer, silence in silences.items()},
    }
