"""What the judge says when there is little, nothing or nonsense to judge from: every case with its documented verdict.

Judges elsewhere are known to pass what they could not measure: a group without data scores full marks, a critical metric whose
query fails is not counted, one empty side counts as equal. Here whatever is unknown is INCONCLUSIVE, which holds the release.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from seeops.core.errors import Unavailable
from seeops.monitoring import prometheus
from seeops.releases import collect, counts, surroundings
from seeops.releases.judge_settings import JudgeSettings
from seeops.releases.samples import Earlier, NodeSample, Surroundings
from seeops.releases.verdict import FAIL, INCONCLUSIVE, PASS, judge
from tests.prometheus_stub import running
from tests.seeops.releases.measured import around, node, nodes

SETTINGS = JudgeSettings()
Side = Sequence[NodeSample]


@dataclass
class Case:
    """`changed` of 6 nodes and `peers` of 30 are healthy unless the case changes them; so is what is around."""

    name: str
    outcome: str
    says: str = ""
    changed: Callable[[list[NodeSample]], Side] = list
    peers: Callable[[list[NodeSample]], Side] = list
    around: Callable[[np.random.Generator], Surroundings] = around


def each(**values: Any) -> Callable[[list[NodeSample]], Side]:
    return lambda side: [replace(sample, **values) for sample in side]


def first(**values: Any) -> Callable[[list[NodeSample]], Side]:
    return lambda side: [replace(side[0], **values), *side[1:]]


def seeded(count: int, seed: int, **kind: float) -> Callable[[list[NodeSample]], Side]:
    return lambda _: nodes(np.random.default_rng(seed), count, **kind)


def with_around(**values: Any) -> Callable[[np.random.Generator], Surroundings]:
    return lambda rng: around(rng, **values)


FLAT = NodeSample(
    "n", "SZ-A", 500, 0, 0.1, (500.0, *([0.0] * 12)), tuple((10.0 * i, 4e8) for i in range(6)), serving=True, measured=True,
    restarts=0.0, watched_s=50.0,
)  # fmt: skip
BLANK = {
    "requests": 0.0,
    "errors": 0.0,
    "seconds": 0.0,
    "buckets": (),
    "memory": (),
    "serving": None,
    "measured": False,
}


def yesterday(**kind: float) -> Earlier:
    return Earlier("yesterday", "the same minutes", tuple(nodes(np.random.default_rng(77), 36, **kind)))


CASES = (
    Case("all is well", PASS),
    # nothing, or one side only
    Case("no data at all", INCONCLUSIVE, "were measured", each(**BLANK), each(**BLANK)),
    Case("no changed node", INCONCLUSIVE, "no changed node", lambda _: []),
    Case("no peer", INCONCLUSIVE, "no peer", peers=lambda _: []),
    Case("changed nodes without data", INCONCLUSIVE, "only 0 of 6 changed", each(**BLANK)),
    Case("peers without data", INCONCLUSIVE, "only 0 of 30 peers", peers=each(**BLANK)),
    Case("a third of the changed nodes unmeasured", INCONCLUSIVE, "only 4 of 6 changed",
         lambda side: [*side[:4], *(replace(sample, measured=False) for sample in side[4:])]),
    Case("two peers", INCONCLUSIVE, "3 are needed", peers=lambda side: side[:2]),
    Case("fewer requests than the minimum", INCONCLUSIVE, "requests", seeded(1, 5, requests=40)),
    # zeros, constants, no numbers
    Case("peers had no request", INCONCLUSIVE, "no requests on one side", peers=each(requests=0.0, errors=0.0, seconds=0.0, buckets=(0.0,) * 13)),
    Case("no error on either side", PASS, "", each(errors=0.0), each(errors=0.0)),
    Case("all-zero baseline, sparse errors on the changed side", FAIL, "errors", lambda side: [replace(sample, errors=count) for sample, count in zip(side, (0, 2, 3, 2, 1, 1), strict=True)], each(errors=0.0)),
    Case("constant and equal", PASS, "", lambda _: [FLAT] * 6, lambda _: [FLAT] * 30),
    Case("constant and twice as slow", FAIL, "mean duration", lambda _: [replace(FLAT, seconds=0.2)] * 6, lambda _: [FLAT] * 30),
    Case("durations that are no numbers", INCONCLUSIVE, "", each(seconds=math.nan)),
    Case("endless durations", INCONCLUSIVE, "", each(seconds=math.inf)),
    Case("errors that are no numbers", INCONCLUSIVE, "errors: cannot be computed", each(errors=math.nan)),
    Case("memory never measured", INCONCLUSIVE, "memory was not measured", each(memory=())),
    Case("not known who serves", INCONCLUSIVE, "not known which nodes serve", each(serving=None)),
    # small effects
    Case("one per cent slower", PASS, "", seeded(6, 11, factor=1.01, requests=900)),
    Case("thirty per cent slower", FAIL, "duration", seeded(6, 12, factor=1.3)),
    Case("a failing metric beside unknown ones", FAIL, "errors", lambda _: [replace(sample, memory=(), serving=None) for sample in nodes(np.random.default_rng(13), 6, errors=0.05)]),
    Case("one of six does not serve", INCONCLUSIVE, "do not serve", first(serving=False)),
    Case("a process restarted by itself", INCONCLUSIVE, "restarts", first(restarts=1.0)),
    # integrity
    Case("one order lost", FAIL, "orders lost: 1 in these minutes", around=with_around(integrity={"trading_client_lost_total": 1.0})),
    Case("one order executed twice", FAIL, "executed twice", around=with_around(integrity={"trading_client_duplicate_total": 1.0})),
    Case("a gap in a sequence", FAIL, "gaps", around=with_around(integrity={"trading_gateway_feed_gaps_total": 1.0})),
    Case("integrity is not told", INCONCLUSIVE, "orders lost: not known", around=with_around(integrity={"trading_client_lost_total": None})),
    Case("nobody compared the books", INCONCLUSIVE, "book was compared", around=with_around(integrity={"trading_client_audits_total": 0.0})),
    Case("a cluster without a gateway", PASS, around=with_around(integrity={"trading_gateway_feed_gaps_total": None})),
    # around
    Case("a chain fails", FAIL, "cash-order: errors", around=with_around(failing=0.03)),
    Case("a chain is three times as slow", FAIL, "cash-order: duration", around=with_around(slower=3.0)),
    Case("a chain is slower, at the changed service", FAIL, "cash-order: duration", around=with_around(slower=3.0, hops=(("session", 0.002, 0.021), ("matching", 0.005, 0.006)))),
    Case("a chain is slower, at another service", INCONCLUSIVE, "most of it at matching", around=with_around(slower=3.0, hops=(("session", 0.002, 0.002), ("matching", 0.005, 0.024)))),
    Case("every chain fails", INCONCLUSIVE, "something else is going on", around=with_around(failing=0.03, elsewhere=0.03)),
    Case("nobody used the chain", INCONCLUSIVE, "nobody used the chains", around=lambda rng: replace(around(rng), chains=tuple(replace(one, now=()) for one in around(rng).chains))),
    Case("what is around cannot be read", INCONCLUSIVE, "could not be measured", around=lambda rng: Surroundings({}, problem="what is around the nodes could not be measured: time-out")),
    # the second opinion
    Case("yesterday the same", PASS, around=with_around(earlier=yesterday())),
    Case("no yesterday", PASS, around=with_around(earlier=Earlier(text="no day before was measured"))),
    Case("everybody is slower than yesterday", INCONCLUSIVE, "second opinion", around=with_around(earlier=yesterday(factor=0.7))),
    Case("yesterday was as bad", FAIL, "duration", seeded(6, 14, factor=1.3), around=with_around(earlier=yesterday(factor=1.3))),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_documented_verdict(case: Case) -> None:
    rng = np.random.default_rng(20)
    changed, peers = nodes(rng, 6), nodes(rng, 30)
    found = judge(case.changed(changed), case.peers(peers), SETTINGS, case.around(rng))
    assert (found.outcome, found.summary) == (case.outcome, found.summary)
    assert case.says in found.summary


@pytest.mark.parametrize("broken", ["serving", "errors", "restarts"])
def test_a_metric_that_cannot_be_computed_never_passes(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(counts, broken, breaks)
    rng = np.random.default_rng(21)
    found = judge(nodes(rng, 6), nodes(rng, 30), SETTINGS, around(rng))
    assert found.outcome == INCONCLUSIVE
    assert "cannot be computed: division by zero" in found.summary


def test_no_correction_softens_integrity() -> None:
    """Fifty more metrics would make a single p of 0.004 meaningless; a lost order they do not."""
    rng = np.random.default_rng(22)
    lost = around(rng, integrity={"trading_client_lost_total": 1.0})
    many = replace(lost, chains=lost.chains * 25)
    assert judge(nodes(rng, 6), nodes(rng, 30), SETTINGS, many).outcome == FAIL


@pytest.mark.parametrize(("status", "body"), [(503, {"status": "error", "error": "query timed out"}), (200, b"<html>")])
def test_a_query_that_times_out_is_no_pass(status: int, body: object, settings: Any) -> None:
    """Of the nodes themselves it raises, which the engine takes for INCONCLUSIVE; of what is around it says so."""
    end = dt.datetime(2026, 11, 20, 2, 0, tzinfo=dt.UTC)
    start = end - dt.timedelta(seconds=60)
    wanted = [collect.Wanted("a-01", "SZ-A", "1.1.0")]
    with running() as stub:
        settings.PROMETHEUS_URL = stub.url
        prometheus.forget()
        stub.answer = lambda path, params: (status, body)
        with pytest.raises(Unavailable):
            collect.measure("session", wanted, start, end)
        found = surroundings.measure("session", ["login"], wanted, start, start, end)
    prometheus.forget()
    rng = np.random.default_rng(23)
    verdict = judge(nodes(rng, 6), nodes(rng, 30), SETTINGS, found)
    assert verdict.outcome == INCONCLUSIVE
    assert "could not be measured" in verdict.summary


def test_a_sample_says_what_it_could_find_and_whether_more_would_help() -> None:
    rng = np.random.default_rng(24)
    found = judge([node(rng, "a", requests=150)], nodes(rng, 30), SETTINGS, around(rng))
    seen = {metric.metric: metric.sees for metric in found.metrics}
    assert 0.05 < (seen["mean duration"] or 0) < 0.5
    assert 0.005 < (seen["errors"] or 0) < 0.1
    few = judge(nodes(rng, 1, requests=20), nodes(rng, 30, requests=20), SETTINGS, around(rng))
    assert few.outcome == INCONCLUSIVE
    assert few.longer_helps(20.0)
    assert not few.longer_helps(1.1)
