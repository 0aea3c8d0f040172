"""The bookkeeping that makes loss and duplicates measurable, and lets a killed load process go on.

For every account of every shard: how many NEW orders were sent (`invoked`), how many the shard certainly saw (`known`), and where the shard's own count stood when the book began (`baseline`). The shard's count of an account must lie between
baseline + known and baseline + invoked; less is a lost order, more a duplicate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trading_sim.load.history import (
    SEGMENT_BYTES,
    SEGMENTS_KEPT,
    History,
    HistoryError,
    orders_to_rows,
    read_records,
    rows_to_orders,
    segment_paths,
)
from trading_sim.protocol.flow import Outcome

NEW = 1
FAILED = int(Outcome.FAILED)


@dataclass(frozen=True)
class Operation:
    """One request on its way: COMMAND records per chain, all of one shard."""

    op: int
    client: int
    request: int
    shard: int
    orders: dict[str, np.ndarray]

    def count(self) -> int:
        """Number of commands."""
        return sum(len(records) for records in self.orders.values())


class BookState:
    """What the history's files say: counts per shard and account, open operations, the next numbers."""

    def __init__(self, shards: int, accounts: int) -> None:
        self.invoked = np.zeros((shards, accounts + 1), dtype=np.int64)
        self.known = np.zeros_like(self.invoked)
        self.baseline = np.full_like(self.invoked, -1)
        self.pending: dict[int, Operation] = {}
        self.next_op = 1
        self.next_request: dict[int, int] = {}
        self.lost = 0
        self.duplicates = 0
        self.base_client = 0

    def _note_invoke(self, operation: Operation) -> None:
        self.next_op = operation.op + 1
        self.next_request[operation.client] = operation.request + 1
        self.pending[operation.op] = operation
        for records in operation.orders.values():
            np.add.at(self.invoked[operation.shard], records["account"][records["kind"] == NEW], 1)

    def _note_ok(self, operation: Operation, outcomes: Mapping[str, list[int]]) -> None:
        for chain, records in operation.orders.items():
            new = records["kind"] == NEW
            failed = np.array(outcomes[chain]) == FAILED
            np.add.at(self.known[operation.shard], records["account"][new & ~failed], 1)
            np.add.at(self.invoked[operation.shard], records["account"][new & failed], -1)
        self.pending.pop(operation.op, None)

    def _note_fail(self, operation: Operation) -> None:
        for records in operation.orders.values():
            np.add.at(self.invoked[operation.shard], records["account"][records["kind"] == NEW], -1)
        self.pending.pop(operation.op, None)

    def _state(self) -> dict[str, Any]:
        return {
            "base_client": self.base_client,
            "next_op": self.next_op,
            "next_request": [[client, number] for client, number in self.next_request.items()],
            "invoked": self.invoked.tolist(),
            "known": self.known.tolist(),
            "baseline": self.baseline.tolist(),
            "lost": self.lost,
            "duplicates": self.duplicates,
            "pending": [
                {"op": one.op, "key": [one.client, one.request, one.shard], "value": orders_to_rows(one.orders)}
                for one in self.pending.values()
            ],
        }

    def read(self, paths: list[Path]) -> None:
        """Take up the newest checkpoint and what followed it. A newest file that ends within its checkpoint does not count."""
        while paths and b"\n" not in paths[-1].read_bytes():
            paths = paths[:-1]
        for record in read_records(paths[-1:]):
            try:
                self._take(record)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise HistoryError(
                    f"{paths[-1].name} does not fit this cluster ({error!r}): move the history away"
                ) from error

    def _take(self, record: dict[str, Any]) -> None:
        kind = record["type"]
        if kind == "checkpoint":
            self._take_checkpoint(record["state"])
        elif kind == "invoke":
            self._note_invoke(_operation(record))
        elif kind == "ok":
            self._note_ok(self.pending[record["op"]], record["value"]["outcomes"])
        elif kind == "fail":
            self._note_fail(self.pending[record["op"]])

    def _take_checkpoint(self, state: dict[str, Any]) -> None:
        for name in ("invoked", "known", "baseline"):
            saved = np.array(state[name], dtype=np.int64)
            if saved.shape != self.invoked.shape:
                raise ValueError(f"{name} has the shape {saved.shape}, the cluster {self.invoked.shape}")
            setattr(self, name, saved)
        self.base_client, self.next_op = state["base_client"], state["next_op"]
        self.next_request = dict(state["next_request"])
        self.lost, self.duplicates = state["lost"], state["duplicates"]
        self.pending = {row["op"]: _operation(row) for row in state["pending"]}


class ClientBook(BookState):
    """The book of a running load process. `new_client` gives the client number of a new book (its lower 16 bits 0)."""

    def __init__(
        self,
        directory: Path,
        shards: int,
        accounts: int,
        clock: Callable[[], float],
        new_client: Callable[[], int],
        segment_bytes: int = SEGMENT_BYTES,
        segments_kept: int = SEGMENTS_KEPT,
    ) -> None:
        super().__init__(shards, accounts)
        self.read(segment_paths(directory))
        if not self.base_client:
            self.base_client = new_client()
        self._history = History(directory, clock, self._state, segment_bytes, segments_kept)

    def invoke(self, client: int, shard: int, orders: dict[str, np.ndarray]) -> Operation:
        """Give the request its number and write it down, before it is sent."""
        request = self.next_request.get(client, 1)
        operation = Operation(self.next_op, client, request, shard, orders)
        self._history.write(
            {
                "type": "invoke",
                "op": operation.op,
                "key": [client, request, shard],
                "value": orders_to_rows(orders),
            }
        )
        self._note_invoke(operation)
        return operation

    def unknown(self, operation: Operation, why: str) -> None:
        """An attempt got no answer, or one that leaves something open."""
        self._history.write({"type": "unknown", "op": operation.op, "value": why})

    def ok(self, operation: Operation, ids: Mapping[str, np.ndarray], outcomes: Mapping[str, np.ndarray]) -> None:
        """Every order's fate is known."""
        value = {
            "ids": {chain: array.tolist() for chain, array in ids.items()},
            "outcomes": {chain: array.tolist() for chain, array in outcomes.items()},
        }
        self._history.write({"type": "ok", "op": operation.op, "value": value})
        self._note_ok(operation, value["outcomes"])

    def fail(self, operation: Operation, why: str) -> None:
        """Refused as a whole and certainly never executed."""
        self._history.write({"type": "fail", "op": operation.op, "value": why})
        self._note_fail(operation)

    def set_baseline(self, shard: int, account: int, total: int) -> None:
        """Where the shard's count stands, before the first order of this book."""
        self.baseline[shard, account] = total

    def checkpoint(self) -> None:
        """Write the whole state, so that a baseline or a finding survives a kill."""
        self._history.write({"type": "checkpoint", "state": self._state()})

    def close(self) -> None:
        """Close the history's file."""
        self._history.close()


def read_book(paths: list[Path], shards: int, accounts: int) -> BookState:
    """The state that these history files end with. Raises HistoryError."""
    book = BookState(shards, accounts)
    book.read(paths)
    return book


def _operation(row: Mapping[str, Any]) -> Operation:
    client, request, shard = row["key"]
    return Operation(row["op"], client, request, shard, rows_to_orders(row["value"]))
