"""The nodes that are real processes: a node of the matching service is the replica of one shard in its centre.

Faults and restarts of such a node reach the replica through the supervisor, and its state is what the replica answers.
"""

from __future__ import annotations

import asyncio
import logging

import aiohttp

from trading_sim.cluster.layout import Layout
from trading_sim.cluster.programs import replica_name
from trading_sim.nodes.lifecycle import Lifecycle
from trading_sim.nodes.node import Node, Process

log = logging.getLogger(__name__)
TIMEOUT_S = 1.0
EVERY_S = 1.0


class ReplicaNodes:
    """Give `hook` to the centre's life cycle, then `attach` it and run `watch` as a task."""

    def __init__(self, layout: Layout, centre: str):
        self.layout, self.centre = layout, centre
        self.shard_of = {shard.nodes[centre]: number for number, shard in layout.topology.shards.items()}
        self.life: Lifecycle | None = None
        self._session: aiohttp.ClientSession | None = None
        self._calls: set[asyncio.Task] = set()

    def attach(self, life: Lifecycle) -> None:
        self.life = life

    def hook(self, node: Node, what: str, seconds: float) -> None:
        """Pass a kill, pause, resume or restart of a node on to its replica."""
        if node.name not in self.shard_of:
            return
        action, body = {
            "kill": ("kill", {"hold_s": seconds}),
            "pause": ("pause", {"lease_s": seconds}),
            "resume": ("resume", {}),
            "restart": ("kill", {"hold_s": 0}),
        }[what]
        call = asyncio.get_running_loop().create_task(self._control(node, action, body))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        return self._session

    async def _control(self, node: Node, action: str, body: dict) -> None:
        child = replica_name(self.shard_of[node.name], self.centre)
        url = f"{self.layout.url(self.layout.control_port)}/children/{child}/{action}"
        try:
            async with self._client().post(url, json=body) as response:
                if response.status != 200:
                    log.error("%s of %s was refused by the supervisor: %s", action, child, await response.text())
        except (aiohttp.ClientError, TimeoutError) as error:
            log.error("%s of %s did not reach the supervisor: %s", action, child, error)

    async def _answers(self, shard: int) -> bool:
        url = f"{self.layout.url(self.layout.replica_ports(shard, self.centre)[1])}/status"
        try:
            async with self._client().get(url) as response:
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
