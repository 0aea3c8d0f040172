"""What people see while the database or the broker is away: a page of its own that needs neither, never a traceback."""

from __future__ import annotations

import json

import psycopg
import pytest
from django.db import IntegrityError, OperationalError
from django.test import RequestFactory
from psycopg.errors import AdminShutdown, DeadlockDetected
from redis.exceptions import ConnectionError as NoBroker

from seeops.console import problems
from seeops.core import outage


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    """The error as it arrives: raised from its cause."""
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def answer(error: Exception, path: str = "/releases/", method: str = "GET", **headers: str):
    request = RequestFactory(headers=headers).generic(method, path)
    try:
        raise error
    except type(error):
        return problems.server_error(request)


GONE = raised(OperationalError("gone"), psycopg.OperationalError("gone"))


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (GONE, "database"),
        (raised(OperationalError("stopping"), AdminShutdown("stopping")), "database"),
        (raised(ValueError("later"), GONE), "database"),
        (NoBroker("refused"), "broker"),
        (raised(OperationalError("deadlock"), DeadlockDetected("deadlock")), ""),
        (IntegrityError("twice"), ""),
        (ValueError("a mistake of ours"), ""),
    ],
)
def test_a_part_that_is_away_is_told_from_a_mistake(error: Exception, part: str) -> None:
    assert outage.away(error) == part


def test_a_page_comes_back_by_itself_and_asks_nobody() -> None:
    page = answer(GONE)
    assert page.status_code == 503
    assert "The database does not answer." in page.content.decode()
    assert 'http-equiv="refresh"' in page.content.decode()


def test_a_change_is_not_sent_again_by_itself() -> None:
    page = answer(GONE, method="POST").content.decode()
    assert 'http-equiv="refresh"' not in page
    assert "go back and look before you repeat it" in page


def test_programs_get_a_sentence_and_a_time() -> None:
    told = answer(GONE, path="/api/v1/nodes/")
    assert (told.status_code, told["Retry-After"]) == (503, "3")
    assert json.loads(told.content) == {"detail": "The database does not answer.", "code": "unavailable"}


def test_a_part_keeps_what_it_shows_and_a_change_says_so() -> None:
    part = answer(GONE, HX_Request="true")
    assert (part.status_code, json.loads(part["HX-Trigger"])) == (503, {"away": "The database does not answer."})
    change = answer(GONE, method="POST", HX_Request="true")
    assert "look again before you repeat it" in json.loads(change["HX-Trigger"])["toast"]["text"]


def test_a_cache_whose_server_is_away_knows_nothing() -> None:
    cache = outage.ForgettingCache("redis://127.0.0.1:1/0", {"OPTIONS": {"socket_connect_timeout": 2}})
    cache.set("figures", 1)
    assert cache.get("figures", "nothing") == "nothing"
