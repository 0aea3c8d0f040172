"""Tells open pages that something changed. Carries no data: the page fetches the part it shows, with its own rights."""

from __future__ import annotations

import logging
from functools import partial

import redis
from django.conf import settings
from django.db import transaction

log = logging.getLogger(__name__)
CHANNEL = "seeops:live"
_pool: redis.ConnectionPool | None = None


def announce(*topics: str) -> None:
    """Publish each topic (such as `release-12`, `alerts`) after the running transaction commits."""
    transaction.on_commit(partial(_publish, topics))


def _publish(topics: tuple[str, ...]) -> None:
    global _pool
    if _pool is None:
        _pool = redis.ConnectionPool.from_url(settings.VALKEY_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        client = redis.Redis(connection_pool=_pool)
        for topic in topics:
            client.publish(CHANNEL, topic)
    except redis.RedisError as error:
        log.warning("live update not sent; open pages refresh at their next tick", extra={"error": str(error)})
