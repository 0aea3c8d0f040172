"""The blocking client of one shard. For asyncio there is `async_client` with the same methods."""

import itertools
import json
import socket
import time
from collections.abc import Callable, Sequence
from types import TracebackType

import numpy as np

from trading_sim.protocol.frames import Frames
from trading_sim.protocol.records import COMMAND
from trading_sim.shard import wire
from trading_sim.shard.answers import ShardReply, decode_answer
from trading_sim.shard.attempts import (
    ATTEMPT_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    Attempts,
    ShardError,
    ShardRejected,
    ShardUnavailable,
)
from trading_sim.shard.outcomes import Answered, Outcome, Refused
from trading_sim.shard.sequencer import KIND_NEW

__all__ = ["ShardClient", "ShardError", "ShardRejected", "ShardReply", "ShardUnavailable"]

_RECEIVE_BYTES = 1 << 16


class _Link:
    """One connection to one replica."""

    def __init__(self, address: str, shard: int, name: str, timeout_s: float) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = Frames(wire.MAX_ANSWER_FRAME)
        self._socket.sendall(wire.hello(wire.Caller.CLIENT, shard, name))

    def ask(self, data: bytes, tag: int, until: float) -> Outcome:
        """Send a frame and wait for the answer with its tag; answers to earlier ones are passed over."""
        self._socket.settimeout(max(0.001, until - time.monotonic()))
        self._socket.sendall(data)
        while True:
            self._socket.settimeout(max(0.001, until - time.monotonic()))
            received = self._socket.recv(_RECEIVE_BYTES)
            if not received:
                raise ConnectionError("the replica closed the connection")
            for kind, body in self._reader.cut(received):
                answered, outcome = wire.read_outcome(kind, body)
                if answered == tag:
                    return outcome

    def close(self) -> None:
        self._socket.close()


class ShardClient:
    """Asks the replicas of one shard, following its leader. Not for several threads at once.

    `client_id` identifies the client for ever: (client_id, request) names a request, and request numbers rise.
    """

    def __init__(self, addresses: Sequence[str], client_id: int, timeout_s: float = 3.0, shard: int = 0) -> None:
        if not addresses:
            raise ValueError("A shard's client needs the address of at least one replica.")
        self._addresses, self._client_id, self._timeout_s, self._shard = list(addresses), client_id, timeout_s, shard
        self._preferred = self._addresses[0]
        self._links: dict[str, _Link] = {}
        self._tags = itertools.count(1)

    def submit(self, commands: np.ndarray, request: int, timeout_s: float | None = None) -> ShardReply:
        """Execute COMMAND records once. Raises ShardUnavailable, ShardRejected.

        NEW commands get their order ids from the leader; the reply tells them in `order_ids`.
        """
        records = np.ascontiguousarray(commands, dtype=COMMAND)
        data = records.tobytes()
        answer = self._until_answered(
            lambda tag: wire.submit(tag, self._client_id, request, data), f"Request {request}", timeout_s
        )
        return decode_answer(answer, records["kind"] == KIND_NEW)

    def query_account(self, account: int) -> dict:
        """The account as the leader holds it after everything acknowledged. Raises ShardUnavailable, ShardRejected."""
        return self._query(wire.Frame.QUERY_ACCOUNT, account, f"The query of account {account}")

    def query_symbol(self, symbol: int) -> dict:
        """The symbol as the leader holds it after everything acknowledged. Raises ShardUnavailable, ShardRejected."""
        return self._query(wire.Frame.QUERY_SYMBOL, symbol, f"The query of symbol {symbol}")

    def status(self, address: str) -> dict:
        """How one replica stands; raises ShardUnavailable."""
        tag = next(self._tags)
        try:
            outcome = self._link(address).ask(
                wire.query(wire.Frame.STATUS, tag), tag, time.monotonic() + ATTEMPT_TIMEOUT_S
            )
        except (OSError, wire.WireError) as error:
            self._drop(address)
            raise ShardUnavailable(f"{address} does not tell its status: {error}", False) from error
        if isinstance(outcome, Refused):
            raise ShardRejected(outcome.refusal, outcome.text)
        return json.loads(outcome.data)

    def close(self) -> None:
        """Close all connections."""
        for address in tuple(self._links):
            self._drop(address)

    def __enter__(self) -> "ShardClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _query(self, kind: wire.Frame, key: int, what: str) -> dict:
        return json.loads(self._until_answered(lambda tag: wire.query(kind, tag, key), what, None))

    def _until_answered(self, make: Callable[[int], bytes], what: str, timeout_s: float | None) -> bytes:
        timeout = self._timeout_s if timeout_s is None else timeout_s
        end = time.monotonic() + timeout
        attempts = Attempts(self._addresses, self._preferred)
        while time.monotonic() < end:
            tag, sent = next(self._tags), False
            try:
                link = self._link(attempts.target)
                sent = True
                outcome = link.ask(make(tag), tag, min(end, time.monotonic() + ATTEMPT_TIMEOUT_S))
            except (OSError, wire.WireError) as error:
                self._drop(attempts.target)
                pause = attempts.lost(str(error) or type(error).__name__, sent)
            else:
                if isinstance(outcome, Answered):
                    self._preferred = attempts.target
                    return outcome.data
                pause = attempts.refused(outcome)
            time.sleep(max(0.0, min(pause, end - time.monotonic())))
        raise attempts.unavailable(what, timeout)

    def _link(self, address: str) -> _Link:
        link = self._links.get(address)
        if link is None:
            link = self._links[address] = _Link(address, self._shard, f"client-{self._client_id}", CONNECT_TIMEOUT_S)
        return link

    def _drop(self, address: str) -> None:
        link = self._links.pop(address, None)
        if link is not None:
            link.close()
