"""A shard machine as bytes: one line of JSON, the raw arrays of the desk, the last fills, the matching core's own snapshot.

The line names the configuration's digest, the state hash and the digest of what follows. Reading checks all of them: a snapshot of
another configuration is refused, and one whose content does not give its hash is damaged.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_sim.risk.desk import parts
from trading_sim.shard.fills import CAPACITY, FILL

if TYPE_CHECKING:
    from trading_sim.shard.machine import ShardMachine

VERSION = 2
PRICES = ("reference", "low", "high")


class MachineSnapshotError(ValueError):
    """The bytes are no usable snapshot of this shard: says why."""


def write_snapshot(machine: ShardMachine) -> bytes:
    """Bytes from which `read_snapshot` makes an equal machine."""
    fills = machine.fills.rows()
    pieces = [array.tobytes() for array in parts(machine.desk).values()]
    body = b"".join([*pieces, fills.tobytes(), machine.core.snapshot()])
    header = {
        "version": VERSION,
        "config": machine.config.digest(),
        "state_hash": machine.state_hash(),
        "scalars": machine.scalars().tolist(),
        "rows": [[int(row[name]) for name in PRICES] for row in machine.rows],
        "fills": len(fills),
        "digest": _digest(body),
    }
    return json.dumps(header, separators=(",", ":")).encode() + b"\n" + body


def read_snapshot(machine: ShardMachine, data: bytes) -> ShardMachine:
    """Put the state in `data` into `machine`, which is fresh from its configuration. Raises MachineSnapshotError."""
    line, _, body = data.partition(b"\n")
    try:
        header = json.loads(line)
        version, scalars, rows = header["version"], header["scalars"], header["rows"]
        fills, expected, digest = int(header["fills"]), int(header["state_hash"]), header["digest"]
    except (ValueError, KeyError, TypeError) as error:
        raise MachineSnapshotError(f"the snapshot has no readable header: {error}") from error
    if version != VERSION:
        raise MachineSnapshotError(f"the snapshot has version {version}, this program reads {VERSION}")
    if header.get("config") != machine.config.digest():
        raise MachineSnapshotError(
            f"the snapshot belongs to another configuration than that of shard {machine.config.shard}"
        )
    if _digest(body) != digest or not 0 <= fills <= CAPACITY:
        raise MachineSnapshotError(
            f"the snapshot is damaged: its {len(body)} bytes do not have the digest of its header"
        )
    position = 0
    for array in parts(machine.desk).values():
        array[:] = np.frombuffer(body, array.dtype, len(array), position)
        position += array.nbytes
    noted = np.frombuffer(body, FILL, fills, position)
    _adopt(machine, scalars, rows, noted, body[position + noted.nbytes :])
    if machine.state_hash() != expected:
        raise MachineSnapshotError("the snapshot is damaged: its content does not have the state hash of its header")
    return machine


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def _adopt(machine: ShardMachine, scalars: list[int], rows: list[list[int]], fills: np.ndarray, core: bytes) -> None:
    if len(scalars) != len(machine.scalars()) or len(rows) != len(machine.rows):
        raise MachineSnapshotError("the snapshot's header does not fit the shard's configuration")
    today: list[dict[str, Any]] = [
        {**row, **dict(zip(PRICES, prices, strict=True))} for row, prices in zip(machine.rows, rows, strict=True)
    ]
    try:
        machine.adopt(today, scalars, fills, core)
    except ValueError as error:
        raise MachineSnapshotError(f"the snapshot's symbols or core are damaged: {error}") from error
