"""Compiled loops over the desk outside the stream of commands: releasing expired orders, hashing arrays."""

import numpy as np

from trading_sim.jit import entry
from trading_sim.risk import fills

LANES = 4
FACTORS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93)
A, B, C, D = (np.uint64(factor) for factor in FACTORS)
TURN, BACK = np.uint64(29), np.uint64(35)


@entry
def expire(desk, orders, rows):
    """Give back what resting orders hold. `orders`: snapshot.RESTING, `rows`: the owners' rows."""
    for at in range(orders.size):
        order = orders[at]
        symbol, side, qty = np.int64(order.symbol), np.int64(order.side), np.int64(order.qty)
        fills.taken_back(desk, np.int64(rows[at]), symbol, side, order.price, qty)


@entry
def mix(words, seed):
    """Unsigned 64-bit hash of uint64 words, eight bytes a step in four independent lanes.

    Finds differences between replicas and damage; it is no defence against somebody who looks for collisions.
    """
    one, two, three, four = seed ^ A, seed ^ B, seed ^ C, seed ^ D
    whole = words.size // LANES * LANES
    for at in range(0, whole, LANES):
        one = (one ^ words[at]) * A
        one = (one << TURN) | (one >> BACK)
        two = (two ^ words[at + 1]) * B
        two = (two << TURN) | (two >> BACK)
        three = (three ^ words[at + 2]) * C
        three = (three << TURN) | (three >> BACK)
        four = (four ^ words[at + 3]) * D
        four = (four << TURN) | (four >> BACK)
    for at in range(whole, words.size):
        one = (one ^ words[at]) * B
        one = (one << TURN) | (one >> BACK)
    found = one
    for lane in (two, three, four, np.uint64(words.size)):
        found = (found ^ (found >> np.uint64(32)) ^ lane) * C
    return found ^ (found >> np.uint64(31))
