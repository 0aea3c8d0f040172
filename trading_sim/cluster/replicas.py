"""The nodes that are real processes: a node of the matching service is the replica of one shard in its centre.

Faults and restarts of such a node reach the replica through the supervisor, and its state is what the replica answers.
"""

from __future__ import annotations

import asyncio
import logging

import aiohttp

from trading_sim.cluster.layout import Layout
from trading_sim.cluster.programs import replica_name
from trading_sim.nodes.leading import ReplicaRefused, ReplicaSilent
from trading_sim.nodes.lifecycle import Lifecycle
from trading_sim.nodes.node import Node, Process

log = logging.getLogger(__name__)
TIMEOUT_S = 1.0
EVERY_S = 1.0
#: A leader answers when it has handed over, or has given up waiting for its heir.
HAND_OVER_TIMEOUT_S = 5.0


class ReplicaNodes:
    """Give `hook` to the centre's life cycle, then `attach` it and run `watch` as a task."""

    def __init__(self, layout: Layout, centre: str):
        self.layout, self.centre = layout, centre
        self.shard_of = {shard.nodes[centre]: number for number, shard in layout.topology.shards.items()}
        self.life: Lifecycle | None = None
        self._session: aiohttp.ClientSession | None = None
        self._calls: set[asyncio.Task] = set()
        self._turn = asyncio.Lock()  # faults reach a replica in the order in which they begin and end
        self._partitions: dict[str, int] = {}

    def attach(self, life: Lifecycle) -> None:
        self.life = life

    def hook(self, node: Node, what: str, seconds: float) -> None:
        """Pass a kill, pause, resume, restart, partition or heal of a node on to its replica."""
        if node.name not in self.shard_of:
            return
        call = asyncio.get_running_loop().create_task(self._pass_on(node, what, seconds))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _pass_on(self, node: Node, what: str, seconds: float) -> None:
        async with self._turn:
            try:
                match what:
                    case "kill" | "restart":
                        await self._control(node, "kill", {"hold_s": max(seconds, 0.0)})
                    case "pause":
                        await self._control(node, "pause", {"lease_s": max(seconds, 0.0)})
                    case "resume":
                        await self._control(node, "resume", {})
                    case "partition":
                        await self._partition(node, seconds)
                    case "heal":
                        await self._heal(node)
            except (aiohttp.ClientError, TimeoutError) as error:
                log.error("%s of %s's replica was not answered: %s", what, node.name, error)

    def has(self, node: str) -> bool:
        """Whether a replica is behind that node."""
        return node in self.shard_of

    async def status(self, node: str) -> dict:
        """How the replica stands. Raises ReplicaSilent."""
        return await self._asked(node, "GET", "status", None, TIMEOUT_S)

    async def hand_over(self, node: str, *, to: str, term: int | None, owner: str, reason: str) -> dict:
        """Have the replica hand its lead to the one in the centre `to`. Raises ReplicaRefused, ReplicaSilent."""
        body = {"to": to, "term": term, "owner": owner, "reason": reason}
        return await self._asked(node, "POST", "handover", body, HAND_OVER_TIMEOUT_S)

    async def _asked(self, node: str, method: str, path: str, body: dict | None, timeout_s: float) -> dict:
        url = f"{self._replica_url(self.shard_of[node])}/{path}"
        limit = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._client().request(method, url, json=body, timeout=limit) as response:
                answer = await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ReplicaSilent(f"{node}'s replica does not answer: {error or type(error).__name__}") from error
        if response.status != 200:
            raise ReplicaRefused(str(answer.get("error", response.status)), str(answer.get("detail", "refused")))
        return answer

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        return self._session

    def _replica_url(self, shard: int) -> str:
        return self.layout.url(self.layout.replica_ports(shard, self.centre)[1])

    async def _control(self, node: Node, action: str, body: dict) -> None:
        child = replica_name(self.shard_of[node.name], self.centre)
        url = f"{self.layout.url(self.layout.control_port)}/children/{child}/{action}"
        async with self._client().post(url, json=body) as response:
            if response.status != 200:
                log.error("%s of %s was refused by the supervisor: %s", action, child, await response.text())

    async def _partition(self, node: Node, seconds: float) -> None:
        """Cut the replica off from its peers for at most `seconds`."""
        body = {"kind": "net_partition", "params": {}, "lease_s": max(seconds, 0.1), "owner": f"centre {self.centre}"}
        async with self._client().post(f"{self._replica_url(self.shard_of[node.name])}/faults", json=body) as response:
            answer = await response.json()
            if response.status == 201:
                self._partitions[node.name] = answer["lease"]
            else:
                log.error("the partition of %s's replica was refused: %s", node.name, answer)

    async def _heal(self, node: Node) -> None:
        lease = self._partitions.pop(node.name, None)
        if lease is None:
            return
        url = f"{self._replica_url(self.shard_of[node.name])}/faults/{lease}"
        async with self._client().delete(url) as response:
            if response.status not in (200, 404):  # 404: its lease ended by itself
                log.error("the partition of %s's replica could not be ended: %s", node.name, await response.text())

    async def _answers(self, shard: int) -> bool:
        try:
            async with self._client().get(f"{self._replica_url(shard)}/status") as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def watch(self) -> None:
        """Keep the nodes' states equal to what their replicas answer, until cancelled."""
        try:
            while True:
                for name, shard in self.shard_of.items():
                    self._take(self.life.by_name[name], await self._answers(shard))
                await asyncio.sleep(EVERY_S)
        finally:
            if self._session:
                await self._session.close()

    def _take(self, node: Node, answers: bool) -> None:
        if not answers and node.process is Process.UP and not node.has("pause") and not node.has("host"):
            self.life.die(node, "its replica does not answer", stay_down=True)
        elif answers and node.process is Process.DOWN and not node.has("kill"):
            self.life.start(node, "its replica answers")
