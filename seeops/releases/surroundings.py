"""Reads from Prometheus what lies around the compared nodes: integrity counters, business chains, an earlier window."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence

from seeops.core.errors import SeeOpsError
from seeops.monitoring import prometheus
from seeops.releases import collect
from seeops.releases.integrity import AUDITS, COUNTERS
from seeops.releases.samples import ChainSample, Earlier, Slice, Surroundings

SLICE_S = 10.0
BEFORE_S = 1200.0  # how long a chain is looked at before the batch was begun: what its minutes differ by is its noise
# Prometheus repeats the last value of a counter until the next scrape: what lies next to the change belongs to neither side.
SETTLES_S = 10.0
_FAILED = '{outcome=~"failed|unknown|unavailable"}'
_DAYS = ((7200.0, 10.0), (3 * 86400.0, 300.0))  # (how far back, step): a compressed trading day, then a real one
_SESSION_DAY, _PHASE = "max(trading_session_day)", "max(trading_session_phase)"


def measure(
    service: str,
    chains: Collection[str],
    nodes: list[collect.Wanted],
    began: dt.datetime,
    start: dt.datetime,
    end: dt.datetime,
    *,
    between: Callable[[], None] = lambda: None,
) -> Surroundings:
    """Everything around a batch of `service` that was begun at `began` and soaked from `start` to `end`. `chains`: those
    that pass the service; the others are read too. Never raises for an answer that does not come: `problem` says so then."""
    reader = _Reader(between)
    try:
        integrity = {counter: reader.grown(counter, start, end) for counter in (*COUNTERS, AUDITS)}
        first = began - dt.timedelta(seconds=BEFORE_S)
        slices, hops = reader.slices(first, end), reader.hops(first, began, start, end)
        samples = tuple(
            _chain(name, name in chains, rows, hops.get(name, {}), began, start)
            for name, rows in sorted(slices.items())
        )
        earlier = reader.earlier(service, nodes, began, start, end)
    except SeeOpsError as error:
        if error.code == "lease_lost":
            raise
        return Surroundings(
            {},
            problem=f"what is around the nodes could not be measured: {error}",
            queries=tuple(reader.asked),
            service=service,
        )
    return Surroundings(integrity, samples, earlier, "", tuple(reader.asked), service)


def _chain(
    name: str,
    affected: bool,
    rows: Sequence[tuple[float, Slice]],
    hops: Mapping[str, tuple[float, float]],
    began: dt.datetime,
    start: dt.datetime,
) -> ChainSample:
    """Slices that end before the batch began, and those that begin after the soak did; `hops` in seconds of both times."""
    before = tuple(piece for at, piece in rows if at <= began.timestamp())
    now = tuple(piece for at, piece in rows if at - SLICE_S >= start.timestamp() - SETTLES_S)
    answered = [sum(piece[2] for piece in side) for side in (before, now)]
    each = ()
    if min(answered) > 0:
        each = tuple((hop, was / answered[0], is_now / answered[1]) for hop, (was, is_now) in sorted(hops.items()))
    return ChainSample(name, affected, before, now, each)


class _Reader:
    def __init__(self, between: Callable[[], None]) -> None:
        self.between = between
        self.asked: list[str] = []

    def _value(self, promql: str, at: dt.datetime) -> float | None:
        self.between()
        self.asked.append(f"{promql} @ {at.isoformat(timespec='seconds')}")
        return prometheus.value(promql, at)

    def _range(self, promql: str, start: dt.datetime, end: dt.datetime, step: float) -> list[prometheus.Series]:
        self.between()
        self.asked.append(f"{promql} @ {start.isoformat()} .. {end.isoformat()} step {step:g}s")
        return prometheus.query_range(promql, start, end, step)

    def grown(self, counter: str, start: dt.datetime, end: dt.datetime) -> float | None:
        """Growth of a counter over the cluster; None when it is not there at the end. One that began meanwhile counts from
        zero, one that was reset from its reset."""
        last = self._value(f"sum({counter})", end)
        if last is None:
            return None
        first = self._value(f"sum({counter})", start) or 0.0
        return last - first if last >= first else last

    def slices(self, start: dt.datetime, end: dt.datetime) -> dict[str, list[tuple[float, Slice]]]:
        """Chain → (end of the slice, what was counted in it)."""
        counters = (
            "sum by (chain) (trading_client_requests_total)",
            f"sum by (chain) (trading_client_requests_total{_FAILED})",
            "sum by (chain) (trading_client_duration_seconds_count)",
            "sum by (chain) (trading_client_duration_seconds_sum)",
        )
        read = [
            {series.labels["chain"]: series for series in self._range(promql, start, end, SLICE_S)}
            for promql in counters
        ]
        return {chain: _differences([found.get(chain) for found in read]) for chain in read[0]}

    def hops(
        self, first: dt.datetime, began: dt.datetime, start: dt.datetime, end: dt.datetime
    ) -> dict[str, dict[str, tuple[float, float]]]:
        """Chain → service → seconds spent there (before the batch, in the window)."""
        promql = "sum by (chain, service) (trading_hop_duration_seconds_sum)"
        at = [self._hop_seconds(promql, moment) for moment in (first, began, start, end)]
        found: dict[str, dict[str, tuple[float, float]]] = {}
        for chain, service in at[3]:
            seen = [moment.get((chain, service), 0.0) for moment in at]
            found.setdefault(chain, {})[service] = (max(0.0, seen[1] - seen[0]), max(0.0, seen[3] - seen[2]))
        return found

    def _hop_seconds(self, promql: str, at: dt.datetime) -> dict[tuple[str, str], float]:
        self.between()
        self.asked.append(f"{promql} @ {at.isoformat(timespec='seconds')}")
        return {(row.labels["chain"], row.labels["service"]): row.value for row in prometheus.query(promql, at)}

    def earlier(
        self, service: str, nodes: list[collect.Wanted], began: dt.datetime, start: dt.datetime, end: dt.datetime
    ) -> Earlier:
        """The same minutes of the session's day before, else those just before the batch if the session's phase was the same."""
        length = end - start
        day = self._day_s(end)
        if day is not None and day > 2 * length.total_seconds():
            back = dt.timedelta(seconds=day)
            return self._at("yesterday", service, nodes, start - back, end - back)
        until = began - dt.timedelta(seconds=SETTLES_S)
        phases = {value for series in self._range(_PHASE, until - length, end, SLICE_S) for value in series.values}
        if len(phases) == 1 and None not in phases:
            return self._at("today", service, nodes, until - length, until)
        return Earlier(text="no day before was measured, and the session was in another phase before the batch")

    def _at(
        self, kind: str, service: str, nodes: list[collect.Wanted], start: dt.datetime, end: dt.datetime
    ) -> Earlier:
        measured = collect.measure(service, nodes, start, end, between=self.between, any_version=True)
        self.asked += measured.queries
        samples = tuple(measured.samples[node.name] for node in nodes)
        if not any(sample.measured for sample in samples):
            return Earlier(text="the service was not measured in the earlier minutes")
        return Earlier(kind, f"{start.isoformat(timespec='seconds')} .. {end.isoformat(timespec='seconds')}", samples)

    def _day_s(self, moment: dt.datetime) -> float | None:
        """Length of the session's day: the time between the last two turns of its number; None when it turned only once."""
        for back, step in _DAYS:
            series = self._range(_SESSION_DAY, moment - dt.timedelta(seconds=back), moment, step)
            turns = _turns(series[0]) if series else []
            if len(turns) >= 2:
                return turns[-1] - turns[-2]
        return None


def _turns(series: prometheus.Series) -> list[float]:
    """When the value rose."""
    known = [(at, value) for at, value in zip(series.times, series.values, strict=True) if value is not None]
    return [at for (_, before), (at, value) in zip(known, known[1:], strict=False) if value > before]


def _differences(columns: Sequence[prometheus.Series | None]) -> list[tuple[float, Slice]]:
    """Steps of four counters; a step in which one was not measured is left out, a counter that is not there never counted."""
    times = next(series.times for series in columns if series is not None)
    rows = []
    for index in range(1, len(times)):
        pairs = [(series.values[index - 1], series.values[index]) if series else (0.0, 0.0) for series in columns]
        if any(before is None or after is None for before, after in pairs):
            continue
        steps = [after - before if after >= before else after for before, after in pairs]  # type: ignore[operator]
        rows.append((times[index], (steps[0], steps[1], steps[2], steps[3])))
    return rows
