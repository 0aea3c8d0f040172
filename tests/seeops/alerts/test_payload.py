"""What Alertmanager sends is read strictly: garbage is refused with its place, never half taken in."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeops.alerts import payload


def body(**changes: Any) -> dict[str, Any]:
    alert = {
        "status": "firing",
        "labels": {"alertname": "NodeDown", "service": "auth", "centre": "SZ-A", "severity": "warning"},
        "annotations": {"summary": "down", "summary_zh": "停止"},
        "startsAt": "2026-05-11T01:30:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "abc",
        "generatorURL": "http://127.0.0.1/graph",
    }
    return {"version": "4", "status": "firing", "alerts": [{**alert, **changes}]}


def test_an_alert_is_read() -> None:
    (notice,) = payload.webhook(body())
    assert notice.firing
    assert notice.ends_at is None
    assert notice.starts_at == dt.datetime(2026, 5, 11, 1, 30, 0, 123000, tzinfo=dt.UTC)
    assert notice.distinction == "NodeDown|auth|SZ-A"
    assert notice.title == {"en": "down", "zh-hans": "停止"}


def test_webhook_and_api_agree_on_when_an_episode_began() -> None:
    api = [{"labels": {"alertname": "NodeDown"}, "startsAt": "2026-05-11T01:30:00.123Z", "fingerprint": "abc"}]
    assert payload.api(api)[0].starts_at == payload.webhook(body())[0].starts_at


def test_an_end_before_the_start_is_the_start() -> None:
    (notice,) = payload.webhook(body(status="resolved", endsAt="2026-05-11T01:00:00Z"))
    assert notice.ends_at == notice.starts_at


@pytest.mark.parametrize("severity", ["", "page", "CRITICAL"])
def test_an_unknown_severity_is_a_warning(severity: str) -> None:
    (notice,) = payload.webhook(body(labels={"alertname": "X", "severity": severity}))
    assert notice.severity == "warning"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"status": "pending"}, r"alerts\[0\].status"),
        ({"labels": {}}, "alertname"),
        ({"labels": {"alertname": 7}}, r"alerts\[0\].labels"),
        ({"labels": {"alertname": "a\0b"}}, r"alerts\[0\].labels"),
        ({"annotations": []}, r"alerts\[0\].annotations"),
        ({"startsAt": "soon"}, r"alerts\[0\].startsAt"),
        ({"startsAt": "2026-05-11T01:30:00"}, "no time zone"),
        ({"startsAt": "0001-01-01T00:00:00Z"}, "this century"),
        ({"startsAt": None}, r"alerts\[0\].startsAt"),
        ({"status": "resolved"}, "endsAt says never"),
        ({"fingerprint": "x" * 65}, "fingerprint"),
    ],
)
def test_garbage_is_refused_with_its_place(changes: dict, where: str) -> None:
    with pytest.raises(payload.Malformed, match=where):
        payload.webhook(body(**changes))


@pytest.mark.parametrize(
    "whole", [None, [], "x", {}, {"version": "3", "alerts": []}, {"version": "4"}, {"version": "4", "alerts": {}}]
)
def test_what_is_no_notification_is_refused(whole: Any) -> None:
    with pytest.raises(payload.Malformed):
        payload.webhook(whole)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(field=st.sampled_from(["status", "labels", "annotations", "startsAt", "endsAt", "fingerprint"]), value=JSON)
def test_any_value_in_any_place_is_read_or_refused(field: str, value: Any) -> None:
    try:
        (notice,) = payload.webhook(body(**{field: value}))
    except payload.Malformed:
        return
    assert notice.name
    assert notice.starts_at.tzinfo is not None
