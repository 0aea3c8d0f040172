"""The agent of a matching node hands its shard's lead over once per key, under the newest epoch, and frees the key when nothing was done."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from trading_sim.nodes.centre import Centre
from trading_sim.nodes.journal import StaleEpoch
from trading_sim.nodes.leading import ReplicaRefused, ReplicaSilent
from trading_sim.nodes.requests import BadRequest, Identity
from trading_sim.protocol import topology_file

TOPOLOGY = topology_file.load(scale=0.05)
NODE = "matching-sza-001"


class Replica:
    """A replica whose answer a test sets: an exception to raise, or what it handed over."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Exception | dict[str, Any] = {"replica": "SZ-A", "seconds": 0.01}
        self.gate: asyncio.Event | None = None

    def has(self, node: str) -> bool:
        return node.startswith("matching")

    async def status(self, node: str) -> dict[str, Any]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"role": "leader"}

    async def hand_over(self, node: str, **asked: Any) -> dict[str, Any]:
        self.asked.append({"node": node, **asked})
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def replica() -> Replica:
    return Replica()


@pytest.fixture
def centre(tmp_path: Path, replica: Replica) -> Centre:
    return Centre(TOPOLOGY, "SZ-A", tmp_path, {}, replicas=replica)


def hand_over(centre: Centre, key: str = "RUN-1/a", epoch: int = 5, node: str = NODE) -> dict[str, Any]:
    asked = centre.leading.hand_over(
        centre.life.by_name[node], Identity(key, epoch), to="SZ-B", term=3, reason="maintenance"
    )
    return asyncio.run(asked)


def test_a_key_is_carried_out_once(centre: Centre, replica: Replica) -> None:
    first = hand_over(centre)
    assert (first["replayed"], first["seconds"]) == (False, 0.01)
    assert hand_over(centre) == {**first, "replayed": True}
    assert replica.asked == [{"node": NODE, "to": "SZ-B", "term": 3, "owner": "RUN-1/a", "reason": "maintenance"}]
    with pytest.raises(StaleEpoch):
        hand_over(centre, key="RUN-0/a", epoch=4)


@pytest.mark.parametrize(
    ("answer", "code", "status"),
    [
        (ReplicaRefused("refused", "SZ-B is behind"), "refused", 409),
        (ReplicaSilent("no answer"), "replica_silent", 503),
    ],
)
def test_a_refusal_or_silence_frees_the_key(
    centre: Centre, replica: Replica, answer: Exception, code: str, status: int
) -> None:
    replica.answer = answer
    with pytest.raises(BadRequest) as caught:
        hand_over(centre)
    assert (caught.value.body["error"], caught.value.status) == (code, status)
    replica.answer = {"replica": "SZ-A", "seconds": 0.02}
    assert not hand_over(centre)["replayed"]
    assert len(replica.asked) == 2


def test_two_requests_of_one_key_do_not_overlap(centre: Centre, replica: Replica) -> None:
    node, who = centre.life.by_name[NODE], Identity("RUN-1/a", 5)

    async def both() -> tuple[Any, Any]:
        replica.gate = asyncio.Event()
        first = asyncio.create_task(centre.leading.hand_over(node, who, to="SZ-B", term=3, reason="r"))
        await asyncio.sleep(0)
        with pytest.raises(BadRequest, match="handing over under this key"):
            await centre.leading.hand_over(node, who, to="SZ-B", term=3, reason="r")
        replica.gate.set()
        return await first, len(replica.asked)

    answer, asked = asyncio.run(both())
    assert (answer["replayed"], asked) == (False, 1)


def test_one_that_a_killed_centre_had_begun_is_asked_for_anew(centre: Centre, replica: Replica, tmp_path: Path) -> None:
    node = centre.life.by_name[NODE]
    node.journal.begin("RUN-1/a", "handover", 5, 1.0, {"to": "SZ-B", "term": 3})
    again = Centre(TOPOLOGY, "SZ-A", tmp_path, {}, replicas=replica)
    assert not again.life.by_name[NODE].journal.unfinished()
    assert not hand_over(again)["replayed"]
    with pytest.raises(StaleEpoch):
        hand_over(again, key="RUN-0/a", epoch=4)


def test_a_node_without_a_replica_has_no_lead(centre: Centre, replica: Replica) -> None:
    with pytest.raises(BadRequest, match="runs no replica"):
        hand_over(centre, node="session-sza-001")
    assert asyncio.run(centre.leading.status(centre.life.by_name[NODE])) == {
        "node": NODE,
        "replica": {"role": "leader"},
    }
    replica.answer = ReplicaSilent("no answer")
    with pytest.raises(BadRequest, match="no answer"):
        asyncio.run(centre.leading.status(centre.life.by_name[NODE]))
