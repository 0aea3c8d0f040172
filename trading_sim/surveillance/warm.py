"""`python -m trading_sim.surveillance.warm`: compile the detectors' loop into the cache before a market waits to be watched."""

from __future__ import annotations

import numpy as np

from trading_sim.protocol.records import EVENT, PARTY
from trading_sim.surveillance.absorb import ACCEPTED
from trading_sim.surveillance.watch import ShardWatch

SECOND_NS = 1_000_000_000


def warm() -> int:
    """Watch one order and the end of its tick. Returns how many events were taken in."""
    watch = ShardWatch(0, np.full(1, 100.0))
    events, parties = np.zeros(1, EVENT), np.zeros(1, PARTY)
    for name, value in (("seq", 1), ("order_id", 1), ("price", 1000), ("qty", 100), ("leaves", 100), ("side", 1)):
        events[name] = value
    events["kind"], parties["account"] = ACCEPTED, 1
    watch.feed(SECOND_NS, events, parties, 1)
    watch.pass_time(60 * SECOND_NS)
    return watch.events


if __name__ == "__main__":
    warm()
