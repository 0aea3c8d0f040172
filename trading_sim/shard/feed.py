"""Follow what a shard executes: from its replicas while it runs, or from a journal on disk.

async for fed in follow(["127.0.0.1:47820", "127.0.0.1:47821"], shard=0):
    ...  # every committed entry once, in order, without gaps, over failovers and reconnections
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing

from trading_sim.protocol.frames import Frames
from trading_sim.shard import wire
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.feed_wire import Fed, fed_of, feed, read_fed
from trading_sim.shard.journal import read_entries
from trading_sim.shard.machine_factory import ShardMachineFactory
from trading_sim.shard.outcomes import Refusal, Refused
from trading_sim.shard.snapshots import load_newest_snapshot
from trading_sim.shard.state import ReplicatedState
from trading_sim.sim.real import RealFiles

__all__ = ["Fed", "FeedGone", "follow", "read_feed"]

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 1.0
SILENCE_S = 2.0
RETRY_FIRST_S, RETRY_LAST_S = 0.05, 0.5
_RECEIVE_BYTES = 1 << 18


class FeedGone(Exception):
    """No replica that can be reached keeps entry `wanted` in memory any more; `oldest` is the first that one of them keeps.
    Read the state by queries (or the journal with `read_feed`) and follow from there."""

    def __init__(self, wanted: int, oldest: int) -> None:
        super().__init__(f"Entry {wanted} is kept by no replica any more; the oldest that one keeps is {oldest}.")
        self.wanted, self.oldest = wanted, oldest


class _Gone(Exception):
    """One replica keeps the wanted entry no longer."""

    def __init__(self, oldest: int) -> None:
        super().__init__(oldest)
        self.oldest = oldest


async def follow(
    addresses: Sequence[str], shard: int, from_index: int = 0, *, name: str = "follower", heartbeats: bool = False
) -> AsyncIterator[Fed]:
    """Every committed entry from `from_index` on (0 = from now on), in order and without gaps, for ever.

    Asks the replicas in the order of `addresses`, the next one whenever one is lost or silent, and goes on where it was; follow a
    follower first to spare the leader. With `heartbeats` also what an idle shard says twice a second (no records, an index told before).
    Raises FeedGone when every replica that answers has forgotten the next entry.
    """
    if not addresses:
        raise ValueError("A feed needs the address of at least one replica.")
    wanted, wait, turn = from_index, RETRY_FIRST_S, 0
    gone: dict[str, int] = {}
    while True:
        address = addresses[turn % len(addresses)]
        try:
            async with aclosing(_stream(address, shard, wanted, name)) as stream:
                async for fed in stream:
                    wait = RETRY_FIRST_S
                    gone.clear()
                    if fed.index == wanted and wanted:
                        wanted += 1
                        yield fed
                    else:
                        wanted = wanted or fed.index + 1  # the first heartbeat says where "now" is
                        if heartbeats:
                            yield fed
        except _Gone as error:
            gone[address] = error.oldest
        except (OSError, TimeoutError, wire.WireError) as error:
            log.info("the feed of shard %d from %s ends at entry %d: %s", shard, address, wanted, error or "silence")
        turn += 1
        if turn % len(addresses) == 0:
            if gone:
                raise FeedGone(wanted, min(gone.values()))
            await asyncio.sleep(wait)
            wait = min(2 * wait, RETRY_LAST_S)


async def _stream(address: str, shard: int, wanted: int, name: str) -> AsyncGenerator[Fed, None]:
    """What one replica tells; ends with OSError, TimeoutError, WireError or _Gone."""
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        reader, writer = await asyncio.open_connection(host, int(port), limit=_RECEIVE_BYTES)
    try:
        writer.write(wire.hello(wire.Caller.CLIENT, shard, name) + feed(1, wanted))
        frames = Frames(wire.MAX_ANSWER_FRAME)
        while True:
            async with asyncio.timeout(SILENCE_S):
                data = await reader.read(_RECEIVE_BYTES)
            if not data:
                raise ConnectionError("the replica closed the connection")
            for kind, body in frames.cut(data):
                if kind != wire.Frame.FED:
                    _raise_refusal(kind, body)
                fed = read_fed(body)
                if wanted and fed.index > wanted:
                    raise wire.WireError(f"Entry {fed.index} came where entry {wanted} was due.")
                wanted = wanted or fed.index + 1
                wanted += fed.index == wanted
                yield fed
    finally:
        writer.close()


def _raise_refusal(kind: int, body: bytes) -> None:
    _, outcome = wire.read_outcome(kind, body)
    if isinstance(outcome, Refused) and outcome.refusal is Refusal.GONE:
        found = re.search(r"the oldest is (\d+)", outcome.text)
        raise _Gone(int(found.group(1)) if found else 0)
    raise wire.WireError(f"The replica does not feed: {outcome}")


def read_feed(shard_config: ShardConfig, directory: str, until: int | None = None) -> Iterator[Fed]:
    """The feed that a replica's directory gives when its entries are executed again, from the oldest that can be.

    `until`: the last index wanted; the last entries of a single journal may not be committed, so give it what a majority holds. Starts
    from the first entry when the journal reaches back to it, else from the newest snapshot. Raises JournalError for a corrupt middle.
    """
    files, state = RealFiles(), ReplicatedState(ShardMachineFactory(shard_config))
    snapshot, _ = load_newest_snapshot(files, directory)
    entries = read_entries(files, f"{directory}/journal", snapshot.index if snapshot else 0)
    for entry in entries:
        if state.index == 0 and entry.index > 1:
            if snapshot is None:
                raise ValueError(f"{directory} begins at entry {entry.index} and holds no snapshot before it.")
            state.restore(snapshot)
        if entry.index <= state.index:
            continue
        if until is not None and entry.index > until:
            return
        yield fed_of(entry, state.apply(entry).result)
