"""What Alertmanager sends, read strictly: version 4 of its webhook and the alerts of its API. No framework, no clock."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_ALERTS = 2000
HEARTBEAT = "Watchdog"
SEVERITIES = ("critical", "warning", "info")
# Go's zero time: Alertmanager's way of saying that an alert has not ended.
_NEVER = dt.datetime(1, 1, 1, tzinfo=dt.UTC)


class Malformed(ValueError):
    """The payload is not what Alertmanager sends; says where and why."""


@dataclass(frozen=True)
class Notice:
    """One alert as reported: what it is, since when, and whether it still fires."""

    fingerprint: str
    starts_at: dt.datetime
    ends_at: dt.datetime | None
    firing: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    generator_url: str
    suppressed: bool = False

    @property
    def name(self) -> str:
        return self.labels["alertname"]

    @property
    def severity(self) -> str:
        """An alert that does not say how severe it is, or says a word we do not know, is taken as a warning."""
        severity = self.labels.get("severity", "")
        return severity if severity in SEVERITIES else "warning"

    @property
    def distinction(self) -> str:
        """What makes two alerts one thing that is wrong: the rule, the service and the data centre."""
        return "|".join(self.labels.get(name, "") for name in ("alertname", "service", "centre"))

    @property
    def title(self) -> dict[str, str]:
        """The sentence by language; the rule's name when it has none."""
        english = self.annotations.get("summary") or self.name
        return {"en": english, "zh-hans": self.annotations.get("summary_zh") or english}


def webhook(payload: Any) -> list[Notice]:
    """The alerts of one webhook call. Raises Malformed."""
    if not isinstance(payload, dict):
        raise Malformed("the body must be a JSON object")
    if str(payload.get("version")) != "4":
        raise Malformed(f'version must be "4", not {payload.get("version")!r}')
    return [_notice(item, f"alerts[{i}]", _webhook_firing) for i, item in enumerate(_alerts(payload.get("alerts")))]


def api(payload: Any) -> list[Notice]:
    """The alerts that Alertmanager's API (/api/v2/alerts) lists: all of them fire, some `suppressed` by a silence or by
    another alert that explains them. Raises Malformed."""
    return [_notice(item, f"[{i}]", lambda item, path: True) for i, item in enumerate(_alerts(payload))]


def _alerts(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Malformed("alerts must be a list")
    if len(value) > MOST_ALERTS:
        raise Malformed(f"{len(value)} alerts at once, at most {MOST_ALERTS} are taken: set max_alerts")
    return value


def _webhook_firing(item: Mapping[str, Any], path: str) -> bool:
    status = item.get("status")
    if status not in ("firing", "resolved"):
        raise Malformed(f"{path}.status must be firing or resolved, not {status!r}")
    return bool(status == "firing")


def _notice(item: Any, path: str, firing_of: Any) -> Notice:
    if not isinstance(item, dict):
        raise Malformed(f"{path} must be an object")
    firing = firing_of(item, path)
    labels = _texts(item.get("labels"), f"{path}.labels")
    if not labels.get("alertname"):
        raise Malformed(f"{path}.labels has no alertname")
    starts_at = _moment(item.get("startsAt"), f"{path}.startsAt")
    ends_at = None
    if not firing:
        ends_at = _moment(item.get("endsAt"), f"{path}.endsAt", never_allowed=True)
        if ends_at == _NEVER:
            raise Malformed(f"{path} is resolved but its endsAt says never")
        ends_at = max(ends_at, starts_at)
    fingerprint = item.get("fingerprint") or _fingerprint(labels)
    if not isinstance(fingerprint, str) or len(fingerprint) > 64:
        raise Malformed(f"{path}.fingerprint must be a text of at most 64 characters")
    return Notice(
        fingerprint=fingerprint,
        starts_at=starts_at,
        ends_at=ends_at,
        firing=firing,
        labels=labels,
        annotations=_texts(item.get("annotations", {}), f"{path}.annotations"),
        generator_url=str(item.get("generatorURL") or "")[:1000],
        suppressed=isinstance(item.get("status"), dict) and item["status"].get("state") == "suppressed",
    )


def _texts(value: Any, path: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) and "\0" not in text for text in value.values()):
        raise Malformed(f"{path} must be an object of texts")
    if any("\0" in name for name in value):
        raise Malformed(f"{path} has a name that cannot be stored")
    return value


def _moment(value: Any, path: str, *, never_allowed: bool = False) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(_microseconds(value))
    except (TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"{path} must be an RFC 3339 time, not {value!r}") from error
    if moment.tzinfo is None:
        raise Malformed(f"{path} has no time zone: {value!r}")
    if moment.year == 1 and never_allowed:
        return _NEVER
    if not 2000 <= moment.year < 2200:
        raise Malformed(f"{path} is not a time of this century: {value!r}")
    # The webhook speaks in nanoseconds, the API in milliseconds: what both know tells episodes apart.
    moment = moment.astimezone(dt.UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _microseconds(text: str) -> str:
    """RFC 3339 may carry nanoseconds, datetime knows microseconds."""
    head, dot, tail = text.partition(".")
    if not dot:
        return text
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[: min(digits, 6)].ljust(6, '0')}{tail[digits:]}"


def _fingerprint(labels: Mapping[str, str]) -> str:
    text = json.dumps(labels, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
