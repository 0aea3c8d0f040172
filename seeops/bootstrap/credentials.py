"""Secrets of an instance, generated at its first start and kept readable by their owner only."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from .errors import SetupError
from .files import private_folder, read_json, write_json
from .paths import Instance

DEMO_PEOPLE = (
    ("lin", "Lin Yue", "operator"),
    ("wu", "Wu Han", "operator"),
    ("chen", "Chen Jing", "approver"),
    ("zhao", "Zhao Min", "approver"),
    ("sun", "Sun Lei", "on_call"),
    ("he", "He Ping", "auditor"),
    ("admin", "Administrator", "administrator"),
)
# Without look-alikes (0 O 1 l I), because people type these from a terminal.
_ALPHABET = "23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True)
class Secrets:
    """Everything secret that the parts of an instance share."""

    django: str
    machine_token: str
    database: str
    valkey: str
    supervisor: str


def load_secrets(instance: Instance) -> Secrets:
    """The secrets of the instance; made at the first call."""
    path = private_folder(instance.secrets) / "secrets.json"
    try:
        stored = read_json(path)
    except ValueError as error:
        raise SetupError(f"{path} is damaged: restore it from a backup, or run `make clean` to begin anew.") from error
    stored = stored or {}
    missing = [name for name in Secrets.__dataclass_fields__ if name not in stored]
    if missing:
        stored |= {name: secrets.token_hex(32 if name == "django" else 20) for name in missing}
        write_json(path, stored)
    return Secrets(**{name: stored[name] for name in Secrets.__dataclass_fields__})


def load_people(instance: Instance) -> list[dict[str, Any]]:
    """Demo people with role, password and API token; generated once, then kept. The list lies in secrets/people.json."""
    path = private_folder(instance.secrets) / "people.json"
    people = read_json(path)
    if people is None:
        people = [
            {
                "username": username,
                "display_name": name,
                "role": role,
                "password": "".join(secrets.choice(_ALPHABET) for _ in range(16)),
                "token": secrets.token_hex(20),
            }
            for username, name, role in DEMO_PEOPLE
        ]
        write_json(path, people)
    return people
