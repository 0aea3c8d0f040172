"""The door to Prometheus: what is not a measurement is left out, one question is asked once, and outages are said."""

from __future__ import annotations

import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeops.core.errors import Unavailable
from seeops.monitoring import prometheus
from tests.prometheus_stub import PrometheusStub, matrix, vector


def test_samples_that_are_no_finite_numbers_are_left_out(stub: PrometheusStub) -> None:
    stub.answer = lambda path, params: (200, vector([({"a": "1"}, "NaN"), ({"a": "2"}, "+Inf"), ({"a": "3"}, 7)]))
    assert [(s.labels, s.value) for s in prometheus.query("x")] == [({"a": "3"}, 7.0)]


def test_a_scalar_is_one_sample_without_labels(stub: PrometheusStub) -> None:
    body = {"status": "success", "data": {"resultType": "scalar", "result": [5, "2.5"]}}
    stub.answer = lambda path, params: (200, body)
    assert prometheus.value("scalar(x)") == 2.5


def test_nothing_measured_is_none_not_zero(stub: PrometheusStub) -> None:
    assert prometheus.value("absent_metric") is None


def test_several_series_where_one_value_is_expected_are_refused(stub: PrometheusStub) -> None:
    stub.answer = lambda path, params: (200, vector([({"a": "1"}, 1), ({"a": "2"}, 2)]))
    with pytest.raises(prometheus.QueryRefused, match="2 series"):
        prometheus.value("x")


def test_steps_without_a_sample_are_gaps(stub: PrometheusStub) -> None:
    stub.answer = lambda path, params: (200, matrix([({}, [(100, 1), (120, "NaN"), (130, 4)])]))
    (series,) = prometheus.query_range("x", 104, 139, 10)
    assert series.times == (100, 110, 120, 130)
    assert series.values == (1.0, None, None, 4.0)


def test_ranges_of_the_same_step_share_their_answer(stub: PrometheusStub) -> None:
    stub.answer = lambda path, params: (200, matrix([]))
    prometheus.query_range("x", 1001, 2001, 10)
    prometheus.query_range("x", 1009, 2009, 10)
    assert len(stub.asked) == 1


@pytest.mark.parametrize(("start", "end", "step"), [(10, 10, 5), (20, 10, 5), (0, 100_000, 5)])
def test_ranges_that_cannot_be_drawn_are_refused_without_asking(
    stub: PrometheusStub, start: float, end: float, step: float
) -> None:
    with pytest.raises(prometheus.QueryRefused):
        prometheus.query_range("x", start, end, step)
    assert stub.asked == []


def test_a_wrong_query_is_refused_with_prometheus_own_words(stub: PrometheusStub) -> None:
    stub.answer = lambda path, params: (400, {"status": "error", "error": "parse error: unexpected }"})
    with pytest.raises(prometheus.QueryRefused, match="unexpected }"):
        prometheus.query("x}")


@pytest.mark.parametrize(
    "answer", [(503, {"status": "error", "error": "query timed out"}), (200, b"<html>"), (502, b"bad gateway")]
)
def test_answers_that_are_none_mean_unavailable(stub: PrometheusStub, answer: tuple) -> None:
    stub.answer = lambda path, params: answer
    with pytest.raises(Unavailable):
        prometheus.query("x")


def test_a_server_that_is_starting_is_said_to_be(stub: PrometheusStub) -> None:
    stub.answer = lambda path, params: (503, b"Service Unavailable")
    with pytest.raises(Unavailable, match="starting or stopping"):
        prometheus.query("up")


def test_a_server_without_a_connection_is_tried_once_for_many_questions(settings, monkeypatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.PROMETHEUS_URL = f"http://127.0.0.1:{unused.getsockname()[1]}"
    prometheus.forget()
    tried = []
    fetch = prometheus._fetch
    monkeypatch.setattr(prometheus, "_fetch", lambda *args: tried.append(args) or fetch(*args))
    for number in range(5):
        with pytest.raises(Unavailable, match="does not answer"):
            prometheus.query(f"metric_{number}")
    assert len(tried) == 1


def test_callers_at_the_same_time_share_one_question(stub: PrometheusStub) -> None:
    release = threading.Event()
    waiting = threading.Barrier(4)

    def answer(path: str, params: dict[str, str]) -> tuple[int, dict]:
        release.wait(10)
        return 200, vector([({}, 3)])

    stub.answer = answer
    results: list[float | None] = []

    def ask() -> None:
        waiting.wait(10)
        results.append(prometheus.value("shared"))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    waiting.wait(10)
    release.set()
    for thread in threads:
        thread.join()
    assert results == [3.0, 3.0, 3.0]
    assert len(stub.asked) == 1


def test_a_list_matches_any_of_its_values_and_an_empty_one_nothing() -> None:
    assert prometheus.matching(centre=["SZ-A", "a.b"], service="x") == '{centre=~"SZ-A|a\\\\.b",service="x"}'
    assert prometheus.matching(centre=[]) == '{centre="",centre!=""}'
    assert prometheus.matching(centre=None) == "{}"


def test_names_of_labels_are_checked() -> None:
    with pytest.raises(ValueError, match="not a label name"):
        prometheus.matching(**{'a="b",c': "x"})


@given(st.text())
def test_no_value_leaves_its_quotes(value: str) -> None:
    inner = prometheus.matching(a=value)[len('{a="') : -len('"}')]
    undone = inner.replace("\\\\", "\x00").replace('\\"', "\x01").replace("\\n", "\n")
    assert '"' not in undone
    assert "\\" not in undone
    assert undone.replace("\x00", "\\").replace("\x01", '"') == value.replace("\x00", "\\").replace("\x01", '"')


@given(st.floats(min_value=60, max_value=15 * 86400))
def test_the_step_keeps_every_range_drawable(seconds: float) -> None:
    step = prometheus.step_for(seconds)
    assert step >= 5
    assert seconds / step <= 240
