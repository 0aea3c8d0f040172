"""How much of the customers' flow a batch can hurt: which chains, with what share. Pure.

Three shares of a business chain's flow, each between 0 and 1, of the worst moment of a batch:

served   what the nodes of the whole batch carry when all are back: it meets a bad version before the verdict
at_once  what the nodes that are out of service at the same time carry otherwise; the others take it over as far as they can
lost     what nobody takes over: the impact of exactly these nodes (topology.impact)

A node carries its centre's share of the flow divided by the serving nodes of its service there. The share is the same for every
chain that passes the service or needs it hard. A replicated shard is carried by its leader as long as a majority serves: its
replicas carry no flow of their own that others would have to take over, so only `served` and `lost` say something of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from seeops.topology.carrying import carrying
from seeops.topology.impact import chains_hit
from seeops.topology.snapshot import NodeFact, Snapshot

_DIGITS = 4
_EPSILON = 1e-9


@dataclass(frozen=True)
class Blast:
    """`chains` are codes, sorted; shares are rounded to 4 digits, so that a plan's digest does not hang on the last bit."""

    chains: tuple[str, ...]
    served: float
    at_once: float
    lost: float

    def as_plan(self) -> dict[str, object]:
        return {"chains": list(self.chains), "served": self.served, "at_once": self.at_once, "lost": self.lost}


class Reckoner:
    """Answers for one snapshot; what is asked again for equally many nodes in each centre is not computed again."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._facts = {node.name: node for node in snapshot.nodes}
        self._shares = {centre.code: centre.flow_share for centre in snapshot.centres}
        self._serving = Counter((node.service, node.centre) for node in snapshot.nodes if node.serving)
        self._replicas = Counter((node.service, node.shard) for node in snapshot.nodes if node.shard is not None)
        self._shards = Counter(service for service, _ in self._replicas)
        self._before = carrying(snapshot)
        self._flow = {chain.code: chain.peak_rate_per_s for chain in snapshot.chains}
        self._lost: dict[tuple[object, ...], float] = {}
        self._chains: dict[str, tuple[str, ...]] = {}

    def of(self, service: str, names: Sequence[str], at_once: int) -> Blast:
        """A batch of `names` of which `at_once` are out of service at the same time. Raises KeyError for an unknown node."""
        facts = [self._facts[name] for name in names]
        if not self.chains(service):
            return Blast((), 0.0, 0.0, 0.0)
        worst = self._worst(facts, at_once)
        return Blast(
            self.chains(service),
            round(min(1.0, sum(self._share(fact, served=True) for fact in facts)), _DIGITS),
            round(min(1.0, sum(self._share(fact) for fact in worst)), _DIGITS),
            round(self._lost_share(worst), _DIGITS),
        )

    def most_at_once(self, names: Sequence[str], at_once: int, share: float) -> int:
        """The most nodes of a batch that may be out at the same time so that at most `share` of a chain's flow is; 0 when even
        one is too many."""
        facts = [self._facts[name] for name in names]
        if not self.chains(facts[0].service):
            return at_once
        allowed, total = 0, 0.0
        for fact in self._worst(facts, at_once):
            total += self._share(fact)
            if total > share + _EPSILON:
                break
            allowed += 1
        return allowed

    def largest_share(self, names: Sequence[str]) -> tuple[str, float]:
        """The node that carries most, and its share."""
        fact = self._worst([self._facts[name] for name in names], 1)[0]
        return fact.name, self._share(fact)

    def chains(self, service: str) -> tuple[str, ...]:
        """Codes of the chains that pass the service or need it hard."""
        if service not in self._chains:
            leaning = {service}
            hard = [(d.caller, d.callee) for d in self.snapshot.dependencies if d.mode == "hard" and not d.from_chain]
            while more := {caller for caller, callee in hard if callee in leaning} - leaning:
                leaning |= more
            found = [c.code for c in self.snapshot.chains if leaning.intersection(hop.service for hop in c.hops)]
            self._chains[service] = tuple(sorted(found))
        return self._chains[service]

    def _worst(self, facts: Sequence[NodeFact], at_once: int) -> list[NodeFact]:
        return sorted(facts, key=lambda fact: (-self._share(fact), fact.name))[: max(1, at_once)]

    def _share(self, fact: NodeFact, *, served: bool = False) -> float:
        """The part of a chain's flow that a node carries; 0 while it does not serve, since it has none to lose."""
        if not fact.serving:
            return 0.0
        if fact.shard is not None:
            if not served:
                return 0.0
            return 1 / (self._shards[fact.service] * self._replicas[fact.service, fact.shard])
        return self._shares[fact.centre] / self._serving[fact.service, fact.centre]

    def _lost_share(self, gone: Sequence[NodeFact]) -> float:
        """The largest share of one chain that nobody takes over."""
        if any(fact.shard is not None for fact in gone):
            key: tuple[object, ...] = tuple(fact.name for fact in gone)
        else:
            counted = Counter((fact.service, fact.centre) for fact in gone if fact.serving)
            key = tuple(sorted(counted.items()))
        if key not in self._lost:
            after = carrying(self.snapshot, [fact.name for fact in gone])
            hit = chains_hit(self.snapshot, self._flow, self._before, after)
            self._lost[key] = max((chain.lost_share for chain in hit), default=0.0)
        return self._lost[key]
