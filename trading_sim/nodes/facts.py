"""What an inspection wants to know of one node, measured when it asks: files, configuration, disk, log, process, queue, clock.

Disk, files, log, journal and clock are those of the machine; memory and queue are the columns of the node that everything else
reads as well. Nothing here changes the node.
"""

from __future__ import annotations

import hashlib
import json
import shutil

from trading_sim.chain.arrays import NodeArrays
from trading_sim.nodes import settings
from trading_sim.nodes.node import Node, Process
from trading_sim.nodes.settings import SettingsError
from trading_sim.nodes.store import NodeStore

LOG_TAIL_BYTES = 16_384


def inspection(node: Node, arrays: NodeArrays, at: float) -> dict:
    """Facts by subject: {at, current, staged, files, config, disk, log, process, memory, queue, journal, faults}. `at` is Unix
    seconds by the node's clock; sizes are bytes; ages seconds. Raises OSError when the node's folder cannot be read."""
    return {
        "at": at,
        "current": node.store.version(),
        "staged": node.store.staged(),
        "files": release_files(node.store),
        "config": configuration(node),
        "disk": disk(node.store),
        "log": log(node.store),
        "process": _process(node, at),
        "memory": {"bytes": int(arrays.memory[node.index]), "limit_bytes": int(arrays.memory_limit[node.index])},
        "queue": _queue(node.index, arrays),
        "journal": {"actions": len(node.journal.actions), "unfinished": [a.key for a in node.journal.unfinished()]},
        "faults": [fault.kind for fault in node.faults],
    }


def release_files(store: NodeStore) -> dict:
    """Whether the files that `current` points at are those of the package: {checked, damaged: [paths], problem}."""
    try:
        listed = json.loads((store.current / "manifest.json").read_bytes())["files"]
    except (OSError, ValueError, KeyError) as error:
        return {"checked": 0, "damaged": [], "problem": f"the manifest of the release cannot be read: {error}"}
    damaged = [path for path, digest in listed.items() if _digest(store, path) != digest]
    return {"checked": len(listed), "damaged": sorted(damaged), "problem": ""}


def _digest(store: NodeStore, path: str) -> str:
    try:
        return hashlib.sha256((store.current / path).read_bytes()).hexdigest()
    except OSError:
        return ""


def configuration(node: Node) -> dict:
    """The file as it lies there and what the process has read of it: they differ after somebody edited the file by hand."""
    try:
        content = node.store.read_config()
    except OSError as error:
        return {
            "file_digest": "",
            "loaded_digest": node.config_digest,
            "problem": f"it cannot be read: {error.strerror}",
        }
    problem = ""
    try:
        settings.parse(content, node.store.config_schema())
    except (SettingsError, OSError, ValueError, KeyError) as error:
        problem = str(error)
    return {"file_digest": settings.digest(content), "loaded_digest": node.config_digest, "problem": problem}


def disk(store: NodeStore) -> dict:
    usage = shutil.disk_usage(store.root)
    return {"total_bytes": usage.total, "free_bytes": usage.free}


def log(store: NodeStore) -> dict:
    """Size of the log, and how many of its last lines are errors."""
    tail = store.read_log(-LOG_TAIL_BYTES, 1000)
    return {
        "bytes": tail["size"],
        "tail_lines": len(tail["lines"]),
        "tail_errors": sum(" ERROR " in line for line in tail["lines"]),
    }


def _process(node: Node, at: float) -> dict:
    age = at - node.started_at if node.process is Process.UP else None
    return {"age_s": None if age is None else max(0.0, age), "starts": node.starts}


def _queue(index: int, arrays: NodeArrays) -> dict:
    return {
        "backlog": float(arrays.backlog[index]), "waiting_ms": float(arrays.wait_s[index]) * 1e3,
        "utilisation": float(arrays.rho[index]), "shed_ratio": float(arrays.shed[index]),
        "in_rotation": bool(arrays.in_rotation[index]),
    }  # fmt: skip
