"""A planned switch: the leader hands its lead to a named replica, which then holds everything that was ever acknowledged.

The leader takes nothing new on (clients are told to ask again a little later), waits until the heir's log ends where its own does and all of
it is committed, and only then asks the heir to take over at once (Ongaro's dissertation, 3.10). So everybody who was accepted before is
answered by the old leader, and the switch costs one exchange of messages instead of an election time-out. A replica that took over
alone (`takeover`) has no way back through here: the others were given up for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading_sim.shard.raft import MS, Role

if TYPE_CHECKING:
    from trading_sim.shard.engine import Engine

#: The heir must have been heard within this time; heartbeats are answered ten times a second.
SILENCE_NS = 500 * MS
#: More entries than this behind, orders would wait for the heir longer than they do at an unplanned failover.
MOST_BEHIND = 2_000
#: So long the leader takes nothing on while it waits for the heir; then it goes on leading.
PATIENCE_NS = 1_000 * MS


class HandOverRefused(Exception):
    """Nothing was done; the text says why."""


def begin(engine: Engine, heir: str, now_ns: int, term: int | None = None) -> dict:
    """Have consensus hand over; what is handed over to whom. `term`: the one that the caller knows this replica to lead.

    Raises HandOverRefused when this replica does not lead (that term), reaches no majority, or the heir is not fit to lead.
    """
    raft = engine.raft
    if engine.failure is not None:
        raise HandOverRefused(f"{engine.name} has failed: {engine.failure}. Restart it first.")
    if raft.role is not Role.LEADER:
        raise HandOverRefused(f"{engine.name} does not lead; {raft.leader or 'nobody that it knows of'} does.")
    if term is not None and raft.term != term:
        raise HandOverRefused(
            f"{engine.name} leads term {raft.term}, not {term}: the lead has moved since. Look again."
        )
    if raft.alone_since:
        raise HandOverRefused(
            f"{engine.name} has taken over alone with entries up to {raft.alone_since}: the others were given up for good."
        )
    if raft.handing_over:
        raise HandOverRefused(f"{engine.name} is handing over already: wait a second and look who leads.")
    if not raft.lease_valid(now_ns):
        raise HandOverRefused(f"{engine.name} reaches no majority now: without one nobody could take over.")
    if problem := _unfit(engine, heir, now_ns):
        raise HandOverRefused(problem)
    last = raft.log.last_index
    handed = {
        "replica": engine.name,
        "to": heir,
        "term": raft.term,
        "last_index": last,
        "behind": max(0, last - raft.progress[heir].match),
    }
    raft.hand_to(heir, now_ns, PATIENCE_NS)
    return handed


def _unfit(engine: Engine, heir: str, now_ns: int) -> str:
    """Why the heir may not lead, as a sentence; empty when it may."""
    raft = engine.raft
    if heir == engine.name:
        return f"{heir} leads already."
    progress = raft.progress.get(heir)
    if progress is None:
        return f"{heir!r} is no member of this shard; there are {', '.join(raft.peers)}."
    silence = now_ns - engine.heard_ns[heir]
    if silence > SILENCE_NS:
        return f"{heir} has not been heard for {silence / 1e9:.1f} s: it could not take over."
    if progress.repairing:
        return f"{heir} is under repair: its disk lost entries that it had acknowledged."
    if progress.snapshot_index:
        return f"{heir} is behind: it is being sent the snapshot of entry {progress.snapshot_index}."
    behind = raft.log.last_index - progress.match
    if behind > MOST_BEHIND:
        return f"{heir} is {behind} entries behind; at most {MOST_BEHIND} are caught up with before a switch."
    if engine.hashes.mismatches:
        return f"The replicas' states differ: {engine.hashes.mismatches}. Find out which one is right first."
    return ""
