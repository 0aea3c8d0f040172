"""The supervisor's HTTP: status of the processes, real process faults, shutdown."""

from __future__ import annotations

import asyncio

from aiohttp import web

from trading_sim.cluster.children import Child, Family

MAX_LEASE_S = 3600.0


def _answer(error: str, detail: str, status: int) -> web.Response:
    return web.json_response({"error": error, "detail": detail}, status=status)


async def _seconds(request: web.Request, name: str, default: float | None) -> float:
    """A time in seconds from the JSON body. Raises web.HTTPBadRequest through ValueError."""
    body = await request.json() if request.can_read_body else {}
    value = body.get(name, default) if isinstance(body, dict) else None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= MAX_LEASE_S:
        raise ValueError(f"{name} must be a number of seconds from 0 to {MAX_LEASE_S:g}, not {value!r}")
    return float(value)


class Control:
    def __init__(self, family: Family, stop: asyncio.Event, ready: asyncio.Event):
        self.family, self.stop, self.ready = family, stop, ready

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_routes(
            [
                web.get("/status", self.status),
                web.post("/shutdown", self.shutdown),
                web.post("/children/{name}/{action:kill|pause|resume}", self.act),
            ]
        )
        return app

    async def status(self, request: web.Request) -> web.Response:
        children = {name: child.describe() for name, child in self.family.children.items()}
        return web.json_response({"ready": self.ready.is_set(), "children": children})

    async def shutdown(self, request: web.Request) -> web.Response:
        self.stop.set()
        return web.json_response({"stopping": True})

    async def act(self, request: web.Request) -> web.Response:
        name, action = request.match_info["name"], request.match_info["action"]
        child = self.family.children.get(name)
        if child is None:
            return _answer(
                "unknown_child", f"there is no process {name!r}; there are {', '.join(self.family.children)}", 404
            )
        try:
            done = await self._do(action, child, request)
        except ValueError as error:
            return _answer("bad_field", str(error), 400)
        return web.json_response({"name": name, "action": action, "done": done, **child.describe()})

    async def _do(self, action: str, child: Child, request: web.Request) -> bool:
        if action == "kill":
            return self.family.kill(child, await _seconds(request, "hold_s", 0.0))
        if action == "pause":
            return self.family.pause(child, await _seconds(request, "lease_s", None))
        return self.family.resume(child)
