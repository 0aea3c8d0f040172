"""Telling "a part that everything needs is away" from "this page is broken"."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.redis import RedisCache
from django.db import InterfaceError, OperationalError
from redis.exceptions import RedisError

# SQLSTATE classes and codes with which PostgreSQL says that it is going, coming, or that the connection is gone.
_CONNECTION = ("08", "57P01", "57P02", "57P03")


def away(error: BaseException | None) -> str:
    """ "database" or "broker" when that part not answering is why `error` was raised, else ""."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, (OperationalError, InterfaceError)) and _no_connection(error):
            return "database"
        if isinstance(error, RedisError):
            return "broker"
        error = error.__cause__ or error.__context__
    return ""


def _no_connection(error: BaseException) -> bool:
    """Errors of a statement have a code of their own; one without any never reached the server, or never came back."""
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(_CONNECTION)


class ForgettingCache(RedisCache):
    """A cache that knows nothing while its server is away: what it holds can be collected again, so no page needs it."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except RedisError:
            return default

    def set(self, key: Any, value: Any, *arguments: Any, **named: Any) -> None:
        try:
            super().set(key, value, *arguments, **named)
        except RedisError:
            return
