"""What one centre counts about its chains: per hop, per chain, orders by outcome, trades and turnover."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from trading_sim.protocol.flow import Outcome
from trading_sim.protocol.metrics import BOUNDS, BUCKETS
from trading_sim.protocol.topology import Topology

TRADE = 3  # EVENT.kind
_REMEMBERED = 2048
OUTCOMES = {outcome: outcome.name.lower() for outcome in Outcome}


class Counters:
    """Rows of `hop_*` follow `hops` (chain, hop, service); rows of `chain_*` follow `chains`."""

    def __init__(self, topology: Topology):
        self.chains = list(topology.chains)
        self.chain_row = {name: row for row, name in enumerate(self.chains)}
        self.hops = [(chain.name, hop.name, hop.service) for chain in topology.chains.values() for hop in chain.hops]
        self.hop_row = {(chain, hop): row for row, (chain, hop, _) in enumerate(self.hops)}
        self.hop_requests = np.zeros(len(self.hops), np.int64)
        self.hop_errors = np.zeros(len(self.hops), np.int64)
        self.hop_histogram = np.zeros((len(self.hops), BUCKETS), np.int64)
        self.hop_seconds = np.zeros(len(self.hops))
        self.chain_outcomes = np.zeros((len(self.chains), len(Outcome)), np.int64)
        self.chain_histogram = np.zeros((len(self.chains), BUCKETS), np.int64)
        self.chain_seconds = np.zeros(len(self.chains))
        self.orders = np.zeros(len(Outcome), np.int64)
        self.trades = 0
        self.turnover_fen = 0
        self.session: dict = {}
        self._counted: OrderedDict[tuple, None] = OrderedDict()

    def hop(self, row: int, seconds: np.ndarray, ok: np.ndarray) -> None:
        """Calls of one hop: their durations as the caller saw them, and which succeeded."""
        self.hop_requests[row] += len(ok)
        self.hop_errors[row] += len(ok) - int(np.count_nonzero(ok))
        self.hop_histogram[row] += np.bincount(np.searchsorted(BOUNDS, seconds), minlength=BUCKETS)
        self.hop_seconds[row] += float(seconds.sum())

    def chain(self, name: str, outcomes: np.ndarray, seconds: np.ndarray) -> None:
        """Requests of a chain: outcome of each (u1), and the durations of those that were answered."""
        row = self.chain_row[name]
        self.chain_outcomes[row] += np.bincount(outcomes, minlength=len(Outcome))
        self.chain_histogram[row] += np.bincount(np.searchsorted(BOUNDS, seconds), minlength=BUCKETS)
        self.chain_seconds[row] += float(seconds.sum())

    def market(self, key: tuple, events: np.ndarray) -> None:
        """Trades among a shard's events; `key` (shard, client, request) counts once, however often it is answered."""
        if key in self._counted:
            return
        self._counted[key] = None
        if len(self._counted) > _REMEMBERED:
            self._counted.popitem(last=False)
        trades = events[events["kind"] == TRADE]
        self.trades += len(trades)
        self.turnover_fen += int((trades["price"] * trades["qty"].astype(np.int64)).sum())
