"""The customers' own record of what they asked and what they were told: append-only files, bounded, readable after any crash.

One JSON object a line:

    {"type": "invoke", "op", "key": [client, request, shard], "value": {chain: [[kind, account, symbol, side, type, tif, price,
     qty, order id of the target], …]}, "t"}                      written before the request leaves
    {"type": "unknown", "op", "value": why, "t"}                  an attempt without an answer; it will be asked again
    {"type": "ok", "op", "value": {"ids": {chain: [order id]}, "outcomes": {chain: [code]}}, "t"}
    {"type": "fail", "op", "value": why, "t"}                     refused as a whole, certainly not executed
    {"type": "checkpoint", "state", "t"}                          first line of every file: all that is needed without older files

`t` is the monotonic clock of the process in seconds. A file that reached its size is closed; only the newest files are kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from trading_sim.protocol.records import COMMAND

SEGMENT_BYTES = 8 << 20
SEGMENTS_KEPT = 16
FIELDS = ("kind", "account", "symbol", "side", "type", "tif", "price", "qty", "order_id")


class HistoryError(ValueError):
    """A history file holds something that this program did not write."""


def orders_to_rows(orders: dict[str, np.ndarray]) -> dict[str, list[list[int]]]:
    """COMMAND records per chain as plain lists in the order of FIELDS."""
    return {
        chain: [list(row) for row in zip(*(records[name].tolist() for name in FIELDS), strict=True)]
        for chain, records in orders.items()
    }


def rows_to_orders(rows: dict[str, list[list[int]]]) -> dict[str, np.ndarray]:
    """The COMMAND records that `orders_to_rows` was given (seq 0)."""
    orders = {}
    for chain, listed in rows.items():
        records = np.zeros(len(listed), dtype=COMMAND)
        for name, values in zip(FIELDS, zip(*listed, strict=True), strict=True):
            records[name] = values
        orders[chain] = records
    return orders


def segment_paths(directory: Path) -> list[Path]:
    """The history's files, oldest first."""
    return sorted(directory.glob("history-*.jsonl"))


def read_records(paths: list[Path]) -> Iterator[dict[str, Any]]:
    """Records of these files in order; a last line that a crash cut off is left out.

    Raises HistoryError for any other line that is not a record.
    """
    for path in paths:
        lines = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], 1):
            try:
                record = json.loads(line)
                record["type"], record["t"]
            except (ValueError, KeyError, TypeError) as error:
                raise HistoryError(f"{path.name}, line {number} is not a record of the history: {error}") from error
            yield record


class History:
    """Writes records. `checkpoint` gives the state that a new file starts with; `clock` the monotonic time in seconds."""

    def __init__(
        self,
        directory: Path,
        clock: Callable[[], float],
        checkpoint: Callable[[], dict[str, Any]],
        segment_bytes: int = SEGMENT_BYTES,
        segments_kept: int = SEGMENTS_KEPT,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._checkpoint = checkpoint
        self._segment_bytes = segment_bytes
        self._segments_kept = segments_kept
        directory.mkdir(parents=True, exist_ok=True)
        self._file = -1
        self._size = 0
        self._start_segment()

    def write(self, record: dict[str, Any]) -> None:
        """Append one record; it is in the kernel's hands when this returns. Raises OSError (a full disk)."""
        if self._size >= self._segment_bytes:
            self._start_segment()
        line = json.dumps({**record, "t": round(self._clock(), 6)}, separators=(",", ":")).encode() + b"\n"
        os.write(self._file, line)
        self._size += len(line)

    def _start_segment(self) -> None:
        self.close()
        existing = segment_paths(self._directory)
        number = int(existing[-1].stem.removeprefix("history-")) + 1 if existing else 1
        path = self._directory / f"history-{number:08d}.jsonl"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._size = 0
        self.write({"type": "checkpoint", "state": self._checkpoint()})
        for old in [*existing, path][: -self._segments_kept]:
            old.unlink()

    def close(self) -> None:
        """Close the current file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
