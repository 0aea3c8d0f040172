"""The lead of a shard, as the agent of a matching node sees it: how its replica stands, and handing the lead over.

Handing over is a keyed action like all others: the same key is carried out once, an older epoch never again. It is the replica that
decides (see shard.handover); a refusal, or no answer, frees the key. Asking again is safe either way, for the request names the term that
the caller saw led, and a lead that has moved has another.
"""

from __future__ import annotations

from typing import Protocol

from trading_sim.nodes.lifecycle import Lifecycle
from trading_sim.nodes.node import Node
from trading_sim.nodes.requests import BadRequest, Identity

ACTION = "handover"


class ReplicaRefused(Exception):
    """The replica said no, with its reason; nothing was done."""

    def __init__(self, code: str, detail: str):
        super().__init__(detail)
        self.code = code


class ReplicaSilent(Exception):
    """The replica did not answer: whether anything was done is unknown."""


class Replicas(Protocol):
    """The real processes behind matching nodes. Raises ReplicaRefused, ReplicaSilent."""

    def has(self, node: str) -> bool:
        """Whether a replica is behind that node."""

    async def status(self, node: str) -> dict:
        """How the replica stands."""

    async def hand_over(self, node: str, *, to: str, term: int | None, owner: str, reason: str) -> dict:
        """Have the replica hand its lead to the one in the centre `to`; answered when it has."""


class Leading:
    """What the agent's handlers ask. Raises BadRequest, StaleEpoch, KeyConflict."""

    def __init__(self, life: Lifecycle, replicas: Replicas | None):
        self._life, self._replicas = life, replicas
        self._under_way: set[str] = set()

    def _door(self, node: Node) -> Replicas:
        if self._replicas is None or not self._replicas.has(node.name):
            raise BadRequest("no_replica", f"{node.name} runs no replica of a shard", 404)
        return self._replicas

    async def status(self, node: Node) -> dict:
        """The replica's status; with how it is called when it does not answer."""
        try:
            return {"node": node.name, "replica": await self._door(node).status(node.name)}
        except ReplicaSilent as silent:
            raise BadRequest("replica_silent", str(silent), 503) from silent

    async def hand_over(self, node: Node, who: Identity, *, to: str, term: int | None, reason: str) -> dict:
        door = self._door(node)
        earlier = node.journal.earlier(who.key, ACTION, who.epoch)
        if earlier is not None:
            return earlier | {"replayed": True}
        if who.key in self._under_way:
            raise BadRequest("under_way", f"{node.name} is handing over under this key: ask again in a second", 409)
        self._under_way.add(who.key)
        try:
            return await self._carry_out(node, door, who, to=to, term=term, reason=reason)
        finally:
            self._under_way.discard(who.key)

    async def _carry_out(
        self, node: Node, door: Replicas, who: Identity, *, to: str, term: int | None, reason: str
    ) -> dict:
        node.journal.begin(who.key, ACTION, who.epoch, self._life.wall(), {"to": to, "term": term})
        try:
            handed = await door.hand_over(node.name, to=to, term=term, owner=who.key, reason=reason)
        except ReplicaRefused as refused:
            node.journal.failed(who.key)
            raise BadRequest(refused.code, str(refused), 409) from refused
        except ReplicaSilent as silent:
            node.journal.failed(who.key)
            raise BadRequest("replica_silent", str(silent), 503) from silent
        result = {"node": node.name, "action": ACTION, "key": who.key, "epoch": who.epoch} | handed
        node.journal.done(who.key, result)
        self._life.log(node, "INFO", f"handed its shard's lead to {to}: {reason}")
        return result | {"replayed": False}
