"""HTTP of the gateway: /health, /status, /sessions, /metrics."""

from __future__ import annotations

from aiohttp import web

from trading_sim.gateway.metrics import Page, reject_samples
from trading_sim.gateway.service import Gateway


def make_app(gateway: Gateway) -> web.Application:
    """Read-only pages."""
    app = web.Application(client_max_size=1024)

    async def health(request: web.Request) -> web.Response:
        return web.json_response({"state": "up"})

    async def status(request: web.Request) -> web.Response:
        return web.json_response(status_of(gateway))

    async def sessions(request: web.Request) -> web.Response:
        return web.json_response({"sessions": sessions_of(gateway)})

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(text=metrics_of(gateway), content_type="text/plain")

    app.add_routes(
        [
            web.get("/health", health),
            web.get("/status", status),
            web.get("/sessions", sessions),
            web.get("/metrics", metrics),
        ]
    )
    return app


def sessions_of(gateway: Gateway) -> list[dict]:
    """Every session that may log on or ever did; secrets are never told."""
    connected = gateway.sessions.connected()
    numbers = {one.name: one for one in gateway.sessions.known()}
    rows = []
    for name in sorted(set(numbers) | set(gateway.credentials.members)):
        member, known = gateway.credentials.members.get(name), numbers.get(name)
        rows.append(
            {
                "session": name,
                "protocol": member.protocol if member else None,
                "accounts": list(member.rights.accounts) if member else [],
                "connected": name in connected,
                "next_in": known.next_in if known else 1,
                "next_out": known.next_out if known else 1,
                "oldest_kept": known.oldest if known else 1,
                "open_orders": gateway.entry.open_orders[name],
                "in_flight": gateway.entry.in_flight[name],
            }
        )
    return rows


def status_of(gateway: Gateway) -> dict:
    """How the gateway stands; a shard that is silent is said to be so."""
    entry = gateway.entry
    return {
        "started_at": gateway.started_at,
        "ports": {
            name: {
                "connections": len(port.edges),
                "messages": port.messages,
                "cut_offs": dict(port.cut_offs),
            }
            for name, port in gateway.ports.items()
        },
        "sessions": {"connected": len(gateway.sessions.connected()), "known": len(gateway.sessions.known())},
        "open_orders": len(entry.orders),
        "pending_instructions": len(entry.pending),
        "reports": gateway.sessions.reports,
        "shards": {
            str(shard): {
                "silent": gateway.feed_is_silent(shard),
                "entry": entry.places[shard].index,
                "day": entry.places[shard].day,
                "queued": len(entry.queues[shard]),
                "under_way": len(entry.sent[shard].instructions) if entry.sent[shard] else 0,
                "in_doubt": gateway.lanes[shard].doubtful_since is not None,
                "requests": gateway.lanes[shard].requests,
                "feed_gaps": gateway.feeds[shard].gaps,
            }
            for shard in gateway.clients
        },
    }


def metrics_of(gateway: Gateway) -> str:
    """The page for Prometheus."""
    page = Page()
    for write in (_of_ports, _of_instructions, _of_shards, _of_market_data):
        write(page, gateway)
    return page.text()


def _of_ports(page: Page, gateway: Gateway) -> None:
    ports = gateway.ports
    connected = gateway.sessions.connected()
    by_protocol = {
        name: sum(1 for link in connected.values() if getattr(link, "protocol", "") == name) for name in ports
    }
    page.family("trading_gateway_sessions", "gauge", "Sessions that are logged on.", _by("protocol", by_protocol))
    page.family(
        "trading_gateway_connections", "gauge", "Open connections by port.",
        _by("port", {name: len(port.edges) for name, port in ports.items()}),
    )  # fmt: skip
    page.family(
        "trading_gateway_messages_total", "counter", "Messages received by port.",
        _by("port", {name: port.messages for name, port in ports.items()}),
    )  # fmt: skip
    for direction in ("in", "out"):
        page.family(
            f"trading_gateway_bytes_{direction}_total", "counter", f"Bytes {direction} by port.",
            _by("port", {name: getattr(port, f"bytes_{direction}") for name, port in ports.items()}),
        )  # fmt: skip
    page.family(
        "trading_gateway_cut_offs_total", "counter", "Connections ended by the gateway, by port and reason.",
        [({"port": name, "reason": why}, n) for name, port in ports.items() for why, n in sorted(port.cut_offs.items())],
    )  # fmt: skip
    page.family(
        "trading_gateway_logons_total", "counter", "Logons by outcome.", _by("outcome", gateway.counters.logons)
    )


def _of_instructions(page: Page, gateway: Gateway) -> None:
    entry = gateway.entry
    page.family(
        "trading_gateway_instructions_total", "counter", "Instructions received by kind.",
        _by("kind", gateway.counters.instructions),
    )  # fmt: skip
    page.family("trading_gateway_reports_total", "counter", "Reports made.", [({}, gateway.sessions.reports)])
    page.family(
        "trading_gateway_rejects_total", "counter", "Refused instructions by reason.",
        reject_samples(gateway.counters.rejects),
    )  # fmt: skip
    page.family(
        "trading_gateway_session_rejects_total", "counter", "Messages that broke a rule of their protocol.",
        _by("rule", gateway.counters.session_rejects),
    )  # fmt: skip
    page.family("trading_gateway_open_orders", "gauge", "Orders that may still change.", [({}, len(entry.orders))])
    page.family(
        "trading_gateway_pending_instructions", "gauge", "Instructions whose fate is open.", [({}, len(entry.pending))]
    )
    page.histogram(
        "trading_gateway_order_report_seconds", "Time from an instruction to the report of its fate.",
        gateway.counters.latency,
    )  # fmt: skip


def _of_shards(page: Page, gateway: Gateway) -> None:
    page.family(
        "trading_gateway_doubtful", "gauge", "1 while a request to the shard has no answer for long.",
        _by("shard", {s: lane.doubtful_since is not None for s, lane in gateway.lanes.items()}),
    )  # fmt: skip
    page.family(
        "trading_gateway_feed_silent", "gauge", "1 while nothing is heard from the shard's feed.",
        _by("shard", {shard: gateway.feed_is_silent(shard) for shard in gateway.feeds}),
    )  # fmt: skip
    page.family(
        "trading_gateway_feed_gaps_total", "counter", "Times the feed had gone on too far to be followed.",
        _by("shard", {shard: feed.gaps for shard, feed in gateway.feeds.items()}),
    )  # fmt: skip


def _of_market_data(page: Page, gateway: Gateway) -> None:
    channels = gateway.channels
    page.family(
        "trading_gateway_market_data_updates_total", "counter", "Updates of a channel.",
        _by("channel", {number: channel.updates for number, channel in channels.items()}),
    )  # fmt: skip
    page.family(
        "trading_gateway_market_data_stale", "gauge", "1 while the shard does not tell what changed.",
        _by("channel", {number: channel.stale for number, channel in channels.items()}),
    )  # fmt: skip
    page.family(
        "trading_gateway_market_data_trades_left_out_total", "counter", "Trades beyond the bound of an update.",
        _by("channel", {number: channel.trades_left_out for number, channel in channels.items()}),
    )  # fmt: skip
    for name, text in (
        ("snapshots", "Snapshots sent."),
        ("gap_requests", "Snapshots that clients asked for after a gap."),
        ("conflated", "Times a slow client was owed a snapshot instead of updates."),
    ):
        page.family(f"trading_gateway_market_data_{name}_total", "counter", text, [({}, getattr(gateway.told, name))])


def _by(label: str, values: dict) -> list[tuple[dict[str, str], float]]:
    return [({label: str(name)}, value) for name, value in values.items()]
