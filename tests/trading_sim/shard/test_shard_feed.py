"""The feed: every committed entry once, in order, from any replica; who is too slow or comes too late is told so."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.polling import let_others_run
from tests.trading_sim.shard.shard_processes import NAMES, ShardProcesses
from trading_sim.protocol.frames import Frames
from trading_sim.protocol.records import COMMAND
from trading_sim.shard import feed_hub, feed_wire, wire
from trading_sim.shard.answers import ShardReply
from trading_sim.shard.client import ShardClient
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.entries import NOOP, Entry, make_entry
from trading_sim.shard.feed import Fed, FeedGone, follow, read_feed
from trading_sim.shard.feed_hub import FeedHub
from trading_sim.shard.hardstate import HardState
from trading_sim.shard.machine_factory import ShardMachineFactory
from trading_sim.shard.sequencer import Sequencer
from trading_sim.shard.state import Applied, ReplicatedState
from trading_sim.shard.storage import Append, Storage
from trading_sim.shard.warm import ACCOUNTS, SYMBOL, commands, trading_day
from trading_sim.sim.real import RealFiles
from trading_sim.sim.tally import TallyFactory


class Follower:
    """A connection that takes bytes until `room` is used up."""

    def __init__(self, room: int = 1 << 40) -> None:
        self.room, self.reason = room, ""
        self._reader = Frames(wire.MAX_ANSWER_FRAME)
        self.frames: list[tuple[int, bytes]] = []

    @property
    def full(self) -> bool:
        return self.room <= 0

    def write(self, data: bytes) -> None:
        self.room -= len(data)
        self.frames += self._reader.cut(data)

    def cut(self, reason: str) -> None:
        self.reason = reason

    def entries(self) -> list[int]:
        """Indices told, without the heartbeats."""
        told: list[int] = []
        for fed in (feed_wire.read_fed(body) for kind, body in self.frames if kind == wire.Frame.FED):
            if fed.now_ns != CLOCK:
                told.append(fed.index)
        return told


CLOCK = 1 << 60


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a coroutine as a test."""

    @functools.wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def noop(index: int) -> Entry:
    return make_entry(term=3, index=index, kind=NOOP, now_ns=index, next_seq=1, next_order_id=1)


def batch(index: int, count: int = 1) -> Entry:
    records = np.zeros(count, COMMAND)
    records["price"], records["kind"], records["qty"] = index * 1_000 + np.arange(count), 1, 1
    sequencer = Sequencer(1 + (index - 1) * count, 1 + (index - 1) * count, 0)
    return sequencer.batch(
        term=3, index=index, wall_ns=index, client_id=5, request=index, commands=records.tobytes()
    )  # fmt: skip


def filled_hub(loop: asyncio.AbstractEventLoop, entries: int, count: int = 1) -> FeedHub:
    hub, state = FeedHub(loop, lambda: CLOCK), ReplicatedState(TallyFactory())
    for index in range(1, entries + 1):
        entry = batch(index, count)
        hub.publish(entry, state.apply(entry))
    return hub


def test_a_frame_tells_what_the_entry_caused() -> None:
    entry = batch(1, 3)
    result = ReplicatedState(TallyFactory()).apply(entry).result
    told = feed_wire.read_fed(feed_wire.fed_frame(9, feed_wire.fed_parts(feed_wire.fed_of(entry, result)))[5:])
    assert (told.index, told.term, told.now_ns, told.client_id, told.request) == (1, 3, 1, 5, 1)
    assert told.commands.tobytes() == entry.commands
    assert told.events.tobytes() == result.events.tobytes()
    assert len(told.parties) == len(told.events) == 3
    with pytest.raises(wire.WireError, match="wrong length"):
        feed_wire.read_fed(feed_wire.fed_parts(feed_wire.fed_of(entry, result)) + bytes(9))


@in_loop
async def test_a_follower_is_told_what_was_and_what_comes() -> None:
    loop = asyncio.get_running_loop()
    hub = filled_hub(loop, 20)
    late, now = Follower(), Follower()
    hub.follow(late, 1, 5)
    hub.follow(now, 1, 0)
    hub.publish(noop(21), Applied(None, None))
    await let_others_run()
    assert late.entries() == list(range(5, 22))
    assert now.entries() == [21]


@in_loop
async def test_an_entry_that_is_no_longer_kept_is_refused_with_the_oldest() -> None:
    hub = filled_hub(asyncio.get_running_loop(), 3)
    hub.begin_at(50, 4)
    hub.publish(noop(51), Applied(None, None))
    caller = Follower()
    assert hub.follow(caller, 7, 3) is None
    ((kind, body),) = caller.frames
    tag, outcome = wire.read_outcome(kind, body)
    assert (tag, outcome.text) == (7, "Entry 3 is no longer kept in memory: the oldest is 51.")


@in_loop
async def test_a_follower_ahead_of_this_replica_waits_for_its_entry() -> None:
    hub = filled_hub(asyncio.get_running_loop(), 3)
    caller = Follower()
    hub.follow(caller, 1, 5)
    for index in (4, 5):
        hub.publish(noop(index), Applied(None, None))
    await let_others_run()
    assert caller.entries() == [5]


@in_loop
async def test_a_slow_follower_is_cut_off_and_the_ring_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_hub, "RING_BYTES", 40_000)
    monkeypatch.setattr(feed_hub, "UNSENT_BYTES", 20_000)
    loop = asyncio.get_running_loop()
    hub, state = FeedHub(loop, lambda: CLOCK), ReplicatedState(TallyFactory())
    slow, quick = Follower(room=3_000), Follower()
    hub.follow(slow, 1, 0)
    hub.follow(quick, 1, 0)
    for index in range(1, 201):
        entry = batch(index, 4)
        hub.publish(entry, state.apply(entry))
        await let_others_run()
    assert "Too slow" in slow.reason
    assert quick.entries() == list(range(1, 201))
    assert hub.followers == 1
    assert hub.oldest > 1


@in_loop
async def test_a_follower_whose_connection_takes_bytes_again_misses_nothing() -> None:
    hub = filled_hub(asyncio.get_running_loop(), 50)
    caller = Follower(room=2_000)
    following = hub.follow(caller, 1, 1)
    assert following is not None
    hub.publish(noop(51), Applied(None, None))
    caller.room = 1 << 40
    hub.pump(following)
    assert caller.entries() == list(range(1, 52))


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[ShardProcesses]:
    processes = ShardProcesses(tmp_path)
    try:
        processes.start_all()
        yield processes
    finally:
        processes.stop()


async def take(addresses: list[str], from_index: int, until: int) -> list[Fed]:
    told = []
    async with asyncio.timeout(20), aclosing(follow(addresses, 0, from_index)) as stream:
        async for fed in stream:
            told.append(fed)
            if fed.index >= until:
                break
    return told


def submit(client: ShardClient, request: int) -> ShardReply:
    records = np.zeros(3, COMMAND)
    records["kind"], records["qty"], records["price"] = 1, 100, request * 10 + np.arange(3)
    return client.submit(records, request)


def test_every_replica_tells_the_same_and_a_killed_one_leaves_no_gap(shard: ShardProcesses) -> None:
    with ShardClient(list(shard.addresses.values()), 7, timeout_s=10.0) as client:
        replies = [submit(client, request) for request in range(1, 21)]
        last = replies[-1].index
        told = {name: asyncio.run(take([shard.addresses[name]], 1, last)) for name in NAMES}
        for feds in told.values():
            assert [fed.index for fed in feds] == list(range(1, last + 1))
            assert [fed.request for fed in feds if fed.client_id == 7] == list(range(1, 21))
            assert b"".join(f.events.tobytes() for f in feds) == b"".join(r.events.tobytes() for r in replies)
        followed = next(name for name in NAMES if name != shard.leader())
        order = [shard.addresses[followed], *(a for name, a in shard.addresses.items() if name != followed)]

        async def over_a_kill() -> list[int]:
            reading = asyncio.create_task(take(order, 1, last + 5))
            await let_others_run()
            await asyncio.to_thread(shard.kill, followed)
            for request in range(21, 31):
                await asyncio.to_thread(submit, client, request)
            return [fed.index for fed in await reading]

        assert asyncio.run(over_a_kill()) == list(range(1, last + 6))


def test_a_journal_on_disk_gives_the_same_feed(tmp_path: Path) -> None:
    config = ShardConfig(shard=0, symbols=[SYMBOL], accounts=ACCOUNTS, max_order_id=1000, max_live=1000, engine="twin")
    day = commands(trading_day())
    storage, _ = Storage.open(RealFiles(), str(tmp_path))
    sequencer, state, expected = Sequencer(1, 1, 0), ReplicatedState(ShardMachineFactory(config)), []
    for index in range(1, len(day) + 1):
        raw = day[index - 1 : index].tobytes()
        entry = sequencer.batch(term=1, index=index, wall_ns=index, client_id=2, request=index, commands=raw)
        storage.save(HardState(1, "a"), [Append((entry,))])
        expected.append(state.apply(entry).result)
    storage.close()
    feds = list(read_feed(config, str(tmp_path)))
    assert [fed.events.tobytes() for fed in feds] == [result.events.tobytes() for result in expected]
    assert len(list(read_feed(config, str(tmp_path), until=4))) == 4


@in_loop
async def test_who_asks_for_a_forgotten_entry_learns_the_oldest() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1 << 10)
        hub = FeedHub(asyncio.get_running_loop(), lambda: CLOCK)
        hub.begin_at(100, 1)
        caller = Follower()
        hub.follow(caller, 1, 4)
        writer.write(b"".join(wire.frame(wire.Frame(kind), body) for kind, body in caller.frames))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    with pytest.raises(FeedGone) as caught:
        await anext(aiter(follow([f"{host}:{port}"], 0, 4)))
    assert (caught.value.wanted, caught.value.oldest) == (4, 101)
    server.close()
