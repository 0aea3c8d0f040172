"""The detectors' memory on disk, so that a killed process goes on where it was: only rows in use, written atomically."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections import OrderedDict
from dataclasses import astuple
from pathlib import Path

import numpy as np

from trading_sim.surveillance.tables import CELLS_TOUCHED, PAIRS_TOUCHED
from trading_sim.surveillance.watch import ShardWatch, Told

FORMAT = 1


class MemoryFileError(ValueError):
    """The file is damaged or was written by another version: the detectors begin anew."""


def save(watch: ShardWatch, path: Path) -> None:
    """Write the memory as it is after entry `watch.absorbed`. Raises OSError."""
    tables, recent = watch.tables, np.flatnonzero(watch.recent_times)
    arrays = {
        "head": np.array([FORMAT, watch.shard, watch.absorbed, watch.tick, len(tables.symbols)], "i8"),
        "counters": tables.counters,
        "symbols": tables.symbols,
        "sizes": tables.sizes,
        "told": np.frombuffer(_told(watch).encode(), "u1"),
        "recent_at": recent,
        "recent": watch.recent[recent],
        "recent_parties": watch.recent_parties[recent],
        "recent_times": watch.recent_times[recent],
    }
    for name, used in (
        ("orders", tables.orders["id"] != 0),
        ("cells", tables.cells["key"] != 0),
        ("pairs", tables.pairs["key"] != 0),
    ):
        at = np.flatnonzero(used)
        arrays |= {f"{name}_at": at, name: getattr(tables, name)[at]}
    arrays["runs"] = tables.runs[arrays["cells_at"]]
    data = io.BytesIO()
    np.savez(data, **arrays)
    beside = path.with_suffix(".tmp")
    with beside.open("wb") as file:
        file.write(data.getbuffer())
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load(watch: ShardWatch, path: Path) -> bool:
    """Fill a new watch with what was saved; False without a file. Raises MemoryFileError, and then `watch` must not be used."""
    if not path.exists():
        return False
    tables = watch.tables
    try:
        with np.load(io.BytesIO(path.read_bytes())) as saved:
            form, shard, index, tick, symbols = saved["head"].tolist()
            if (form, shard, symbols) != (FORMAT, watch.shard, len(tables.symbols)):
                raise MemoryFileError(f"{path} belongs to another version or shard")
            tables.counters[:] = saved["counters"]
            tables.counters[[CELLS_TOUCHED, PAIRS_TOUCHED]] = 0
            tables.symbols[:], tables.sizes[:] = saved["symbols"], saved["sizes"]
            for name in ("orders", "cells", "pairs"):
                getattr(tables, name)[saved[f"{name}_at"]] = saved[name]
            tables.cells["touched"] = tables.pairs["touched"] = 0
            tables.runs[saved["cells_at"]] = saved["runs"]
            for name in ("recent", "recent_parties", "recent_times"):
                getattr(watch, name)[saved["recent_at"]] = saved[name]
            told = json.loads(saved["told"].tobytes())
    except MemoryFileError:
        raise
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError, zipfile.BadZipFile) as error:
        raise MemoryFileError(f"{path} cannot be read: {error}") from error
    watch.absorbed = watch.resumed_at(index, tick)
    watch.told = OrderedDict(((p, s, tuple(a)), Told(*values)) for p, s, a, values in told)
    return True


def _told(watch: ShardWatch) -> str:
    return json.dumps([[p, s, list(a), list(astuple(told))] for (p, s, a), told in watch.told.items()])
