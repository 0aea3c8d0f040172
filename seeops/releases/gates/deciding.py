"""What replays and trials mean for a gate. Pure: what was measured in, a decision out.

A gate passes only on measurements that say so. Anything that is not known is inconclusive, which holds the release; what is known to be bad
fails, whatever else is unknown. Texts are English sentences for the page and the history.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from seeops.releases.gates.options import Chaos
from seeops.releases.gates.ports import Replay, Trial

PASSED, WAITS, FAILED, INCONCLUSIVE = "passed", "waits", "failed", "inconclusive"
#: Seconds without a measurement of the customers' view that a trial may have.
MOST_UNMEASURED_S = 3
HELD, DEVIATED = "held", "deviated"


@dataclass(frozen=True)
class Decision:
    """`state` is one of the four above."""

    state: str
    text: str


def replays(found: Sequence[Replay], shards: Collection[int], declared: Collection[str]) -> Decision:
    """The shadow gate: every shard replayed, and identical events or exactly the declared differences over all of them."""
    ended = [replay for replay in found if replay.ended]
    for replay in ended:
        if text := _undeclared(replay, declared):
            return Decision(FAILED, f"{replay.number}, shard {replay.shard}: {text}")
    if not shards:
        return Decision(INCONCLUSIVE, "no journal of any shard can be read: nothing was replayed")
    missing = sorted(set(shards) - {replay.shard for replay in ended})
    if missing:
        names = ", ".join(map(str, missing))
        return Decision(WAITS, f"journals are replayed: {len(ended)} of {len(shards)} shards done, waiting for {names}")
    for replay in ended:
        if text := _unknown(replay, declared):
            return Decision(INCONCLUSIVE, f"{replay.number}, shard {replay.shard}: {text}")
    seen = {kind for replay in ended for kind in replay.kinds or ()}
    if absent := sorted(set(declared) - seen):
        return Decision(INCONCLUSIVE, f"declared, but no journal of the day shows it: {absent[0]}")
    commands = sum(replay.commands for replay in ended)
    if not seen:
        return Decision(PASSED, f"identical events on {len(ended)} shards, {commands:,} commands replayed")
    text = (
        f"exactly the {len(seen)} declared kinds of differences on {len(ended)} shards, {commands:,} commands replayed"
    )
    return Decision(PASSED, text)


def _undeclared(replay: Replay, declared: Collection[str]) -> str:
    """A difference that nobody declared; empty when there is none, or none that can be named."""
    if replay.same is not False:
        return ""
    if not declared:
        return replay.text or "it differs"
    if replay.kinds is None:
        return "it differs in more kinds than can be declared"
    others = sorted(set(replay.kinds) - set(declared))
    return f"undeclared difference: {others[0]}" if others else ""


def _unknown(replay: Replay, declared: Collection[str]) -> str:
    """Why a replay proves nothing; empty when it does."""
    if replay.same is None:
        return replay.why or "it cannot be judged"
    if not replay.commands:
        return "its journal holds no command: nothing was compared"
    if not replay.proven:
        return "nobody proved that the journal's entries were committed"
    if replay.same is False and not replay.kinds:
        return "it differs, and its report does not say in what kinds"
    return ""


def trial(found: Trial, options: Chaos) -> Decision:
    """The chaos gate: nothing lost, nothing twice, customers served again in time, and nothing left behind."""
    if not found.ended:
        return Decision(WAITS, f"{found.number}: {options.fault} on {options.nodes} nodes of the first batch")
    if text := _broken(found):
        return Decision(FAILED, f"{found.number}: {text}")
    if found.outcome == DEVIATED:
        return Decision(FAILED, f"{found.number}: {found.why or 'the steady state was left'}")
    if found.outcome != HELD:
        why = f": {found.why}" if found.why else ""
        return Decision(INCONCLUSIVE, f"{found.number}: {found.outcome or 'unknown'}{why}")
    if text := _unmeasured(found):
        return Decision(INCONCLUSIVE, f"{found.number}: {text}")
    recovered = found.recovered_s or 0.0
    if recovered > options.recovery_s:
        late = f"customers were served again after {recovered:.1f} s, {options.recovery_s:g} s were allowed"
        return Decision(FAILED, f"{found.number}: {late}")
    return Decision(
        PASSED,
        f"{found.number}: {options.fault} survived, served again after {recovered:.1f} s of {options.recovery_s:g} s, nothing lost, nothing twice",
    )


def _broken(found: Trial) -> str:
    if found.lost:
        return f"{found.lost} acknowledged orders were lost"
    if found.duplicates:
        return f"{found.duplicates} orders were executed twice"
    return ""


def _unmeasured(found: Trial) -> str:
    """What was not measured, or not brought back; empty when all was."""
    if found.lost is None or found.duplicates is None:
        return "lost and repeated orders were not counted"
    if found.recovered_s is None:
        return "the recovery was not seen to its end"
    if found.unmeasured_s is None or found.unmeasured_s > MOST_UNMEASURED_S:
        return f"the customers' view was not measured for {found.unmeasured_s if found.unmeasured_s is not None else 'unknown'} s"
    if found.undo_ok is not True:
        return "the fault was not cleared as it should: look at the nodes first"
    return "" if found.restored is True else "the steady state was not measured again afterwards"
