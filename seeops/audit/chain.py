"""The arithmetic of the hash chain: pure, so that an auditor's own program can repeat it.

hash(n) = SHA-256(hash(n-1) || JCS(content(n))), JCS being RFC 8785 canonical JSON; hash(0) is 64 zeros.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import rfc8785

GENESIS = "0" * 64
FIELDS = (
    "seq", "at", "actor_name", "action", "object_type", "object_id", "object_label", "reason", "before", "after",
    "request_id",
)  # fmt: skip


@dataclass(frozen=True)
class Break:
    """The first record at which the chain does not hold, and what is wrong with it."""

    seq: int
    what: str


def content(row: dict[str, Any]) -> dict[str, Any]:
    """What the hash covers: the record without its own hashes; times as ISO 8601 in UTC with microseconds."""
    return {name: row[name] for name in FIELDS}


def link(previous_hash: str, record: dict[str, Any]) -> str:
    """The hash of `record` (see `content`) after `previous_hash`."""
    return hashlib.sha256(previous_hash.encode() + rfc8785.dumps(record)).hexdigest()


def first_break(rows: Iterable[dict[str, Any]], *, previous_hash: str = GENESIS, previous_seq: int = 0) -> Break | None:
    """Walk rows in order of seq; None when every link holds."""
    for row in rows:
        if row["seq"] != previous_seq + 1:
            return Break(row["seq"], f"record {previous_seq + 1} is missing")
        if row["previous_hash"] != previous_hash:
            return Break(row["seq"], "does not follow the record before it")
        if link(previous_hash, content(row)) != row["hash"]:
            return Break(row["seq"], "was altered after it was written")
        previous_hash, previous_seq = row["hash"], row["seq"]
    return None
