"""One hop for a batch of requests: instances, service and queueing time, faults, and retries on another instance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading_sim.chain.arrays import NodeArrays

# Spread of modelled service times: log-normal, median 6 % under the mean, p99 about twice the mean.
SIGMA = 0.35
REFUSED_S = 0.0002  # a closed port answers at once
ATTEMPTS = 3
# At most this part of a batch is sent again after an error or a time-out, so that retries never double the load of a
# failing service. A refused connection costs the service nothing: it is always tried elsewhere.
RETRY_BUDGET = 0.2
RETRY_MINIMUM = 4


@dataclass
class Answers:
    """One attempt of a batch: node asked, seconds spent, which failed, and which of those a closed port refused."""

    nodes: np.ndarray
    seconds: np.ndarray
    failed: np.ndarray
    refused: np.ndarray


class HopCaller:
    """Calls services of one centre. `rng` is the centre's own, so a seed gives a run again."""

    def __init__(self, arrays: NodeArrays, rng: np.random.Generator):
        self.arrays, self.rng = arrays, rng

    def _once(self, service: int, count: int, avoid: np.ndarray | None = None) -> Answers | None:
        a, rng = self.arrays, self.rng
        nodes = a.pick(service, count, avoid)
        if nodes is None:
            return None
        spread = np.exp(SIGMA * rng.standard_normal(count) - SIGMA * SIGMA / 2)
        seconds = a.service_s[nodes] * spread / (1 - a.cpu_taken[nodes])
        seconds += a.wait_s[nodes] * rng.standard_exponential(count) + a.delay_s[nodes]
        jitter = a.jitter_s[nodes]
        if jitter.any():
            seconds = np.maximum(seconds + jitter * rng.standard_normal(count), 0.0)
        failed = rng.random(count) < a.error_rate[nodes]
        timeout = a.timeout_s[nodes]
        late = seconds > timeout
        answering = a.answering[nodes]
        refused = ~answering & ~a.hung[nodes]
        if late.any() or not answering.all():
            seconds = np.minimum(seconds, timeout)
            failed |= late
            a.count(nodes[answering], seconds[answering], failed[answering])
            dead = ~answering
            seconds[dead] = np.where(refused[dead], REFUSED_S, timeout[dead])
            failed |= dead
        else:
            a.count(nodes, seconds, failed)
        return Answers(nodes, seconds, failed, refused)

    def call(self, service: int, count: int) -> tuple[np.ndarray, np.ndarray] | None:
        """(seconds, ok) of `count` requests to a service, retries included; None when no instance is in rotation."""
        first = self._once(service, count)
        if first is None:
            return None
        budget = max(RETRY_MINIMUM, int(RETRY_BUDGET * count))
        for _ in range(ATTEMPTS - 1):
            if not first.failed.any():
                break
            paid = np.flatnonzero(first.failed & ~first.refused)[:budget]
            budget -= len(paid)
            again = np.concatenate([np.flatnonzero(first.refused), paid])
            if not len(again):
                break
            more = self._once(service, len(again), first.nodes[again])
            if more is None:
                break
            first.nodes[again], first.failed[again], first.refused[again] = more.nodes, more.failed, more.refused
            first.seconds[again] += more.seconds
        return first.seconds, ~first.failed
