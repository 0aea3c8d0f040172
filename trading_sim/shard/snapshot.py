"""A shard machine as bytes: one line of JSON, the raw arrays, the matching core's own snapshot.

The line names the configuration's digest and the state hash. Reading checks both: a snapshot of another configuration is refused, and
one whose content does not give its hash is damaged.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_sim.ledger.state import LedgerState

if TYPE_CHECKING:
    from trading_sim.shard.machine import ShardMachine

VERSION = 1


class MachineSnapshotError(ValueError):
    """The bytes are no usable snapshot of this shard: says why."""


def write_snapshot(machine: ShardMachine) -> bytes:
    """Bytes from which `read_snapshot` makes an equal machine."""
    arrays = _arrays(machine)
    core = machine.core.snapshot()
    header = {
        "version": VERSION,
        "config": machine.config.digest(),
        "state_hash": machine.state_hash(),
        "scalars": machine.scalars().tolist(),
        "rows": [[int(row[name]) for name in ("reference", "low", "high")] for row in machine.rows],
        "arrays": [[name, len(array)] for name, array in arrays.items()],
        "core": len(core),
    }
    line = json.dumps(header, separators=(",", ":")).encode() + b"\n"
    return b"".join([line, *(np.ascontiguousarray(array).tobytes() for array in arrays.values()), core])


def read_snapshot(machine: ShardMachine, data: bytes) -> ShardMachine:
    """Put the state in `data` into `machine`, which is fresh from its configuration. Raises MachineSnapshotError."""
    line, newline, body = data.partition(b"\n")
    try:
        header = json.loads(line)
        version, listing, scalars = header["version"], dict(header["arrays"]), header["scalars"]
        rows, core_bytes, expected = header["rows"], int(header["core"]), int(header["state_hash"])
    except (ValueError, KeyError, TypeError) as error:
        raise MachineSnapshotError(f"the snapshot has no readable header: {error}") from error
    if version != VERSION:
        raise MachineSnapshotError(f"the snapshot has version {version}, this program reads {VERSION}")
    if header.get("config") != machine.config.digest():
        raise MachineSnapshotError(
            f"the snapshot belongs to another configuration than that of shard {machine.config.shard}"
        )
    position = 0
    state = machine.ledger.state
    for name, array in _arrays(machine, everything=True).items():
        count = listing.get(name)
        if count is None or not 0 <= count <= len(array):
            raise MachineSnapshotError(f"the snapshot holds {count} rows of {name}, the shard has {len(array)}")
        size = array.nbytes // len(array) * count
        if position + size > len(body):
            raise MachineSnapshotError(f"the snapshot ends inside {name}")
        part = np.frombuffer(body, array.dtype, size // array.dtype.itemsize, position)
        array[:count] = part.reshape((count, *array.shape[1:]))
        position += size
    if len(body) - position != core_bytes:
        raise MachineSnapshotError(
            f"the snapshot holds {len(body) - position} bytes of the core, its header says {core_bytes}"
        )
    _restore_rest(machine, scalars, rows, body[position:])
    if int(state.totals[state.LAST_ORDER]) + 1 != listing["orders"] or machine.state_hash() != expected:
        raise MachineSnapshotError("the snapshot is damaged: its content does not have the state hash of its header")
    return machine


def _restore_rest(machine: ShardMachine, scalars: list[int], rows: list[list[int]], core: bytes) -> None:
    if len(scalars) != len(machine.scalars()) or len(rows) != len(machine.rows):
        raise MachineSnapshotError("the snapshot's header does not fit the shard's configuration")
    today: list[dict[str, Any]] = [
        {**row, "reference": reference, "low": low, "high": high}
        for row, (reference, low, high) in zip(machine.rows, rows, strict=True)
    ]
    try:
        machine.adopt(today, scalars, core)
    except ValueError as error:
        raise MachineSnapshotError(f"the snapshot's symbols or core are damaged: {error}") from error


def _arrays(machine: ShardMachine, everything: bool = False) -> dict[str, np.ndarray]:
    """Arrays in the order of the bytes; orders only up to the last id in use, unless `everything`."""
    state = machine.ledger.state
    if everything:
        arrays = {field.name: getattr(state, field.name) for field in fields(LedgerState)}
    else:
        arrays = state.parts()
    return {
        **arrays,
        "status": machine.risk.status,
        "counts": machine.risk.counts,
        "phases": machine.phases,
    }
