"""One hop for a batch of requests: instances, service and queueing time, faults, and retries on another instance."""

from __future__ import annotations

import numpy as np

from trading_sim.chain.arrays import NodeArrays

# Spread of modelled service times: log-normal, median 6 % under the mean, p99 about twice the mean.
SIGMA = 0.35
REFUSED_S = 0.0002  # a closed port answers at once
ATTEMPTS = 2
# At most this part of a batch is sent again, so that retries never double the load of a failing service.
RETRY_BUDGET = 0.2
RETRY_MINIMUM = 4


class HopCaller:
    """Calls services of one centre. `rng` is the centre's own, so a seed gives a run again."""

    def __init__(self, arrays: NodeArrays, rng: np.random.Generator):
        self.arrays, self.rng = arrays, rng

    def _once(self, service: int, count: int) -> tuple[np.ndarray, np.ndarray] | None:
        a, rng = self.arrays, self.rng
        nodes = a.pick(service, count)
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
        if late.any() or not answering.all():
            seconds = np.minimum(seconds, timeout)
            failed |= late
            a.count(nodes[answering], seconds[answering], failed[answering])
            dead = ~answering
            seconds[dead] = np.where(a.hung[nodes[dead]], timeout[dead], REFUSED_S)
            failed |= dead
        else:
            a.count(nodes, seconds, failed)
        return seconds, failed

    def call(self, service: int, count: int) -> tuple[np.ndarray, np.ndarray] | None:
        """(seconds, ok) of `count` requests to a service, retries included; None when no instance is in rotation."""
        first = self._once(service, count)
        if first is None:
            return None
        seconds, failed = first
        for _ in range(ATTEMPTS - 1):
            again = np.flatnonzero(failed)[: max(RETRY_MINIMUM, int(RETRY_BUDGET * count))]
            if not len(again):
                break
            more = self._once(service, len(again))
            if more is None:
                break
            seconds[again] += more[0]
            failed[again] = more[1]
        return seconds, ~failed
