"""The replica's HTTP side: `/metrics`, `/status`, and `/faults` (GET, POST {kind, params, lease_s, owner}, DELETE /faults/{lease}), `/takeover` (POST
{confirm, owner, reason}), `/handover` (POST {to, term, owner, reason})."""

import asyncio
import json
from functools import partial
from typing import Protocol

from aiohttp import web

from trading_sim.shard.faults import FaultBoard, FaultError
from trading_sim.shard.handover import HandOverRefused
from trading_sim.shard.takeover import TakeoverRefused

HAND_OVER_TIMEOUT_S, HAND_OVER_POLL_S = 3.0, 0.01


class Observed(Protocol):
    """What the pages show."""

    name: str
    board: FaultBoard

    def status(self) -> dict:
        """How this replica stands."""

    def metrics_page(self) -> str:
        """Prometheus' text format."""

    def take_over(self, owner: str, reason: str) -> dict:
        """Go on without the other members. Raises TakeoverRefused."""

    def hand_over(self, heir: str, term: int | None, owner: str, reason: str) -> dict:
        """Begin to hand the lead to another replica. Raises HandOverRefused."""

    def handing_over(self) -> bool | None:
        """Whether a hand-over is under way; None when this replica leads no longer."""

    def snapshot_now(self) -> int:
        """Start a snapshot; returns the index of its last entry."""


def make_app(replica: Observed) -> web.Application:
    """The pages of a replica."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=replica.metrics_page(), content_type="text/plain")

    async def status(_: web.Request) -> web.Response:
        return web.json_response(replica.status())

    async def faults(_: web.Request) -> web.Response:
        return web.json_response({"faults": replica.board.listing()})

    async def inject(request: web.Request) -> web.Response:
        try:
            body = await request.json()
            if not isinstance(body, dict):
                raise FaultError("The body must be an object with kind, params, lease_s and owner.")
            fault = replica.board.inject(
                str(body.get("kind")), body.get("params", {}), body.get("lease_s", 0), body.get("owner", "")
            )
        except (json.JSONDecodeError, FaultError) as error:
            return web.json_response({"error": "bad_fault", "detail": str(error)}, status=400)
        return web.json_response({"lease": fault.lease, "kind": fault.kind, "params": fault.params}, status=201)

    async def clear(request: web.Request) -> web.Response:
        lease = request.match_info["lease"]
        if not lease.isdigit() or not replica.board.clear(int(lease)):
            return web.json_response({"error": "no_such_fault", "detail": f"No fault has lease {lease}."}, status=404)
        return web.json_response({"cleared": int(lease)})

    async def snapshot(_: web.Request) -> web.Response:
        return web.json_response({"index": replica.snapshot_now()}, status=202)

    app = web.Application(client_max_size=64 << 10)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/status", status)
    app.router.add_get("/faults", faults)
    app.router.add_post("/faults", inject)
    app.router.add_delete("/faults/{lease}", clear)
    app.router.add_post("/snapshot", snapshot)
    app.router.add_post("/takeover", partial(_take_over, replica))
    app.router.add_post("/handover", partial(_hand_over, replica))
    return app


async def _hand_over(replica: Observed, request: web.Request) -> web.Response:
    """Asked of the leader: to whom it hands its lead, who decided and why. Answered when it has, or has given up."""
    try:
        body = await request.json()
    except json.JSONDecodeError:
        body = None
    texts = isinstance(body, dict) and all(isinstance(body.get(n), str) and body[n] for n in ("to", "owner", "reason"))
    if not texts or not (body.get("term") is None or type(body["term"]) is int):
        detail = "to, owner and reason are texts, term is a whole number or left out."
        return web.json_response({"error": "bad_request", "detail": detail}, status=400)
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        handed = replica.hand_over(body["to"], body.get("term"), body["owner"], body["reason"])
    except HandOverRefused as refused:
        return web.json_response({"error": "refused", "detail": str(refused)}, status=409)
    while replica.handing_over() and loop.time() - began < HAND_OVER_TIMEOUT_S:
        await asyncio.sleep(HAND_OVER_POLL_S)
    took = round(loop.time() - began, 4)
    if replica.handing_over() is None:
        return web.json_response(handed | {"seconds": took})
    detail = f"{body['to']} did not catch up in time: {replica.name} leads on, nothing was lost. Try again."
    return web.json_response({"error": "not_handed_over", "detail": detail, "seconds": took}, status=409)


async def _take_over(replica: Observed, request: web.Request) -> web.Response:
    """Asked of this replica by name, with who decided and why."""
    try:
        body = await request.json()
    except json.JSONDecodeError:
        body = None
    if not isinstance(body, dict) or not all(
        isinstance(body.get(n), str) and body[n] for n in ("confirm", "owner", "reason")
    ):
        return web.json_response({"error": "bad_request", "detail": "confirm, owner and reason are texts."}, status=400)
    if body["confirm"] != replica.name:
        detail = f"confirm must name this replica, {replica.name}: the others are given up for good."
        return web.json_response({"error": "not_confirmed", "detail": detail}, status=400)
    try:
        return web.json_response(replica.take_over(body["owner"], body["reason"]))
    except TakeoverRefused as refused:
        return web.json_response({"error": "refused", "detail": str(refused)}, status=409)
