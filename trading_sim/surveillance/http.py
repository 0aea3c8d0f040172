"""HTTP of the surveillance: status, cases, account actions, metrics."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from trading_sim.surveillance.metrics import STATUS_NAMES, exposition
from trading_sim.surveillance.thresholds import PATTERNS, STEPS, UNWATCHED

if TYPE_CHECKING:
    from trading_sim.surveillance.process import Surveillance

MAX_BODY = 16 * 1024
MOST_ROWS = 200
MOST_TEXT = 400


class BadRequest(ValueError):
    """A request that cannot be carried out; says which part and what it must be."""


def make_app(surveillance: Surveillance) -> web.Application:
    """Routes: GET /health /status /cases /cases/{id} /accounts /accounts/{id} /actions/{key} /metrics; POST /settings /cases/{id}/close
    /accounts/{id}/status."""
    routes = Routes(surveillance)
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_refusals])
    app.add_routes(
        [
            web.get("/health", routes.health),
            web.get("/status", routes.status),
            web.post("/settings", routes.change_settings),
            web.get("/cases", routes.cases),
            web.get("/cases/{id}", routes.case),
            web.post("/cases/{id}/close", routes.close_case),
            web.get("/accounts", routes.accounts),
            web.get("/accounts/{id}", routes.account),
            web.post("/accounts/{id}/status", routes.set_status),
            web.get("/actions/{key}", routes.action),
            web.get("/metrics", routes.metrics),
        ]
    )
    return app


@web.middleware
async def _refusals(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    try:
        return await handler(request)
    except BadRequest as error:
        return _refusal(400, "bad_request", str(error))


def _refusal(status: int, code: str, detail: str) -> web.Response:
    return web.json_response({"error": code, "detail": detail}, status=status)


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.text())
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequest("the body must be an object")
    return body


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > MOST_TEXT:
        raise BadRequest(f"{name} must be a text of 1 to {MOST_TEXT} characters")
    return value.strip()


def _number(value: str | None, name: str, low: int, high: int) -> int | None:
    if value is None or value == "":
        return None
    if not value.isdecimal() or not low <= int(value) <= high:
        raise BadRequest(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return int(value)


def _one_of(value: str | None, name: str, allowed: tuple[str, ...]) -> str | None:
    if value is None or value == "":
        return None
    if value not in allowed:
        raise BadRequest(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return value


class Routes:
    """Handlers; a refusal is {"error": code, "detail": what to do}."""

    def __init__(self, surveillance: Surveillance) -> None:
        self._all = surveillance

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response({"state": "up"})

    async def status(self, request: web.Request) -> web.Response:
        return web.json_response(self._all.status())

    async def change_settings(self, request: web.Request) -> web.Response:
        mode = (await _body(request)).get("mode")
        if mode not in ("advise", "act"):
            raise BadRequest('settings are {"mode": "advise" or "act"}')
        self._all.book.set_acts(mode == "act")
        return web.json_response({"mode": mode})

    async def cases(self, request: web.Request) -> web.Response:
        query = request.query
        filters = {
            "state": _one_of(query.get("state"), "state", ("open", "closed", "lapsed")),
            "pattern": _one_of(query.get("pattern"), "pattern", (*PATTERNS, UNWATCHED)),
            "step": _one_of(query.get("step"), "step", STEPS),
            "account": _number(query.get("account"), "account", 1, 1 << 32),
            "shard": _number(query.get("shard"), "shard", 0, 255),
            "symbol": _number(query.get("symbol"), "symbol", 0, 1 << 16),
        }
        limit = _number(query.get("limit"), "limit", 1, MOST_ROWS) or 50
        found = self._all.book.cases(filters, limit, _number(query.get("before"), "before", 1, 1 << 62))
        found["cases"] = [self._all.named(case) for case in found["cases"]]
        return web.json_response(found)

    async def case(self, request: web.Request) -> web.Response:
        found = self._all.book.case(self._id(request))
        if found is None:
            return _refusal(404, "unknown_case", f"there is no case {request.match_info['id']}")
        return web.json_response(self._all.named(found))

    async def close_case(self, request: web.Request) -> web.Response:
        number, body = self._id(request), await _body(request)
        actor, note = _text(body, "actor"), _text(body, "note")
        closed = self._all.book.close_case(number, actor, note)
        found = self._all.book.case(number)
        if found is None:
            return _refusal(404, "unknown_case", f"there is no case {number}")
        if not closed and (found["closed_by"], found["note"]) != (actor, note):
            return _refusal(409, "not_open", f"case {number} is {found['state']} already")
        return web.json_response(self._all.named(found))

    async def accounts(self, request: web.Request) -> web.Response:
        return web.json_response({"accounts": self._all.book.restricted()})

    async def account(self, request: web.Request) -> web.Response:
        account = self._id(request)
        return web.json_response(await self._all.account(account))

    async def set_status(self, request: web.Request) -> web.Response:
        account, body = self._id(request), await _body(request)
        status = body.get("status")
        if status not in STATUS_NAMES or isinstance(status, bool):
            raise BadRequest("status must be 0 (active), 1 (cancel-only) or 2 (suspended)")
        if account not in self._all.known_accounts:
            return _refusal(404, "unknown_account", f"no shard has an account {account}")
        key, case = _text(body, "key"), body.get("case")
        if case is not None and not isinstance(case, int):
            raise BadRequest("case must be the number of a case")
        known = self._all.book.action(key)
        if known and (known["account"], known["status"]) != (account, status):
            return _refusal(409, "key_used", f"key {key!r} belongs to another action")
        reason, actor = _text(body, "reason"), _text(body, "actor")
        return web.json_response(
            await self._all.set_status(account=account, status=status, reason=reason, actor=actor, key=key, case=case)
        )

    async def action(self, request: web.Request) -> web.Response:
        found = self._all.book.action(request.match_info["key"])
        if found is None:
            return _refusal(404, "unknown_action", "no action has this key")
        return web.json_response(found)

    async def metrics(self, request: web.Request) -> web.Response:
        text = exposition(self._all.book, self._all.followers, self._all.enforcer)
        return web.Response(text=text, content_type="text/plain")

    @staticmethod
    def _id(request: web.Request) -> int:
        number = _number(request.match_info["id"], "the number in the address", 0, 1 << 53)
        if number is None:
            raise BadRequest("the address needs a number")
        return number
