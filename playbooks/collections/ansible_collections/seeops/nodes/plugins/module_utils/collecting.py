# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects the newest part of a node's logs: not older than asked, not longer than allowed, without secrets."""

from __future__ import annotations

import datetime
import json
import os

from ansible_collections.seeops.nodes.plugins.module_utils.redaction import redacted

CHUNK = 128 * 1024
LINES_PER_CALL = 5000


def collect(agent, sources, since, most_bytes):
    """{source: (lines, cut)}; `cut` says that older lines of the time asked for were left out. Raises Silent, Refused."""
    each = max(1024, most_bytes // max(1, len(sources)))
    readers = {"process": process_log, "actions": action_journal}
    return {source: readers[source](agent, since, each) for source in sources}


def process_log(agent, since, most_bytes):
    """Lines of the process log, oldest first; the log before the present one is read too when the time asked for reaches there."""
    lines, cut = _tail(agent, since, most_bytes, 0)
    if cut or (lines and _older(lines[0], since)):
        return _newer(lines, since), cut
    size = sum(len(line) + 1 for line in lines)
    before, cut = _tail(agent, since, most_bytes - size, 1)
    return _newer(before + lines, since), cut


def _tail(agent, since, most_bytes, previous):
    """Up to `most_bytes` from the end of one log file, read backwards until a line is older than `since`."""
    if most_bytes <= 0:
        return [], True
    reach = min(CHUNK, most_bytes)
    while True:
        lines, size = _from(agent, reach, previous)
        if reach >= size:
            return lines, False
        if lines and _older(lines[0], since):
            return lines, False
        if reach >= most_bytes:
            return lines, True
        reach = min(reach * 4, most_bytes)


def _from(agent, reach, previous):
    """All whole lines in the last `reach` bytes, and how long the file is."""
    answer = agent.get(f"log?offset=-{reach}&limit={LINES_PER_CALL}&previous={previous}")
    lines, size = list(answer["lines"]), answer["size"]
    while answer["lines"] and answer["next_offset"] < size:
        answer = agent.get(f"log?offset={answer['next_offset']}&limit={LINES_PER_CALL}&previous={previous}")
        lines += answer["lines"]
    return lines, size


def _moment(line):
    """The time at the beginning of a line, or None: such a line belongs to the one before it."""
    try:
        return datetime.datetime.fromisoformat(line.split(" ", 1)[0])
    except ValueError:
        return None


def _older(line, since):
    moment = _moment(line)
    return moment is not None and moment.tzinfo is not None and moment < since


def _newer(lines, since):
    for number, line in enumerate(lines):
        if _moment(line) is not None and not _older(line, since):
            return lines[number:]
    return []


def action_journal(agent, since, most_bytes):
    """One line for each keyed action of the node since then: when, what, under which epoch, how often executed."""
    rows = sorted(agent.get("actions")["actions"].items(), key=lambda row: row[1]["at"])
    lines = [_action_line(key, row) for key, row in rows if row["at"] >= since.timestamp()]
    size, kept = 0, []
    for line in reversed(lines):
        size += len(line.encode()) + 1
        if size > most_bytes:
            return kept[::-1], True
        kept.append(line)
    return kept[::-1], False


def _action_line(key, row):
    at = datetime.datetime.fromtimestamp(row["at"], datetime.UTC).isoformat(timespec="milliseconds")
    told = {name: row[name] for name in ("epoch", "finished", "times_requested", "times_executed")}
    return f"{at} {row['action']} {key} {json.dumps(told)}"


def keep(folder, node, found):
    """Write what was found below the folder, a file for each source: {files, lines, bytes, redacted, cut}."""
    told = {"files": {}, "lines": 0, "bytes": 0, "redacted": 0, "cut": []}
    for source, (lines, cut) in found.items():
        clean, changed = redacted(lines)
        data = "".join(f"{line}\n" for line in clean).encode()
        name = f"{os.path.basename(node)}.{source}.log"
        beside = os.path.join(folder, f".{name}")
        with open(beside, "wb") as file:
            file.write(data)
        os.replace(beside, os.path.join(folder, name))
        told["files"][source] = name
        told["lines"] += len(clean)
        told["bytes"] += len(data)
        told["redacted"] += changed
        told["cut"] += [source] if cut else []
    return told
