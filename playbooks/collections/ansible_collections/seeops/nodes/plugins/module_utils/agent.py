# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent of one node over HTTP: one kept connection, a time-out on every call, refusals told apart from silence."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import time
from urllib.parse import urlsplit

CALL_TIMEOUT_S = 10.0
POLL_S = 0.2
LONGEST_WAIT_S = 5  # well below the time-out of a call


class Waits:
    """`with WAITS.around():` stands around every wait for a node. It does nothing, unless the caller has something else to do
    meanwhile and puts in what begins and ends that."""

    def __init__(self):
        self.around = contextlib.nullcontext


WAITS = Waits()


class Silent(Exception):
    """No answer: what was asked may or may not have happened."""


class Refused(Exception):
    """A clear no; nothing was executed. `code` is the machine-readable reason."""

    def __init__(self, status: int, code: str, detail: str):
        super().__init__(f"{detail} ({code})")
        self.status, self.code, self.detail = status, code, detail


class Agent:
    """`Agent("http://host:port/nodes/name")`; close it when done."""

    def __init__(self, url: str, timeout_s: float = CALL_TIMEOUT_S):
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"agent_url {url!r} is not an http address")
        self._path = parts.path.rstrip("/")
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout_s)

    def close(self) -> None:
        self._connection.close()

    def get(self, path: str) -> dict:
        return self._call("GET", path, None)

    def act(self, path: str, body: dict, method: str = "POST") -> dict:
        return self._call(method, path, body)

    def act_until(self, path: str, body: dict, states: tuple[str, ...], timeout_s: float) -> tuple[dict, dict, float]:
        """Act, then wait as `wait` does: (answer of the act, health, seconds waited). The agent waits within its answer as long as it
        may; one that does not know of that answers at once and is asked for the rest."""
        answer = self.act(path, {**body, "until": list(states), "wait_s": _one_wait(timeout_s)})
        health, waited_s = answer.get("health") or {}, answer.get("waited_ms", 0) / 1000
        if health.get("state") not in states:
            began = time.monotonic()
            health = self.wait(states, timeout_s - waited_s)
            waited_s += time.monotonic() - began
        return answer, health, waited_s

    def _call(self, method: str, path: str, body: dict | None) -> dict:
        data = None if body is None else json.dumps(body)
        headers = {} if data is None else {"Content-Type": "application/json"}
        try:
            with WAITS.around():
                self._connection.request(method, f"{self._path}/{path}", body=data, headers=headers)
                response = self._connection.getresponse()
                raw = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Silent(f"{method} {path}: no answer ({type(error).__name__}: {error})") from error
        try:
            answer = json.loads(raw)
        except ValueError as error:
            raise Silent(f"{method} {path}: the answer with status {response.status} is not JSON") from error
        if response.status >= 400:
            raise Refused(
                response.status, str(answer.get("error", response.status)), str(answer.get("detail", "refused"))
            )
        return answer

    def wait(self, states: tuple[str, ...], timeout_s: float) -> dict:
        """Health when the node is in one of `states`, or the last one seen when the time is over. The agent answers when it is so
        far; one that does not know of waiting answers at once and is asked again."""
        ends = time.monotonic() + timeout_s
        while True:
            left = _one_wait(ends - time.monotonic())
            began = time.monotonic()
            health = self.get(f"health?until={','.join(states)}&wait_s={left}")
            if health.get("state") in states or time.monotonic() >= ends:
                return health
            if time.monotonic() - began < POLL_S:
                with WAITS.around():
                    time.sleep(POLL_S)


def _one_wait(left_s: float) -> int:
    """How long an agent may be asked to wait in one call."""
    return max(0, min(LONGEST_WAIT_S, math.ceil(left_s)))
