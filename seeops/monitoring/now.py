"""The state of the business now, as one snapshot that all viewers share.

Four questions to Prometheus, all answered by recording rules, and one to the load for the session. The snapshot is collected
in the background and kept in the cache; a page that finds none or an old one collects it itself, once for all who wait.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.cache import cache
from django.utils.translation import gettext as _

from seeops.cluster import door
from seeops.core.clock import now as clock_now
from seeops.core.errors import SeeOpsError, Unavailable
from seeops.monitoring import health, prometheus, session, spark
from seeops.monitoring.files import thresholds
from seeops.monitoring.flights import Flights
from seeops.monitoring.health import Judgement
from seeops.monitoring.session import Session
from seeops.topology import selectors as topology

log = logging.getLogger(__name__)

COLLECT_EVERY_S = 5.0
# Two intervals of the recording rules (10 s) and of the collection (5 s): what is older is not known any more.
STALE_AFTER = dt.timedelta(seconds=30)
SPARK_S, SPARK_STEP_S = 900, 30
_KEY = "monitoring:now:1"
_SESSION_KEY = "monitoring:session:1"
_KEPT_S = 120

_BUSINESS = (
    "business:trading_(orders|trades|turnover_fen|requests|order_success_ratio|request_success_ratio):rate1m"
    "|business:trading_order_duration_seconds:(p99_1m|p99_baseline)|business:trading_session_phase:max"
)
_CHAINS = (
    "chain:trading_client_(requests|error_ratio):rate1m|chain:trading_chain_(requests|error_ratio):rate1m"
    "|chain:trading_chain_duration_seconds:(p99_1m|p99_baseline|mean_1m)"
)
_ESTATE = "job:up:(sum|count)|centre:trading_nodes:count|centre:trading_nodes_(serving|drained|unreachable):sum"
_HOPS = (
    "chain_hop:trading_hop_requests:rate1m|chain_hop:trading_hop_error_ratio:rate1m"
    "|chain_hop:trading_hop_duration_seconds:(p99_1m|p99_baseline|mean_1m)"
)
_SPARKS = (
    "chain_hop:trading_hop_duration_seconds:p99_1m|business:trading_(orders|trades|turnover_fen):rate1m"
    "|business:trading_order_success_ratio:rate1m|business:trading_order_duration_seconds:p99_1m"
)


@dataclass(frozen=True)
class HopNow:
    """One hop of a chain. Rates per second, durations in seconds; `share` of the chain's end-to-end time (0 to 1)."""

    name: str
    service: str
    mode: str
    rate: float | None
    error_ratio: float | None
    p99_s: float | None
    share: float | None
    judgement: Judgement
    spark: str = ""

    @property
    def digits(self) -> int:
        """Decimals that the rate needs to be read at a glance."""
        return 1 if self.rate is None or self.rate < 100 else 0


@dataclass(frozen=True)
class ChainNow:
    """One chain end to end, with its hops in order. `failing` is the name of the hop to look at first."""

    code: str
    name: str
    kind: str
    critical: bool
    criticality: int
    rate: float | None
    error_ratio: float | None
    p99_s: float | None
    judgement: Judgement
    hops: tuple[HopNow, ...]
    failing: str = ""


@dataclass(frozen=True)
class Figure:
    """One headline figure, its line over the last quarter of an hour, and what it was five minutes ago."""

    value: float | None
    before: float | None = None
    spark: str = ""
    state: str = "good"

    @property
    def change(self) -> float | None:
        """Relative change against five minutes ago; None when either is unknown or it began at nothing."""
        if self.value is None or not self.before:
            return None
        return self.value / self.before - 1


@dataclass(frozen=True)
class Now:
    """Everything the overview shows of the running system. `problem` says why figures are missing; empty when none are."""

    collected_at: dt.datetime
    measured_at: dt.datetime | None
    problem: str = ""
    figures: dict[str, Figure] = field(default_factory=dict)
    chains: tuple[ChainNow, ...] = ()
    centres: dict[str, dict[str, float]] = field(default_factory=dict)
    targets: dict[str, tuple[int, int]] = field(default_factory=dict)
    session: dict[str, Any] = field(default_factory=dict)

    @property
    def stale(self) -> bool:
        """Too old to be taken for the present."""
        return self.measured_at is None or clock_now() - self.measured_at > STALE_AFTER

    @property
    def silent_centres(self) -> int:
        up, all_of_them = self.targets.get("centre", (0, 0))
        return all_of_them - up


def current() -> Now:
    """The latest snapshot; collected here and now when the background does not keep up."""
    kept: Now | None = cache.get(_KEY)
    if kept is not None and (clock_now() - kept.collected_at).total_seconds() < 2 * COLLECT_EVERY_S:
        return _honest(kept)
    return _honest(_flights.get("now", 1.0, refresh))


def refresh() -> Now:
    """Collect a snapshot and keep it for all viewers."""
    fresh = collect()
    cache.set(_SESSION_KEY, fresh.session, _KEPT_S)
    if not fresh.problem or cache.get(_KEY) is None:
        cache.set(_KEY, fresh, _KEPT_S)
        return fresh
    # Nothing could be measured: keep the figures that were, with their age and the reason why there are no newer ones.
    old: Now = cache.get(_KEY) or fresh
    kept = replace(old, collected_at=fresh.collected_at, problem=fresh.problem, session=fresh.session)
    cache.set(_KEY, kept, _KEPT_S)
    return kept


def session_now() -> Session:
    """The trading session, for the top bar of every page: one read of the cache, never a call to the cluster."""
    raw = cache.get(_SESSION_KEY) or {"problem": _("The console has not asked the cluster for its session yet.")}
    return session.read(raw, clock_now())


_flights = Flights()


def collect() -> Now:
    """Ask Prometheus and the load. Never raises for parts that do not answer: the snapshot says what is missing."""
    moment = clock_now()
    asked = _session()
    chains = list(topology.chains())
    try:
        instants = _by_name(f'{{__name__=~"{_BUSINESS}|{_CHAINS}|{_ESTATE}"}}')
        hops = _by_name(f'{{__name__=~"{_HOPS}"}}')
        measured = prometheus.value("max(timestamp(job:up:sum))")
        lines = _lines(moment)
    except SeeOpsError as error:
        if not isinstance(error, Unavailable):
            log.error("the overview's queries were refused", extra={"error": str(error)})
        return Now(moment, None, problem=str(error), chains=_unmeasured(chains), session=asked)
    targets = {
        job: (int(instants["job:up:sum"].get((("job", job),), 0)), int(count))
        for ((_name, job),), count in instants["job:up:count"].items()
    }
    return Now(
        collected_at=moment,
        measured_at=dt.datetime.fromtimestamp(measured, dt.UTC) if measured is not None else None,
        figures=_figures(instants, lines),
        chains=_chains(chains, instants, hops, lines),
        centres=_centres(instants),
        targets=targets,
        session=asked,
    )


Labels = tuple[tuple[str, str], ...]
Instants = dict[str, dict[Labels, float]]


def _by_name(promql: str) -> Instants:
    """{metric name: {labels: value}}."""
    found: Instants = defaultdict(dict)
    for sample in prometheus.query(promql):
        labels = tuple(sorted((name, value) for name, value in sample.labels.items() if name != "__name__"))
        found[sample.labels["__name__"]][labels] = sample.value
    return found


def _lines(moment: dt.datetime) -> dict[tuple[str, str, str], tuple[float | None, ...]]:
    """{(metric, chain, hop): values of the last quarter of an hour}."""
    series = prometheus.query_range(
        f'{{__name__=~"{_SPARKS}"}}',
        moment - dt.timedelta(seconds=SPARK_S),
        moment,
        SPARK_STEP_S,
        max_age_s=prometheus.LONGEST_CACHE_S,
    )
    return {(s.labels["__name__"], s.labels.get("chain", ""), s.labels.get("hop", "")): s.values for s in series}


def _session() -> dict[str, Any]:
    try:
        return {**door.session(), "fetched_at": clock_now()}
    except SeeOpsError as error:
        return {"problem": str(error)}


def _figures(instants: Instants, lines: dict[tuple[str, str, str], tuple[float | None, ...]]) -> dict[str, Figure]:
    names = {
        "orders": "business:trading_orders:rate1m",
        "success": "business:trading_order_success_ratio:rate1m",
        "p99": "business:trading_order_duration_seconds:p99_1m",
        "trades": "business:trading_trades:rate1m",
        "turnover": "business:trading_turnover_fen:rate1m",
        "requests": "business:trading_requests:rate1m",
        "phase": "business:trading_session_phase:max",
    }
    figures = {}
    for key, name in names.items():
        values = lines.get((name, "", ""), ())
        before = values[-11] if len(values) > 10 else None
        value = instants[name].get(())
        figures[key] = Figure(value, before, spark.path(values, floor=None if key == "success" else 0.0))
    baseline = instants["business:trading_order_duration_seconds:p99_baseline"].get(())
    return _judged(figures, baseline)


def _judged(figures: dict[str, Figure], baseline: float | None) -> dict[str, Figure]:
    """The states of the headline figures. No orders because the market is closed is idle, not unknown."""
    orders = figures["orders"].value
    success = figures["success"].value
    errors = None if success is None else 1 - success
    by_errors = health.judge(thresholds(), rate=orders, error_ratio=errors)
    by_all = health.judge(
        thresholds(), rate=orders, error_ratio=errors, p99_s=figures["p99"].value, baseline_s=baseline
    )
    figures["orders"] = replace(figures["orders"], state="unknown" if orders is None else "good")
    figures["success"] = replace(figures["success"], state=by_errors.state)
    figures["p99"] = replace(figures["p99"], state=by_all.state if by_all.reason != "errors" else "good")
    for key in ("trades", "turnover", "requests"):
        figures[key] = replace(figures[key], state="unknown" if figures[key].value is None else "good")
    return figures


def _centres(instants: Instants) -> dict[str, dict[str, float]]:
    """{centre: {nodes, serving, drained, unreachable}}."""
    names = {
        "nodes": "centre:trading_nodes:count",
        "serving": "centre:trading_nodes_serving:sum",
        "drained": "centre:trading_nodes_drained:sum",
        "unreachable": "centre:trading_nodes_unreachable:sum",
    }
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for key, name in names.items():
        for labels, value in instants[name].items():
            found[dict(labels)["centre"]][key] = value
    return dict(sorted(found.items()))


def _chains(
    chains: list[Any], instants: Instants, hops: Instants, lines: dict[tuple[str, str, str], tuple[float | None, ...]]
) -> tuple[ChainNow, ...]:
    """Every chain with its hops, worst first; the more critical first among equals."""
    found = [_chain(chain, instants, hops, lines) for chain in chains]
    found.sort(key=lambda chain: (health.rank(chain.judgement.state), chain.criticality, chain.code))
    return tuple(found)


def _chain(
    chain: Any, instants: Instants, hops: Instants, lines: dict[tuple[str, str, str], tuple[float | None, ...]]
) -> ChainNow:
    labels: Labels = (("chain", chain.code),)

    def of_chain(name: str) -> float | None:
        return instants[name].get(labels)

    # What clients see counts; the data centres' own count stands in while no client reports.
    seen_by_clients = of_chain("chain:trading_client_requests:rate1m") is not None
    who = "client" if seen_by_clients else "chain"
    rate, errors = of_chain(f"chain:trading_{who}_requests:rate1m"), of_chain(f"chain:trading_{who}_error_ratio:rate1m")
    p99 = of_chain("chain:trading_chain_duration_seconds:p99_1m")
    rows = tuple(_hop(chain.code, hop, hops, lines) for hop in chain.hops.all())
    total = sum(hop.share or 0.0 for hop in rows)
    rows = tuple(replace(hop, share=hop.share / total if hop.share is not None and total else None) for hop in rows)
    judgement = health.judge(
        thresholds(),
        rate=rate,
        error_ratio=errors,
        p99_s=p99,
        baseline_s=of_chain("chain:trading_chain_duration_seconds:p99_baseline"),
    )
    return ChainNow(
        code=chain.code,
        name=chain.name,
        kind=chain.kind,
        critical=chain.critical,
        criticality=chain.criticality,
        rate=rate,
        error_ratio=errors,
        p99_s=p99,
        judgement=judgement,
        hops=rows,
        failing=_failing(rows),
    )


def _hop(chain: str, hop: Any, hops: Instants, lines: dict[tuple[str, str, str], tuple[float | None, ...]]) -> HopNow:
    labels: Labels = (("chain", chain), ("hop", hop.name), ("service", hop.service.name))

    def of_hop(name: str) -> float | None:
        return hops[f"chain_hop:trading_hop_{name}"].get(labels)

    rate, errors, p99 = of_hop("requests:rate1m"), of_hop("error_ratio:rate1m"), of_hop("duration_seconds:p99_1m")
    judgement = health.judge(
        thresholds(), rate=rate, error_ratio=errors, p99_s=p99, baseline_s=of_hop("duration_seconds:p99_baseline")
    )
    # Only what the client waits for is part of the end-to-end time; the mean adds up, a p99 does not.
    share = of_hop("duration_seconds:mean_1m") if hop.mode == "sync" else None
    values = lines.get(("chain_hop:trading_hop_duration_seconds:p99_1m", chain, hop.name), ())
    return HopNow(hop.name, hop.service.name, hop.mode, rate, errors, p99, share, judgement, spark.path(values))


def _failing(hops: tuple[HopNow, ...]) -> str:
    """The hop to look at first: the worst by state, then by errors, then by time taken; "" when none is off."""
    off = [hop for hop in hops if hop.judgement.state in ("bad", "attention")]
    off.sort(key=lambda hop: (health.rank(hop.judgement.state), -(hop.error_ratio or 0), -(hop.p99_s or 0)))
    return off[0].name if off else ""


def _unmeasured(chains: list[Any]) -> tuple[ChainNow, ...]:
    return _chains(chains, defaultdict(dict), defaultdict(dict), {})


def _honest(snapshot: Now) -> Now:
    """What is too old, or drawn from a part of the data centres only, is not shown as good."""
    if snapshot.stale:
        return replace(
            snapshot,
            chains=tuple(_unknown(chain) for chain in snapshot.chains),
            figures={key: replace(figure, state="unknown") for key, figure in snapshot.figures.items()},
        )
    if snapshot.silent_centres:
        chains = tuple(
            replace(chain, judgement=Judgement("unknown", "partly_measured"))
            if chain.judgement.state in ("good", "absent")
            else chain
            for chain in snapshot.chains
        )
        return replace(snapshot, chains=tuple(sorted(chains, key=lambda chain: health.rank(chain.judgement.state))))
    return snapshot


def _unknown(chain: ChainNow) -> ChainNow:
    unknown = Judgement("unknown", "not_measured")
    return replace(chain, judgement=unknown, hops=tuple(replace(hop, judgement=unknown) for hop in chain.hops))
