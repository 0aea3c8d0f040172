"""What is known of the request or job that is running: its id, for the audit log and the logs."""

from __future__ import annotations

import contextvars
import uuid

_request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")


def request_id() -> str:
    """The id that groups all audit records of one request or job; empty outside of one."""
    return _request_id.get()


def begin(identifier: str | None = None) -> contextvars.Token[str]:
    return _request_id.set(identifier or uuid.uuid4().hex)


def end(token: contextvars.Token[str]) -> None:
    _request_id.reset(token)
