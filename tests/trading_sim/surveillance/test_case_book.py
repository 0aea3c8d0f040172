"""Cases and actions on disk: taken once however often they are told, joined to their matter, acted on once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trading_sim.surveillance.book import JOIN_NS, LAPSE_NS, CaseBook
from trading_sim.surveillance.findings import Finding

SECOND = 10**9


@pytest.fixture
def book(tmp_path: Path) -> Iterator[CaseBook]:
    book = CaseBook(tmp_path / "cases.sqlite", lambda: 100.0)
    yield book
    book.close()


def finding(step: int = 3, at_s: float = 10.0, **changes: Any) -> Finding:
    values = {
        "pattern": "oversized", "shard": 0, "symbol": 3, "accounts": (9,), "step": step, "score": 3.0 * step, "first_ns": 1,
        "at_ns": int(at_s * SECOND), "figures": {"ratio": 9.1, "huge": 500},
    }  # fmt: skip
    if changes.get("pattern") == "coordinated":
        values["figures"] = {"trades": 9, "share": 80, "members": 4}
    return Finding(**(values | changes))


def take(book: CaseBook, *found: Finding, entry: int = 5, act: bool = False) -> list[int]:
    pairs = [(one, lambda: {"rows": [], "left_out": 0}) for one in found]
    return book.take(0, entry, 7, pairs, lambda one: 1 if act and one.step == 3 else None, [0, 1])


def all_cases(book: CaseBook, **filters: Any) -> list[dict[str, Any]]:
    return book.cases(filters, 50, None)["cases"]


def test_the_same_findings_again_change_nothing(book: CaseBook) -> None:
    assert len(take(book, finding(1), finding(3, 12), act=True)) == 2
    before = all_cases(book), book.unsettled(0)
    assert take(book, finding(1), finding(3, 12), act=True) == []
    assert (all_cases(book), book.unsettled(0)) == before
    assert book.position(0) == (5, 7)
    assert len(before[0]) == len(before[1]) == 1


def test_a_case_rises_and_tells_when_it_reached_each_step(book: CaseBook) -> None:
    take(book, finding(1))
    take(book, finding(3, 20))
    (case,) = all_cases(book)
    full = book.case(case["id"])
    assert full is not None
    assert [(step["step"], step["at_ns"]) for step in full["steps"]] == [
        ("watch", 10 * SECOND), ("warn", 20 * SECOND), ("act", 20 * SECOND),
    ]  # fmt: skip
    assert book.counts()["reached"]["oversized", "watch"] == 1
    assert book.counts()["open"]["oversized", "act"] == 1


def test_a_growing_group_is_one_case_and_newcomers_are_acted_on(book: CaseBook) -> None:
    take(book, finding(3, pattern="coordinated", accounts=(1, 2, 3)), act=True)
    take(book, finding(3, 15, pattern="coordinated", accounts=(2, 3, 4)), act=True)
    (case,) = all_cases(book)
    assert case["accounts"] == [1, 2, 3, 4]
    assert sorted(order["account"] for order in book.unsettled(1)) == [1, 2, 3, 4]


def test_what_a_person_closed_stays_closed_until_it_says_more_or_is_long_over(book: CaseBook) -> None:
    take(book, finding(2))
    (case,) = all_cases(book)
    assert book.close_case(case["id"], "mei", "asked the desk")
    assert not book.close_case(case["id"], "mei", "again")
    assert take(book, finding(2, 30)) == []
    assert len(take(book, finding(3, 40))) == 1
    assert len(take(book, finding(2, 40 + 2 * JOIN_NS / SECOND))) == 1
    assert len(all_cases(book)) == 3


def test_only_quiet_watched_cases_lapse(book: CaseBook) -> None:
    take(book, finding(1), finding(2, symbol=4))
    assert book.lapse(10 * SECOND + LAPSE_NS + 1) == 1
    assert [case["symbol"] for case in all_cases(book, state="open")] == [4]


def test_an_account_is_not_restricted_twice_for_two_cases(book: CaseBook) -> None:
    take(book, finding(3), finding(3, symbol=4), act=True)
    assert len(book.unsettled(0)) == 1


def test_a_key_is_one_action_and_request_numbers_rise(book: CaseBook) -> None:
    asked = {"account": 9, "status": 2, "reason": "r", "actor": "mei", "shards": [0, 1]}
    first, new = book.ask(key="a", **asked)
    assert (book.ask(key="a", **asked), new) == ((first, False), True)
    book.ask(key="b", **asked | {"status": 0})
    numbers = [order["request"] for order in book.unsettled(0)]
    assert numbers == sorted(numbers)
    assert len({*numbers, *(order["request"] for order in book.unsettled(1))}) == 4


def test_an_action_is_executed_only_when_every_shard_has_done_it(book: CaseBook) -> None:
    action, _ = book.ask(key="a", account=9, status=1, reason="r", actor="mei", shards=[0, 1])
    outcomes = []
    for shard, outcome in ((0, "executed"), (1, "unknown"), (1, "executed")):
        book.settle(action, shard, outcome, "")
        outcomes.append((book.action("a") or {})["outcome"])
    assert outcomes == ["requested", "unknown", "executed"]
    assert book.status_of(9) == 1
    assert [one["account"] for one in book.restricted()] == [9]


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    first = CaseBook(tmp_path / "c.sqlite")
    take(first, finding(3), act=True)
    first.set_acts(False)
    client = first.client_id
    first.close()
    second = CaseBook(tmp_path / "c.sqlite")
    assert (second.client_id, second.acts, len(second.unsettled(0)), second.position(0)) == (client, False, 1, (5, 7))
    second.close()


def test_filters_and_pages(book: CaseBook) -> None:
    take(book, *(finding(1 + n % 3, symbol=n, accounts=(n + 1,)) for n in range(9)))
    page = book.cases({"step": "warn"}, 4, None)
    assert (len(page["cases"]), page["total"]) == (4, 6)
    rest = book.cases({"step": "warn"}, 4, page["next"])
    assert (len(rest["cases"]), rest["next"]) == (2, None)
    assert [case["accounts"] for case in all_cases(book, account=3)] == [[3]]
