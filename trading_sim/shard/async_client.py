"""The asyncio client of one shard: the methods of `client.ShardClient`, any number of requests at the same time."""

import asyncio
import itertools
import json
from collections.abc import Callable, Sequence

import numpy as np

from trading_sim.protocol.frames import Frames
from trading_sim.protocol.records import COMMAND
from trading_sim.shard import wire
from trading_sim.shard.answers import ShardReply, decode_answer
from trading_sim.shard.attempts import (
    ATTEMPT_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    Attempts,
    ShardRejected,
    ShardUnavailable,
)
from trading_sim.shard.outcomes import Answered, Outcome, Refused
from trading_sim.shard.sequencer import KIND_NEW


class _Link(asyncio.Protocol):
    """One connection to one replica; answers find their askers by tag."""

    def __init__(self, greeting: bytes) -> None:
        self._greeting = greeting
        self._reader = Frames(wire.MAX_ANSWER_FRAME)
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, asyncio.Future[Outcome]] = {}
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._transport.write(self._greeting)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionError("the replica closed the connection"))

    def data_received(self, data: bytes) -> None:
        try:
            for kind, body in self._reader.cut(data):
                tag, outcome = wire.read_outcome(kind, body)
                future = self._waiting.pop(tag, None)
                if future is not None and not future.done():
                    future.set_result(outcome)
        except wire.WireError as error:
            self._end(error)
            self.close()

    def _end(self, error: Exception) -> None:
        self.closed = True
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(error)

    async def ask(self, data: bytes, tag: int, timeout_s: float) -> Outcome:
        """Send a frame and wait for the answer with its tag. Raises TimeoutError, OSError, WireError."""
        if self._transport is None or self.closed:
            raise ConnectionError("the connection is closed")
        future = self._waiting[tag] = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        finally:
            self._waiting.pop(tag, None)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class AsyncShardClient:
    """See `client.ShardClient`. Belongs to the event loop that uses it first."""

    def __init__(self, addresses: Sequence[str], client_id: int, timeout_s: float = 3.0, shard: int = 0) -> None:
        if not addresses:
            raise ValueError("A shard's client needs the address of at least one replica.")
        self._addresses, self._client_id, self._timeout_s, self._shard = list(addresses), client_id, timeout_s, shard
        self._preferred = self._addresses[0]
        self._links: dict[str, _Link] = {}
        self._tags = itertools.count(1)

    @property
    def preferred(self) -> str:
        """The address that answered last: the leader's, as far as this client knows."""
        return self._preferred

    async def submit(self, commands: np.ndarray, request: int, timeout_s: float | None = None) -> ShardReply:
        """Execute COMMAND records once. Raises ShardUnavailable, ShardRejected."""
        records = np.ascontiguousarray(commands, dtype=COMMAND)
        data = records.tobytes()
        answer = await self._until_answered(
            lambda tag: wire.submit(tag, self._client_id, request, data), f"Request {request}", timeout_s
        )
        return decode_answer(answer, records["kind"] == KIND_NEW)

    async def query_account(self, account: int) -> dict:
        """The account as the leader holds it. Raises ShardUnavailable, ShardRejected."""
        return await self._query(wire.Frame.QUERY_ACCOUNT, account, f"The query of account {account}")

    async def query_symbol(self, symbol: int) -> dict:
        """The symbol as the leader holds it. Raises ShardUnavailable, ShardRejected."""
        return await self._query(wire.Frame.QUERY_SYMBOL, symbol, f"The query of symbol {symbol}")

    async def status(self, address: str) -> dict:
        """How one replica stands; raises ShardUnavailable."""
        tag = next(self._tags)
        try:
            link = await self._link(address)
            outcome = await link.ask(wire.query(wire.Frame.STATUS, tag), tag, ATTEMPT_TIMEOUT_S)
        except (OSError, wire.WireError) as error:
            raise ShardUnavailable(f"{address} does not tell its status: {error or 'no answer'}", False) from error
        if isinstance(outcome, Refused):
            raise ShardRejected(outcome.refusal, outcome.text)
        return json.loads(outcome.data)

    async def close(self) -> None:
        """Close all connections."""
        links, self._links = self._links, {}
        for link in links.values():
            link.close()

    async def _query(self, kind: wire.Frame, key: int, what: str) -> dict:
        return json.loads(await self._until_answered(lambda tag: wire.query(kind, tag, key), what, None))

    async def _until_answered(self, make: Callable[[int], bytes], what: str, timeout_s: float | None) -> bytes:
        loop = asyncio.get_running_loop()
        timeout = self._timeout_s if timeout_s is None else timeout_s
        end = loop.time() + timeout
        attempts = Attempts(self._addresses, self._preferred)
        while (left := end - loop.time()) > 0:
            tag, sent = next(self._tags), False
            try:
                link = await self._link(attempts.target)
                sent = True
                outcome = await link.ask(make(tag), tag, min(left, ATTEMPT_TIMEOUT_S))
            except (OSError, wire.WireError) as error:
                pause = attempts.lost(str(error) or "no answer in time", sent)
            else:
                if isinstance(outcome, Answered):
                    self._preferred = attempts.target
                    return outcome.data
                pause = attempts.refused(outcome)
            await asyncio.sleep(max(0.0, min(pause, end - loop.time())))
        raise attempts.unavailable(what, timeout)

    async def _link(self, address: str) -> _Link:
        link = self._links.get(address)
        if link is not None and not link.closed:
            return link
        host, _, port = address.rpartition(":")
        greeting = wire.hello(wire.Caller.CLIENT, self._shard, f"client-{self._client_id}")
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, link = await asyncio.get_running_loop().create_connection(lambda: _Link(greeting), host, int(port))
        known = self._links.get(address)
        if known is not None and not known.closed:  # another request connected meanwhile
            link.close()
            return known
        self._links[address] = link
        return link
