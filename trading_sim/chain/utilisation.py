"""How busy each node is, and what its requests pay for it: queueing time, load shedding, processor and memory.

One tick updates all nodes of a centre. Below saturation the mean wait follows Sakasegawa's approximation of M/M/c,
Wq = s * rho^(sqrt(2(c+1)) - 1) / (c (1 - rho))  (Sakasegawa 1977, as in Hopp and Spearman, Factory Physics);
above it a fluid backlog grows by (arrivals - capacity) and a request waits backlog / capacity, until the queue limit,
beyond which the node sheds what it cannot take.
"""

from __future__ import annotations

import numpy as np

from trading_sim.chain.arrays import NodeArrays

RATE_MEMORY_S = 4.0
IDLE_CPU = 0.03
BUSY_CPU = 0.92
STABLE_RHO = 0.97
NOMINAL_WORKERS = 8.0


def mean_wait(rho: np.ndarray, workers: np.ndarray, service_s: np.ndarray) -> np.ndarray:
    """Mean queueing time in seconds of an M/M/c queue at utilisation `rho` (cut at STABLE_RHO)."""
    load = np.minimum(rho, STABLE_RHO)
    return service_s * load ** (np.sqrt(2 * (workers + 1)) - 1) / (workers * (1 - load))


def update(arrays: NodeArrays, elapsed_s: float, rng: np.random.Generator) -> None:
    """Advance every node by `elapsed_s` seconds."""
    a = arrays
    a.rate += (a.window / elapsed_s - a.rate) * (1 - np.exp(-elapsed_s / RATE_MEMORY_S))
    a.window[:] = 0
    free = np.maximum(1 - a.cpu_taken, 0.05)
    workers = np.maximum(a.workers * (1 - a.workers_lost), 0.5)
    slow = a.service_s / a.base_service_s
    a.capacity = a.base_capacity / slow * (workers / NOMINAL_WORKERS) * free
    a.rho = a.rate / a.capacity
    limit = a.capacity * a.queue_limit_s
    a.backlog = np.clip(a.backlog + (a.rate - a.capacity) * elapsed_s, 0, limit)
    a.wait_s = mean_wait(a.rho, workers, a.service_s / free) + a.backlog / a.capacity
    full = a.backlog >= limit
    a.shed = np.where(full & (a.rho > 1), 1 - 1 / np.maximum(a.rho, 1), 0.0)
    a.error_rate = 1 - (1 - a.version_errors) * (1 - a.fault_errors) * (1 - a.shed)
    noise = rng.normal(0, 0.004, len(a.cpu))
    a.cpu = np.clip(
        a.cpu_taken + (IDLE_CPU + BUSY_CPU * np.minimum(a.rate / a.base_capacity * slow, 1)) * free + noise, 0.001, 1
    )
    a.leaked += np.where(a.answering, a.leak, 0.0) * elapsed_s
    a.memory = a.base_memory * (1 + 0.04 * np.minimum(a.rho, 1) + rng.normal(0, 0.002, len(a.memory))) + a.leaked
