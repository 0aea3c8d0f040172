"""The centre process: serves its nodes' agents, the flow of requests, faults and metrics until it is told to stop."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from trading_sim.chain.exposition import centre_metrics
from trading_sim.chain.run import MAX_REQUESTS, FlowError
from trading_sim.faults.catalogue import KINDS, FaultError
from trading_sim.nodes.agent import METRICS_HEADERS, Agents, ConnectionDropped
from trading_sim.nodes.centre import TICK_S, Centre
from trading_sim.nodes.journal import KeyConflict, StaleEpoch
from trading_sim.nodes.package_file import PackageError
from trading_sim.nodes.requests import BadRequest, answer, json_body
from trading_sim.nodes.settings import ConfigurationChanged, SettingsError
from trading_sim.protocol.flow import CONTENT_TYPE, MAX_FRAME_BYTES, FlowFrameError, decode_request, encode_reply

log = logging.getLogger(__name__)
BUSINESS_PATHS = ("/flow", "/hop")


def refusal(error: Exception) -> web.Response | None:
    """The 4xx answer that says what was wrong, or None for an error that is the server's own."""
    match error:
        case BadRequest():
            return answer(error.body, error.status)
        case StaleEpoch():
            body = {"error": "stale_epoch", "detail": str(error), "epoch": error.epoch, "seen": error.seen}
            return answer(body, 409)
        case PackageError():
            return answer({"error": error.code, "detail": str(error)}, 422)
        case ConfigurationChanged():
            return answer({"error": "config_changed", "detail": str(error)}, 409)
        case SettingsError():
            return answer({"error": "bad_config", "detail": str(error)}, 422)
        case FaultError():
            return answer({"error": "bad_fault", "detail": str(error)}, 400)
        case FlowFrameError() | FlowError():
            return answer({"error": "bad_flow", "detail": str(error)}, 400)
        case web.HTTPException():
            codes = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
            return answer({"error": codes.get(error.status, "http_error"), "detail": error.reason}, error.status)
        case KeyConflict():
            return answer({"error": "key_conflict", "detail": str(error)}, 409)
    return None


def drop(request: web.Request) -> web.Response:
    """Close the connection without an answer, as a lost host does."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


class CentreServer:
    def __init__(self, centre: Centre):
        self.centre, self.agents = centre, Agents(centre)

    def application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_FRAME_BYTES, middlewares=[self.guard])
        app.router.add_routes(self.agents.routes())
        app.router.add_routes(
            [
                web.post("/flow", self.flow),
                web.post("/hop", self.hop),
                web.get("/health", self.health),
                web.get("/nodes", self.nodes),
                web.get("/metrics", self.metrics),
                web.get("/faults", self.faults),
                web.get("/faults/catalogue", self.catalogue),
                web.post("/faults", self.inject),
                web.delete("/faults/{lease}", self.clear),
            ]
        )
        return app

    @web.middleware
    async def guard(self, request: web.Request, handler) -> web.StreamResponse:
        """Lost centres and hosts close connections; every refusal is JSON; a failure is logged and says so."""
        try:
            if self.centre.links.cut and self._unreachable(request.path):
                raise ConnectionDropped
            return await handler(request)
        except ConnectionDropped:
            return drop(request)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            response = refusal(error)
            if response is not None:
                return response
            log.exception("%s %s failed", request.method, request.path)
            return answer({"error": "internal", "detail": f"{type(error).__name__}: see the centre's log"}, 500)

    def _unreachable(self, path: str) -> bool:
        return path in BUSINESS_PATHS or (self.centre.lost and not path.startswith("/faults"))

    async def flow(self, request: web.Request) -> web.Response:
        reply = await self.centre.runner.run(decode_request(await request.read()))
        if self.centre.links.cut:  # the cut came meanwhile: the answer does not get through
            raise ConnectionDropped
        return web.Response(body=encode_reply(reply), content_type=CONTENT_TYPE)

    async def hop(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        service, count = body.get("service"), body.get("count")
        if service not in self.centre.arrays.service_index:
            raise BadRequest("unknown_service", f"there is no service {service!r}", 404)
        if not isinstance(count, int) or not 0 < count <= MAX_REQUESTS:
            raise BadRequest("bad_field", f"count must be a whole number from 1 to {MAX_REQUESTS}")
        result = self.centre.runner.serve_hop(service, count)
        if result is None:
            raise BadRequest("no_instance", f"{self.centre.name} has no instance of {service} in rotation", 503)
        return answer({"seconds": result[0].tolist(), "ok": result[1].tolist()})

    async def health(self, request: web.Request) -> web.Response:
        return answer(self.centre.health())

    async def nodes(self, request: web.Request) -> web.Response:
        return answer({"nodes": [self.centre.node_health(node) for node in self.centre.nodes]})

    async def metrics(self, request: web.Request) -> web.Response:
        body = centre_metrics(self.centre.runner.counters, self.centre.started_at)
        return web.Response(body=body, headers=METRICS_HEADERS)

    async def faults(self, request: web.Request) -> web.Response:
        now = self.centre.wall()
        return answer({"faults": [fault.describe(now) for fault in self.centre.life.leases.faults.values()]})

    async def catalogue(self, request: web.Request) -> web.Response:
        return answer({"kinds": [kind.describe() for kind in KINDS.values()]})

    async def inject(self, request: web.Request) -> web.Response:
        fault = self.centre.inject(await json_body(request))
        return answer({"lease": fault.lease, "nodes": fault.nodes, "expires_at": fault.expires_at})

    async def clear(self, request: web.Request) -> web.Response:
        lease = request.match_info["lease"]
        return answer({"lease": lease, "removed": self.centre.clear(lease)})


async def serve(centre: Centre, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Raises OSError when the port is taken."""
    runner = web.AppRunner(CentreServer(centre).application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=512).start()
        await _tick_until(centre, stop)
    finally:
        await centre.peers.close()
        if centre.runner.shards is not None:
            await centre.runner.shards.close()
        await runner.cleanup()


async def _tick_until(centre: Centre, stop: asyncio.Event) -> None:
    while not stop.is_set():
        centre.tick()
        try:
            await asyncio.wait_for(stop.wait(), TICK_S)
        except TimeoutError:
            continue
