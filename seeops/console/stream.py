"""The live stream: one server-sent-events connection per page that says which topics changed.

Events carry no data. The page fetches the part it shows again, so what it sees passes the same rights as ever. `hello` is
sent once changes are really heard, `tick` every few seconds for parts that change all the time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import redis.asyncio as redis
from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from redis.exceptions import RedisError

from seeops.core.live import CHANNEL

TICK_S = 5.0
COALESCE_S = 0.25
LONGEST_S = 3600.0


async def stream(request: HttpRequest) -> HttpResponse:
    """`GET /stream/?topic=release-12&topic=alerts`: events named after their topic. 204 for people not signed in."""
    user = await request.auser()
    if not user.is_authenticated:
        return HttpResponse(status=204)
    # The session was read; give the pooled connection back before the stream lives for an hour.
    await sync_to_async(_close_connections)()
    response = StreamingHttpResponse(_events(set(request.GET.getlist("topic"))), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def _close_connections() -> None:
    from django.db import connections

    connections.close_all()


async def _events(topics: set[str]) -> AsyncIterator[bytes]:
    ends_at = time.monotonic() + LONGEST_S
    client = redis.Redis.from_url(settings.VALKEY_URL, socket_connect_timeout=2)
    subscriber = client.pubsub(ignore_subscribe_messages=True)
    next_tick = time.monotonic() + TICK_S
    try:
        await subscriber.subscribe(CHANNEL)
        yield b"retry: 2000\nevent: hello\ndata: 1\n\n"
        while time.monotonic() < ends_at:
            for topic in await _changed(subscriber, max(0.05, next_tick - time.monotonic())) & topics:
                yield f"event: {topic}\ndata: 1\n\n".encode()
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + TICK_S
                yield b"event: tick\ndata: 1\n\n"
    except RedisError:
        # The browser reconnects by itself; until then its pages say how old their data is.
        yield b"event: lost\ndata: 1\n\n"
    finally:
        await subscriber.aclose()
        await client.aclose()


async def _changed(subscriber: redis.client.PubSub, timeout_s: float) -> set[str]:
    """Topics published within `timeout_s`; waits a little after the first, so that a burst becomes one event each."""
    message = await subscriber.get_message(timeout=timeout_s)
    found: set[str] = set()
    if message is None:
        return found
    await asyncio.sleep(COALESCE_S)
    while message is not None:
        found.add(message["data"].decode())
        message = await subscriber.get_message(timeout=0)
    return found
