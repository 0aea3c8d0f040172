"""One HTTP call to the cluster: time-out, JSON in and out, errors as the client's own exceptions."""

from __future__ import annotations

import threading

import requests

from trading_sim.client.errors import Refused, StaleEpoch, Unreachable

DEFAULT_TIMEOUT_S = 5.0
_local = threading.local()


def _session() -> requests.Session:
    """A keep-alive session per thread: requests' sessions are not safe to share between threads."""
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.trust_env = False  # never send cluster calls through a proxy of the environment
    return _local.session


def _refusal(method: str, url: str, response: requests.Response) -> Refused:
    try:
        body = response.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    code = str(body.get("error", f"http_{response.status_code}"))
    detail = str(body.get("detail", response.reason))
    kind = StaleEpoch if code == "stale_epoch" else Refused
    return kind(f"{method} {url}: {detail}", status=response.status_code, code=code, detail=detail, body=body)


def call(
    method: str, url: str, *, json: object = None, params: dict | None = None, timeout_s: float = DEFAULT_TIMEOUT_S
) -> dict:
    """The JSON answer of one call. Raises Unreachable (outcome unknown) or Refused (nothing done)."""
    try:
        response = _session().request(method, url, json=json, params=params, timeout=timeout_s)
    except requests.RequestException as error:
        raise Unreachable(f"{method} {url}: no answer ({type(error).__name__}); the outcome is unknown") from error
    if response.status_code >= 500 and response.status_code != 503:
        raise Unreachable(f"{method} {url}: the server failed with {response.status_code}; the outcome is unknown")
    if response.status_code >= 400:
        raise _refusal(method, url, response)
    try:
        return response.json()
    except ValueError as error:
        raise Unreachable(f"{method} {url}: the answer is not JSON; the outcome is unknown") from error
