"""HTTP of the load process: status, settings, surges, session, metrics."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from aiohttp import web

from trading_sim.load.entrances import StaleEntrance
from trading_sim.load.episodes_live import KIND as EPISODE
from trading_sim.load.fx_shock import KIND
from trading_sim.load.measures import single
from trading_sim.load.rates import SettingsError

if TYPE_CHECKING:
    from trading_sim.load.customers_process import CustomersProcess

MAX_BODY = 64 * 1024


def make_app(process: CustomersProcess) -> web.Application:
    """Routes: GET /health /status /session /settings /metrics /responses /faults /entrances, POST /settings /faults
    /entrances, DELETE /faults/{lease}."""
    routes = Routes(process)
    app = web.Application(client_max_size=MAX_BODY)
    app.add_routes(
        [
            web.get("/health", routes.health),
            web.get("/status", routes.status),
            web.get("/session", routes.session),
            web.get("/metrics", routes.metrics),
            web.get("/responses", routes.responses),
            web.get("/settings", routes.settings),
            web.post("/settings", routes.change_settings),
            web.get("/entrances", routes.entrances),
            web.post("/entrances", routes.change_entrances),
            web.get("/faults", routes.faults),
            web.post("/faults", routes.add_fault),
            web.delete("/faults/{lease}", routes.remove_fault),
        ]
    )
    return app


async def _body(request: web.Request) -> object:
    try:
        return json.loads(await request.text())
    except ValueError as error:
        raise SettingsError(f"the body is not JSON: {error}") from error


class Routes:
    """Handlers; every refusal is {"error": code, "message": what to do} with status 400 or 404."""

    def __init__(self, process: CustomersProcess) -> None:
        self._process = process

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response({"state": "up"})

    async def status(self, request: web.Request) -> web.Response:
        return web.json_response(self._process.status())

    async def session(self, request: web.Request) -> web.Response:
        return web.json_response(self._process.session())

    async def settings(self, request: web.Request) -> web.Response:
        rates = self._process.rates
        return web.json_response({"rate_factor": rates.rate_factor, "paused": rates.paused})

    async def change_settings(self, request: web.Request) -> web.Response:
        try:
            self._process.rates.change(await _body(request))
        except SettingsError as error:
            return web.json_response({"error": "bad_settings", "message": str(error)}, status=400)
        self._process.save_settings()
        return await self.settings(request)

    async def entrances(self, request: web.Request) -> web.Response:
        return web.json_response(self._process.entrances.describe())

    async def change_entrances(self, request: web.Request) -> web.Response:
        try:
            answer = self._process.entrances.change(await _body(request))
        except SettingsError as error:
            return web.json_response({"error": "bad_settings", "detail": str(error)}, status=400)
        except StaleEntrance as error:
            return web.json_response({"error": "stale_epoch", "detail": str(error)}, status=409)
        return web.json_response(answer)

    async def faults(self, request: web.Request) -> web.Response:
        rates = self._process.rates
        rates.expire()
        shock = self._process.shocks.shock
        held = [*rates.surges.values(), *([rates.level] if rates.level else []), *([shock] if shock else [])]
        held += self._process.episodes.live.values()
        return web.json_response({"faults": [one.describe(rates.now()) for one in held]})

    async def add_fault(self, request: web.Request) -> web.Response:
        rates = self._process.rates
        try:
            body, lease = await _body(request), secrets.token_hex(8)
            if isinstance(body, dict) and body.get("kind") == KIND:
                shock = self._process.shocks.begin(body, lease, self._process.clock.moment().phase)
                return web.json_response(shock.describe(rates.now()))
            if isinstance(body, dict) and body.get("kind") == EPISODE:
                episode = self._process.episodes.begin(body, lease, self._process.lanes)
                return web.json_response(episode.describe(rates.now()))
            if isinstance(body, dict) and body.get("kind") == "level":
                return web.json_response(rates.hold_level(body, lease).describe(rates.now()))
            surge = rates.add_surge(body, lease)
        except SettingsError as error:
            return web.json_response({"error": "bad_fault", "message": str(error)}, status=400)
        self._process.save_settings()
        return web.json_response(surge.describe(rates.now()))

    async def remove_fault(self, request: web.Request) -> web.Response:
        lease = request.match_info["lease"]
        ended = self._process.shocks.end(lease) or self._process.episodes.end(lease)
        removed = ended or self._process.rates.remove(lease)
        self._process.save_settings()
        return web.json_response({"removed": removed})

    async def responses(self, request: web.Request) -> web.Response:
        """What a capacity test reads twice a second: response times counted from when orders were due, outcomes, findings."""
        return web.json_response(self._process.responses_seen())

    async def metrics(self, request: web.Request) -> web.Response:
        process = self._process
        lines = process.measures.exposition()
        offered = process.rates.offered(process.clock.moment())
        lines += [
            "# HELP trading_offered_rate Requests per second that are due now.",
            "# TYPE trading_offered_rate gauge",
        ]
        lines += [f'trading_offered_rate{{chain="{chain}"}} {rate:.3f}' for chain, rate in offered.items()]
        book, auditor = process.book, process.auditor
        lines += single(
            "trading_client_lost_total", "counter", "Acknowledged orders that a shard does not know.", book.lost
        )
        lines += single(
            "trading_client_duplicate_total", "counter", "Orders that a shard executed twice.", book.duplicates
        )
        lines += single(
            "trading_client_audits_total", "counter", "Accounts compared with the shards' own counts.", auditor.audited
        )
        lines += single("trading_client_pending", "gauge", "Requests whose fate is not known yet.", len(book.pending))
        lines += single("trading_session_phase", "gauge", "Phase of the session: 1 … 4.", process.clock.moment().phase)
        lines += single("trading_session_day", "gauge", "Number of the trading day.", process.clock.day)
        return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")
