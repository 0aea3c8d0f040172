"""Reading what a caller sent: every fault in it becomes a clear 4xx answer in JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass

from aiohttp import web

MAX_JSON_BYTES = 2**20
MAX_KEY = 200


class BadRequest(Exception):
    """An answer of 4xx; `code` is for machines, the text for people."""

    def __init__(self, code: str, detail: str, status: int = 400, **more: object):
        super().__init__(detail)
        self.body = {"error": code, "detail": detail, **more}
        self.status = status


def answer(body: object, status: int = 200) -> web.Response:
    return web.Response(
        body=json.dumps(body, separators=(",", ":")).encode(), status=status, content_type="application/json"
    )


async def json_body(request: web.Request) -> dict:
    """The request's JSON object. Raises BadRequest."""
    if (request.content_length or 0) > MAX_JSON_BYTES:
        raise BadRequest("too_large", f"the body has more than {MAX_JSON_BYTES} bytes", 413)
    data = await request.read()
    if len(data) > MAX_JSON_BYTES:
        raise BadRequest("too_large", f"the body has more than {MAX_JSON_BYTES} bytes", 413)
    try:
        body = json.loads(data) if data else {}
    except ValueError as error:
        raise BadRequest("bad_json", f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequest("bad_json", "the body must be a JSON object")
    return body


def text(body: dict, name: str, *, default: str | None = None, limit: int = 4096) -> str:
    value = body.get(name, default)
    if not isinstance(value, str) or not value or len(value) > limit:
        raise BadRequest("bad_field", f"{name} must be a text of 1 to {limit} characters")
    return value


@dataclass(frozen=True)
class Identity:
    """Which action this is: the same key is never executed twice, an older epoch never again."""

    key: str
    epoch: int


def identity(body: dict) -> Identity:
    epoch = body.get("epoch")
    if not isinstance(epoch, int) or isinstance(epoch, bool) or epoch < 0:
        raise BadRequest("bad_field", "epoch must be a whole number, 0 or above")
    return Identity(text(body, "key", limit=MAX_KEY), epoch)


def number(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query string. Raises BadRequest."""
    raw = request.query.get(name, str(default))
    try:
        value = int(raw)
    except ValueError:
        raise BadRequest("bad_field", f"{name} must be a whole number, not {raw!r}") from None
    if not low <= value <= high:
        raise BadRequest("bad_field", f"{name} must be from {low} to {high}, not {value}")
    return value
