"""Who may log on, from a private file: session names, secrets, protocols, accounts."""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from trading_sim.gateway.order_entry import Rights

BINARY, FIX = "binary", "fix"
PROTOCOLS = (BINARY, FIX)
FILE_NAME = "credentials.json"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,16}")
_SECRET_BYTES = 18


class CredentialsError(ValueError):
    """The credentials file cannot be used; says what is wrong in it."""


@dataclass(frozen=True)
class Member:
    """One session that may log on."""

    rights: Rights
    protocol: str
    secret: str


class Credentials:
    """The file's members; read again when the file has changed, so that a new member needs no restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] = (0, 0)
        self.members: dict[str, Member] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the file if it changed. Raises CredentialsError; the members known before stay."""
        about = self._path.stat()
        stamp = (about.st_mtime_ns, about.st_size)
        if stamp != self._stamp:
            self.members = read_members(self._path)
            self._stamp = stamp

    def admit(self, protocol: str, session: str, secret: str) -> Rights | None:
        """The rights of who proves to be that session, else None; takes the same time whatever is wrong."""
        member = self.members.get(session)
        expected = member.secret if member is not None else secrets.token_urlsafe(_SECRET_BYTES)
        right = hmac.compare_digest(expected.encode(), secret.encode())
        return member.rights if right and member is not None and member.protocol == protocol else None

    def accounts(self) -> set[int]:
        """All accounts of all members."""
        return {account for member in self.members.values() for account in member.rights.accounts}


def read_members(path: Path) -> dict[str, Member]:
    """name → member. Raises CredentialsError, also when others than the owner may read the file."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise CredentialsError(f"{path} may be read by others: chmod 600 it")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["sessions"]
        members = [_member(row) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise CredentialsError(f"{path} cannot be used: {error!r}") from error
    if len({member.rights.session for member in members}) != len(members):
        raise CredentialsError(f"{path} names a session twice")
    return {member.rights.session: member for member in members}


def _member(row: Mapping[str, object]) -> Member:
    name, protocol, secret, accounts = row["session"], row["protocol"], row["secret"], row["accounts"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise CredentialsError(f"{name!r} is no session name: 1 … 16 letters, digits, '_', '.', '-'")
    if protocol not in PROTOCOLS:
        raise CredentialsError(f"session {name} has the protocol {protocol!r}: use one of {', '.join(PROTOCOLS)}")
    if not isinstance(secret, str) or not 8 <= len(secret.encode()) <= 64:
        raise CredentialsError(f"the secret of session {name} must have 8 … 64 bytes")
    if not isinstance(accounts, list) or not accounts or not all(isinstance(one, int) and one > 0 for one in accounts):
        raise CredentialsError(f"session {name} needs at least one account number above 0")
    return Member(Rights(name, tuple(accounts)), str(protocol), secret)


def create_demo(path: Path, accounts: Iterable[int]) -> None:
    """Write a file with one session per account, in turn for the binary protocol and FIX; an existing file stays."""
    if path.exists():
        return
    rows = [
        {
            "session": f"DEMO-{'BIN' if position % 2 == 0 else 'FIX'}-{position // 2 + 1}",
            "protocol": PROTOCOLS[position % 2],
            "secret": secrets.token_urlsafe(_SECRET_BYTES),
            "accounts": [account],
        }
        for position, account in enumerate(accounts)
    ]
    write_members(path, rows)


def write_members(path: Path, rows: list[dict[str, object]]) -> None:
    """Write a credentials file that only its owner may read, atomically."""
    beside = path.with_name(path.name + ".tmp")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"sessions": rows}, file, indent=1)
        file.write("\n")
    beside.replace(path)
