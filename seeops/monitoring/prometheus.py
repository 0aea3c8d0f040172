"""The one door to Prometheus.

Every call has a time-out, equal questions share one answer for a few seconds, and a server that cannot be reached is asked
once a second at most. What is not a finite number is not a measurement: such samples are left out, such points are gaps.
Raises Unavailable (no answer in time, no connection, an answer that cannot be read) and QueryRefused (the query is wrong).
"""

from __future__ import annotations

import datetime as dt
import math
import re
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests
from django.conf import settings
from django.utils.translation import gettext as _

from seeops.core.errors import SeeOpsError, Unavailable
from seeops.monitoring.flights import Flights

CONNECT_S = 1.0
ANSWER_S = 5.0
CACHE_S = 2.0
RANGE_CACHE_S = 5.0
LONGEST_CACHE_S = 15.0
DOWN_S = 1.0
MOST_POINTS = 1100  # per series: more than a wide screen can show

_flights = Flights()
_down: dict[str, tuple[float, Unavailable]] = {}
_local = threading.local()
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")


class QueryRefused(SeeOpsError):
    """Prometheus understood the request and refuses it: the query is wrong, or asks for too much."""

    status = 422
    code = "query_refused"


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured value. `at` is Unix seconds: the moment the query was evaluated for."""

    labels: Mapping[str, str]
    value: float
    at: float


@dataclass(frozen=True, slots=True)
class Series:
    """Values over time. `times` are Unix seconds on a fixed step; a value is None where nothing was measured."""

    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float | None, ...]


def query(promql: str, at: float | dt.datetime | None = None, *, max_age_s: float = CACHE_S) -> list[Sample]:
    """The value of `promql` at `at` (now when None): one sample per series with a finite value; [] when there is none.

    The answer may be up to `max_age_s` old. A scalar comes back as one sample without labels.
    """
    params = {"query": promql} if at is None else {"query": promql, "time": f"{_unix(at):.3f}"}
    result = _ask("query", params, max_age_s)
    if result["resultType"] == "scalar":
        rows: list[dict[str, Any]] = [{"metric": {}, "value": result["result"]}]
    else:
        rows = result["result"]
    samples = (Sample(row["metric"], float(row["value"][1]), float(row["value"][0])) for row in rows)
    return [sample for sample in samples if math.isfinite(sample.value)]


def value(promql: str, at: float | dt.datetime | None = None, *, max_age_s: float = CACHE_S) -> float | None:
    """The single value of `promql`; None when nothing was measured. Raises QueryRefused when it has several series."""
    samples = query(promql, at, max_age_s=max_age_s)
    if len(samples) > 1:
        raise QueryRefused(f"{promql}: {len(samples)} series where one value is expected; aggregate them.")
    return samples[0].value if samples else None


def query_range(
    promql: str,
    start: float | dt.datetime,
    end: float | dt.datetime,
    step_s: float | None = None,
    *,
    max_age_s: float = RANGE_CACHE_S,
) -> list[Series]:
    """`promql` from `start` to `end`, both moved onto multiples of the step so that viewers share answers.

    `step_s` defaults to `step_for(range)`. Every series has the same times; a step without a sample is None.
    """
    first, last = _unix(start), _unix(end)
    if last <= first:
        raise QueryRefused(_("The time range is empty: its end must lie after its start."))
    step = step_s or step_for(last - first)
    if (last - first) / step > MOST_POINTS:
        raise QueryRefused(
            _("%(points)d points per line are asked for, at most %(most)d are drawn: choose a longer step.")
            % {"points": (last - first) / step, "most": MOST_POINTS}
        )
    first, last = math.floor(first / step) * step, math.floor(last / step) * step
    params = {"query": promql, "start": f"{first:.3f}", "end": f"{last:.3f}", "step": f"{step:g}"}
    result = _ask("query_range", params, max_age_s)
    times = tuple(first + i * step for i in range(int(round((last - first) / step)) + 1))
    return [_series(row, times, first, step) for row in result["result"]]


def step_for(range_s: float, scrape_s: float = 5.0) -> float:
    """Step of a range: about 240 points, never finer than the recording interval allows, from a fixed ladder."""
    for step in (5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600):
        if step >= scrape_s and range_s / step <= 240:
            return float(step)
    return math.ceil(range_s / 240 / 3600) * 3600.0


def matching(**labels: object) -> str:
    """A label selector that holds whatever the values contain: matching(service="a", centre=["x", "y"]) →
    `{centre=~"x|y",service="a"}`. None leaves a label out, a list matches any of its values (an empty one: nothing).
    """
    parts = []
    for name, wanted in sorted(labels.items()):
        if not _LABEL.match(name):
            raise ValueError(f"{name!r} is not a label name")
        if wanted is None:
            continue
        if isinstance(wanted, str) or not isinstance(wanted, Iterable):
            parts.append(f'{name}="{escaped(str(wanted))}"')
        else:
            alternatives = "|".join(_literal(str(item)) for item in wanted)
            # An empty list must match nothing; an empty pattern would match series without the label.
            parts.append(f'{name}=~"{escaped(alternatives)}"' if alternatives else f'{name}="",{name}!=""')
    return "{" + ",".join(parts) + "}"


def escaped(text: str) -> str:
    """`text` for use between double quotes of PromQL."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _literal(text: str) -> str:
    """`text` as a regular expression that matches only itself (RE2 knows no escapes of ordinary characters)."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def alert_rules(*, max_age_s: float = LONGEST_CACHE_S) -> list[str]:
    """Names of the alert rules that Prometheus has loaded, sorted."""
    groups = _ask("rules", {"type": "alert"}, max_age_s)["groups"]
    return sorted({rule["name"] for group in groups for rule in group["rules"]})


def healthy(*, max_age_s: float = CACHE_S) -> bool:
    """Whether Prometheus answers at all."""
    try:
        query("vector(1)", max_age_s=max_age_s)
    except Unavailable:
        return False
    return True


def forget() -> None:
    """Drop every kept answer (tests, and after a change whose effect must be seen at once)."""
    _flights.forget()
    _down.clear()


def _unix(moment: float | dt.datetime) -> float:
    return moment.timestamp() if isinstance(moment, dt.datetime) else float(moment)


def _series(row: dict[str, Any], times: tuple[float, ...], first: float, step: float) -> Series:
    values: list[float | None] = [None] * len(times)
    for at, text in row["values"]:
        index = round((float(at) - first) / step)
        number = float(text)
        if 0 <= index < len(values) and math.isfinite(number):
            values[index] = number
    return Series(row["metric"], times, tuple(values))


def _ask(path: str, params: dict[str, str], max_age_s: float) -> dict[str, Any]:
    base = settings.PROMETHEUS_URL
    key = (base, path, *sorted(params.items()))
    age_s = min(max_age_s, LONGEST_CACHE_S)
    _refuse_while_down(base)
    try:
        answer: dict[str, Any] = _flights.get(key, age_s, lambda: _fetch(base, path, params))
    except TimeoutError as error:
        raise Unavailable(_("Prometheus at %(url)s is busy: %(error)s.") % {"url": base, "error": error}) from error
    return answer


def _refuse_while_down(base: str) -> None:
    """A server without a connection fails every query alike: one attempt a second answers for all of them."""
    failed_at, error = _down.get(base, (0.0, None))
    if error is not None and time.monotonic() - failed_at < DOWN_S:
        raise Unavailable(error.message, code=error.code)


def _session() -> requests.Session:
    """A session per thread: requests' sessions are not promised to be safe to share."""
    session: requests.Session | None = getattr(_local, "session", None)
    if session is None:
        session = _local.session = requests.Session()
        session.trust_env = False  # monitoring must not depend on a proxy
    return session


def _fetch(base: str, path: str, params: dict[str, str]) -> dict[str, Any]:
    started = time.monotonic()
    try:
        url, limits = f"{base}/api/v1/{path}", (CONNECT_S, ANSWER_S + 1)
        if path.startswith("query"):  # long queries do not fit into an address
            answer = _session().post(url, data={**params, "timeout": f"{ANSWER_S:g}s"}, timeout=limits)
        else:
            answer = _session().get(url, params=params, timeout=limits)
        body = answer.json()
    except requests.JSONDecodeError as error:
        if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:  # so it answers while it reads its own log at a start
            raise Unavailable(
                _("Prometheus at %(url)s is starting or stopping: what it measures is unknown until it serves.")
                % {"url": base}
            ) from error
        raise Unavailable(
            _("Prometheus at %(url)s answered %(status)d with something that is not JSON: is it Prometheus?")
            % {"url": base, "status": answer.status_code}
        ) from error
    except requests.ConnectionError as error:
        problem = _unreachable(base, error)
        _down[base] = (time.monotonic(), problem)
        raise problem from error
    except requests.RequestException as error:
        raise _unreachable(base, error) from error
    if body.get("status") == "success":
        data: dict[str, Any] = body["data"]
        return data
    if answer.status_code in (400, 422):
        raise QueryRefused(_("Prometheus refuses the query: %(why)s.") % {"why": body.get("error", "")})
    raise Unavailable(
        _("Prometheus answered %(status)d after %(seconds).1f s: %(why)s.")
        % {"status": answer.status_code, "seconds": time.monotonic() - started, "why": body.get("error", "")}
    )


def _unreachable(base: str, error: Exception) -> Unavailable:
    return Unavailable(
        _("Prometheus at %(url)s does not answer (%(error)s): what it measures is unknown until it is back.")
        % {"url": base, "error": type(error).__name__},
        code="prometheus_unavailable",
    )
