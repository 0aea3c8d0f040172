"""What a replica must never forget: its term, its vote in that term, and whether it is under repair.

One small file, replaced atomically and synced before any message that depends on it leaves the replica.
"""

import struct
from dataclasses import dataclass

from trading_sim.shard.checksum import crc32c
from trading_sim.sim.seams import Files, write_file_durably

_NAME = "hardstate"
_MAGIC = b"SHS2"
_FIELDS = struct.Struct("<QQQ16s")
_MAGIC_1, _FIELDS_1 = b"SHS1", struct.Struct("<QQ16s")  # before takeovers were known


class HardStateError(Exception):
    """The file is damaged: the replica no longer knows whom it voted for and must not take part."""


@dataclass(frozen=True)
class HardState:
    """`vote` is a replica's name or "". `repair_until` > 0: acknowledged entries up to there were lost from this disk;
    the replica neither votes nor campaigns until a leader has given them back. `alone_since` > 0: the other members were declared gone
    for good when this one held entries up to there (0 = never): it is a majority by itself."""

    term: int = 0
    vote: str = ""
    repair_until: int = 0
    alone_since: int = 0


def load_hard_state(files: Files, directory: str) -> HardState:
    """The stored state, or a fresh one in an empty directory; raises HardStateError when the file is damaged."""
    path = f"{directory}/{_NAME}"
    files.sync_dir(directory)
    if not files.exists(path):
        return HardState()
    data = files.read(path)
    body = data[8:]
    if data[:4] == _MAGIC_1 and len(body) == _FIELDS_1.size and struct.unpack("<I", data[4:8])[0] == crc32c(body):
        term, repair_until, vote = _FIELDS_1.unpack(body)
        return HardState(term, vote.rstrip(b"\0").decode(), repair_until)
    if data[:4] != _MAGIC or len(body) != _FIELDS.size or struct.unpack("<I", data[4:8])[0] != crc32c(body):
        raise HardStateError(
            f"{path} is damaged: the replica cannot know whom it voted for. Keep the directory for analysis and "
            "start the replica with an empty one only while both other replicas are up."
        )
    term, repair_until, alone_since, vote = _FIELDS.unpack(body)
    return HardState(term, vote.rstrip(b"\0").decode(), repair_until, alone_since)


def save_hard_state(files: Files, directory: str, state: HardState) -> None:
    """Replace the stored state durably; raises OSError."""
    body = _FIELDS.pack(state.term, state.repair_until, state.alone_since, state.vote.encode())
    write_file_durably(files, directory, _NAME, _MAGIC + struct.pack("<I", crc32c(body)) + body)
