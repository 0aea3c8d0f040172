# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving the lead of a shard between centres: look, decide, ask the leader, and believe only what the replicas say afterwards.

A shard is given as {centre: agent_url} of its nodes. What is seen of it is {centre: status of the replica, or None when it does not answer}.
"""

from __future__ import annotations

import time

from ansible_collections.seeops.nodes.plugins.module_utils.agent import WAITS, Agent, Refused, Silent

LOOK_TIMEOUT_S = 3.0
POLL_S = 0.1
#: So long is looked whether orders arrive, before the switch and after it.
FLOW_S = 1.0
#: More entries than this behind, a replica is not asked to lead: the leader itself allows no more either.
MOST_BEHIND = 2_000
SHOWN = (
    "role",
    "term",
    "lease",
    "last_index",
    "commit",
    "applied",
    "last_seq",
    "state_index",
    "state_hash",
    "alone_since",
)


class LeadsError(Exception):
    """What was asked for cannot be done, or was not done; the text says which and why."""


def look(peers: dict[str, str]) -> dict:
    """Every replica as it answers now."""
    return {centre: _status(url) for centre, url in peers.items()}


def _status(url: str) -> dict | None:
    agent = Agent(url, timeout_s=LOOK_TIMEOUT_S)
    try:
        return agent.get("replica")["replica"]
    except (Silent, Refused):
        return None
    finally:
        agent.close()


def leaders(seen: dict) -> list[str]:
    """Centres whose replica leads and may answer reads."""
    return [centre for centre, status in seen.items() if status and status["role"] == "leader" and status["lease"]]


def shown(seen: dict) -> dict:
    """The part of it that a report keeps; a replica that did not answer stays "no answer"."""
    return {
        centre: {name: status.get(name) for name in SHOWN} if status else "no answer" for centre, status in seen.items()
    }


def objection(seen: dict, heir: str) -> str:
    """Why the lead may not go to `heir` now, as a sentence; empty when it may. The leader decides again when it is asked."""
    if heir not in seen:
        return f"the shard has no replica in {heir}; it has {', '.join(seen)}"
    answering = [centre for centre, status in seen.items() if status]
    if len(answering) <= len(seen) // 2:
        return f"no majority answers: {', '.join(answering) or 'nobody'} of {', '.join(seen)}"
    leading = leaders(seen)
    if len(leading) != 1:
        return f"{len(leading)} replicas lead ({', '.join(leading) or 'none'}): the shard must be whole first"
    leader, status = seen[leading[0]], seen[heir]
    if status is None:
        return f"the replica in {heir} does not answer"
    if leader["alone_since"]:
        return f"{leading[0]} has taken over alone: the others were given up for good"
    if status["role"] == "failed" or status["repairing"]:
        return f"the replica in {heir} is {'under repair' if status['repairing'] else 'failed'}"
    if any(one and one["hash_mismatches"] for one in seen.values()):
        return "the replicas' states differ: find out which one is right first"
    behind = leader["last_index"] - status["stable"]
    return f"{heir} is {behind} entries behind" if behind > MOST_BEHIND else ""


def findings(before: dict, after: dict, heir: str) -> list[str]:
    """What is not as it must be after a hand-over; empty when exactly the heir leads, nothing is missing, and replicas agree."""
    found = []
    leading, old = leaders(after), before[leaders(before)[0]]
    if leading != [heir]:
        found.append(f"{', '.join(leading) or 'nobody'} leads instead of {heir}")
        return found
    new = after[heir]
    if new["term"] <= old["term"]:
        found.append(f"the term did not rise: {old['term']}, then {new['term']}")
    if new["commit"] <= old["last_index"]:
        found.append(f"{heir} has committed up to {new['commit']}, the old leader held {old['last_index']}")
    if new["last_seq"] < old["last_seq"]:
        found.append(f"{heir} knows commands up to {new['last_seq']}, the old leader knew {old['last_seq']}")
    hashes: dict[int, set[str]] = {}
    for status in after.values():
        if status:
            for index, value in ((status["state_index"], status["state_hash"]), tuple(status["checkpoint"].values())):
                hashes.setdefault(index, set()).add(value)
    if any(len(values) > 1 for values in hashes.values()) or any(s and s["hash_mismatches"] for s in after.values()):
        found.append("replicas have different states after the same commands")
    return found


def move(peers: dict[str, str], heir: str, *, options: dict, check: bool) -> dict:
    """Have the replica in `heir` lead; {"changed", "msg", "before", "after", …}. Raises LeadsError, Refused, Silent."""
    before = look(peers)
    if leaders(before) == [heir]:
        return {"changed": False, "leader": heir, "before": shown(before), "msg": f"{heir} leads already"}
    problem = objection(before, heir)
    if problem:
        raise LeadsError(f"not handed over to {heir}: {problem}")
    (leader,) = leaders(before)
    plan = f"{leader} (term {before[leader]['term']}) hands over to {heir}"
    if check:
        return {"changed": True, "leader": leader, "before": shown(before), "msg": f"would do: {plan}"}
    flowed = _flows(peers, leader)
    answer = _ask(peers[leader], before[leader]["term"], heir, options)
    after = _settled(peers, before, heir, flowed, options["timeout_s"])
    took = answer.get("seconds")
    return {
        "changed": True, "leader": heir, "before": shown(before), "after": shown(after), "seconds": took,
        "orders_flowed_before": flowed, "msg": f"{plan} within {took} s",
    }  # fmt: skip


def _ask(url: str, term: int, heir: str, options: dict) -> dict:
    agent = Agent(url)
    try:
        body = {"to": heir, "term": term, "key": f"{options['key']}/{heir}", "epoch": options["epoch"]}
        return agent.act("handover", {**body, "reason": options["reason"]})
    finally:
        agent.close()


def _flows(peers: dict[str, str], leader: str) -> bool:
    """Whether commands arrive at the leader."""
    first = _status(peers[leader])
    ends = time.monotonic() + FLOW_S
    while first is not None and time.monotonic() < ends:
        _sleep()
        now = _status(peers[leader])
        if now is not None and now["last_seq"] > first["last_seq"]:
            return True
    return False


def _settled(peers: dict[str, str], before: dict, heir: str, flowed: bool, timeout_s: float) -> dict:
    """The replicas once all is as it must be, and orders arrive again if they did before. Raises LeadsError."""
    ends = time.monotonic() + timeout_s
    while True:
        after = look(peers)
        found = findings(before, after, heir)
        if not found and flowed and not _flows(peers, heir):
            found = [f"orders arrived before, and none arrives at {heir}"]
        if not found:
            return after
        if time.monotonic() > ends:
            raise LeadsError(f"{timeout_s} s after the hand-over to {heir}: {'; '.join(found)}")
        _sleep()


def _sleep() -> None:
    with WAITS.around():
        time.sleep(POLL_S)
