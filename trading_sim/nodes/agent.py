"""The agents of a centre's nodes over HTTP: `/nodes/{name}/…`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web

from trading_sim.nodes import facts, settings
from trading_sim.nodes.centre import Centre
from trading_sim.nodes.exposition import CONTENT_TYPE, node_metrics
from trading_sim.nodes.fetch import PackageFetcher
from trading_sim.nodes.node import Node
from trading_sim.nodes.package_file import VERSION
from trading_sim.nodes.requests import BadRequest, answer, identity, json_body, number, text
from trading_sim.nodes.settings import SettingsError

METRICS_HEADERS = {"Content-Type": CONTENT_TYPE}
DIGEST_LENGTH = 64
MOST_CONFIG = 256 * 1024
LONGEST_WAIT_S = 30
LOOK_EVERY_S, LOOK_AT_LEAST_EVERY_S = 0.1, 0.5


@dataclass(frozen=True)
class Goal:
    """States in which a caller wants to hear of the node, and the seconds after which in any case."""

    states: frozenset[str]
    wait_s: int


def goal(body: dict) -> Goal | None:
    """From `until` and `wait_s` of an action; None when it is to be answered at once. Raises BadRequest."""
    until, wait_s = body.get("until"), body.get("wait_s", 0)
    if type(wait_s) is not int or not 0 <= wait_s <= LONGEST_WAIT_S:
        raise BadRequest("bad_field", f"wait_s must be a whole number from 0 to {LONGEST_WAIT_S}")
    if until is None:
        return None
    if not isinstance(until, list) or not all(isinstance(state, str) for state in until):
        raise BadRequest("bad_field", "until must be a list of states")
    return Goal(frozenset(until), wait_s)


class ConnectionDropped(Exception):
    """The host does not answer: the connection is closed instead."""


class Agents:
    """Handlers; every one finds its node first, and a lost host answers nothing but what undoes its faults."""

    def __init__(self, centre: Centre):
        self.centre, self.fetcher = centre, PackageFetcher()
        self._by_name = centre.life.by_name

    def routes(self) -> list[web.RouteDef]:
        base = "/nodes/{name}"
        return [
            web.get(f"{base}/metrics", self.metrics),
            web.get(f"{base}/health", self.health),
            web.get(f"{base}/version", self.version),
            web.post(f"{base}/release/stage", self.stage),
            web.post(f"{base}/release/switch", self.switch),
            web.post(f"{base}/drain", self.drain),
            web.post(f"{base}/undrain", self.undrain),
            web.post(f"{base}/restart", self.restart),
            web.get(f"{base}/config", self.read_config),
            web.put(f"{base}/config", self.write_config),
            web.post(f"{base}/config/check", self.check_config),
            web.get(f"{base}/log", self.log),
            web.get(f"{base}/diagnostics", self.diagnostics),
            web.get(f"{base}/inspection", self.inspection),
            web.get(f"{base}/actions", self.actions),
            web.get(f"{base}/replica", self.replica),
            web.post(f"{base}/handover", self.hand_over),
            web.get(f"{base}/faults", self.faults),
            web.post(f"{base}/faults", self.inject),
            web.delete(f"{base}/faults/{{lease}}", self.clear),
        ]

    def _any_node(self, request: web.Request) -> Node:
        name = request.match_info["name"]
        node = self._by_name.get(name)
        if node is None:
            raise BadRequest("unknown_node", f"{self.centre.name} has no node {name!r}", 404)
        return node

    def _node(self, request: web.Request) -> Node:
        node = self._any_node(request)
        if node.faults and node.has("host"):
            raise ConnectionDropped
        return node

    async def metrics(self, request: web.Request) -> web.Response:
        body = node_metrics(self._node(request), self.centre.arrays)
        return web.Response(body=body, headers=METRICS_HEADERS)

    async def health(self, request: web.Request) -> web.Response:
        """With `until=up,drained&wait_s=5`: answers when the node is in one of these states, at the latest after that time."""
        wanted = frozenset(request.query.get("until", "").split(",")) - {""}
        if wanted:
            wait_s = number(request, "wait_s", 0, 0, LONGEST_WAIT_S)
            return answer(await self._health_when(request, Goal(wanted, wait_s)))
        return answer(self.centre.node_health(self._node(request)))

    async def _health_when(self, request: web.Request, goal: Goal) -> dict:
        """The node's health when it is there, or the time is over."""
        ends = self.centre.monotonic() + goal.wait_s
        while True:
            node, now = self._node(request), self.centre.monotonic()
            if node.state(now) in goal.states or now >= ends:
                return self.centre.node_health(node)
            # A thousand nodes may be waited for at once, so nobody looks before the node can be there by itself.
            due = max(LOOK_EVERY_S, min(node.settles_in(now), LOOK_AT_LEAST_EVERY_S))
            await asyncio.sleep(min(due, ends - now))

    async def _acted(self, request: web.Request, goal: Goal | None, result: dict) -> web.Response:
        """What the action gave; with a goal when the node is there, with its `health` and the time `waited_ms`."""
        if goal is None:
            return answer(result)
        began = self.centre.monotonic()
        health = await self._health_when(request, goal)
        return answer(result | {"health": health, "waited_ms": round((self.centre.monotonic() - began) * 1000)})

    async def version(self, request: web.Request) -> web.Response:
        node = self._node(request)
        return answer({"node": node.name, "version": node.version, "staged": node.store.staged()})

    async def stage(self, request: web.Request) -> web.Response:
        node, body = self._node(request), await json_body(request)
        who, version, digest = (
            identity(body),
            text(body, "version", limit=60),
            text(body, "digest", limit=DIGEST_LENGTH),
        )
        if not VERSION.match(version):
            raise BadRequest("bad_field", f"version must look like 1.2.3, not {version!r}")
        source = text(body, "package")
        known = self.centre.actions.known(node, "stage", who.key, who.epoch)
        if known is not None:
            return answer(known)
        package = await self.fetcher.get(source, digest, node.spec.service, version)
        return answer(self.centre.actions.stage(node, package, key=who.key, epoch=who.epoch))

    async def switch(self, request: web.Request) -> web.Response:
        node, body = self._node(request), await json_body(request)
        who, version = identity(body), text(body, "version", limit=60)
        if not VERSION.match(version):
            raise BadRequest("bad_field", f"version must look like 1.2.3, not {version!r}")
        until = goal(body)
        return await self._acted(
            request, until, self.centre.actions.switch(node, version, key=who.key, epoch=who.epoch)
        )

    async def drain(self, request: web.Request) -> web.Response:
        return await self._drain(request, True)

    async def undrain(self, request: web.Request) -> web.Response:
        return await self._drain(request, False)

    async def _drain(self, request: web.Request, drained: bool) -> web.Response:
        node, body = self._node(request), await json_body(request)
        who, reason = identity(body), text(body, "reason", default="not given")
        until = goal(body)
        return await self._acted(
            request, until, self.centre.actions.drain(node, drained, reason, key=who.key, epoch=who.epoch)
        )

    async def restart(self, request: web.Request) -> web.Response:
        node, body = self._node(request), await json_body(request)
        who, reason = identity(body), text(body, "reason", default="not given")
        until = goal(body)
        return await self._acted(
            request, until, self.centre.actions.restart(node, reason, key=who.key, epoch=who.epoch)
        )

    async def read_config(self, request: web.Request) -> web.Response:
        node = self._node(request)
        return answer({"node": node.name, "content": node.store.read_config(), "digest": node.config_digest})

    async def write_config(self, request: web.Request) -> web.Response:
        node, body = self._node(request), await json_body(request)
        who, content = identity(body), text(body, "content", limit=MOST_CONFIG)
        expect = text(body, "expect", limit=DIGEST_LENGTH) if body.get("expect") else ""
        return answer(self.centre.actions.config(node, content, key=who.key, epoch=who.epoch, expect=expect))

    async def check_config(self, request: web.Request) -> web.Response:
        """Would the running release read this configuration? Changes nothing."""
        node, body = self._node(request), await json_body(request)
        content, problem = text(body, "content", limit=MOST_CONFIG), ""
        try:
            settings.parse(content, node.store.config_schema())
        except SettingsError as error:
            problem = str(error)
        return answer({"node": node.name, "ok": not problem, "problem": problem, "digest": settings.digest(content)})

    async def log(self, request: web.Request) -> web.Response:
        node = self._node(request)
        offset = number(request, "offset", 0, -(2**40), 2**40)
        limit, previous = number(request, "limit", 200, 1, 5000), bool(number(request, "previous", 0, 0, 1))
        return answer(node.store.read_log(offset, limit, previous=previous))

    async def diagnostics(self, request: web.Request) -> web.Response:
        return answer(self.centre.diagnostics(self._node(request)))

    async def inspection(self, request: web.Request) -> web.Response:
        node = self._node(request)
        found = facts.inspection(node, self.centre.arrays, self.centre.wall())
        return answer(self.centre.node_health(node) | found)

    async def actions(self, request: web.Request) -> web.Response:
        node = self._node(request)
        listing = {key: action.describe() for key, action in node.journal.actions.items()}
        return answer({"node": node.name, "epoch": node.journal.epoch, "actions": listing})

    async def replica(self, request: web.Request) -> web.Response:
        return answer(await self.centre.leading.status(self._node(request)))

    async def hand_over(self, request: web.Request) -> web.Response:
        node, body = self._node(request), await json_body(request)
        who, to, reason = identity(body), text(body, "to", limit=60), text(body, "reason", default="not given")
        term = body.get("term")
        if term is not None and type(term) is not int:
            raise BadRequest("bad_field", "term must be a whole number, or left out")
        return answer(await self.centre.leading.hand_over(node, who, to=to, term=term, reason=reason))

    async def faults(self, request: web.Request) -> web.Response:
        node, now = self._any_node(request), self.centre.wall()
        return answer({"faults": [fault.describe(now) for fault in node.faults]})

    async def inject(self, request: web.Request) -> web.Response:
        node, body = self._any_node(request), await json_body(request)
        fault = self.centre.life.inject(
            body.get("kind"),
            body.get("params", {}),
            body.get("lease_s"),
            body.get("owner"),
            [node.name],
            body.get("key"),
        )
        return answer({"lease": fault.lease, "nodes": fault.nodes, "expires_at": fault.expires_at})

    async def clear(self, request: web.Request) -> web.Response:
        self._any_node(request)
        lease = request.match_info["lease"]
        return answer({"lease": lease, "removed": self.centre.clear(lease)})
