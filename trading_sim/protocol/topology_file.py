"""Reads cluster.yaml into a Topology; every error names the place in the file and says what is expected there."""

from __future__ import annotations

import math
import re
from pathlib import Path

import yaml

from trading_sim.protocol import topology as topo

DEFAULT_FILE = Path(__file__).resolve().parent.parent / "cluster.yaml"
_NAME = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]\Z")
_CENTRE = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)*\Z")
_NEEDED_OF = re.compile(r"(\d+) of (\d+)\Z")
_DEFAULT_MEMORY_LIMIT_MB = 2048.0


class TopologyError(ValueError):
    """cluster.yaml cannot be used; the text names the place and the expectation."""


class _Place:
    """One mapping of the file with its path, so that errors can say where they are."""

    def __init__(self, path: str, value: object):
        if not isinstance(value, dict):
            raise TopologyError(f"{path}: expected a mapping, found {value!r}")
        self.path, self.value, self.seen = path, value, set()

    def fail(self, key: str, text: str) -> TopologyError:
        return TopologyError(f"{self.path}.{key}: {text}")

    def take(self, key: str, kind: type | tuple, default: object = ...) -> object:
        self.seen.add(key)
        found = self.value.get(key, default)
        if found is ...:
            raise self.fail(key, "is missing")
        if not isinstance(found, kind) or isinstance(found, bool):
            raise self.fail(key, f"has the wrong type: {found!r}")
        return found

    def text(self, key: str, allowed: tuple | dict | None = None) -> str:
        found = self.take(key, str)
        if allowed is not None and found not in allowed:
            raise self.fail(key, f"{found!r} is not one of {', '.join(allowed)}")
        return found

    def positive(self, key: str, default: object = ...) -> float:
        found = float(self.take(key, (int, float), default))
        if not (math.isfinite(found) and found > 0):
            raise self.fail(key, f"must be a number above 0, not {found}")
        return found

    def done(self) -> None:
        unknown = set(self.value) - self.seen
        if unknown:
            raise TopologyError(f"{self.path}: unknown keys {', '.join(sorted(map(str, unknown)))}")


def _entries(root: _Place, key: str, pattern: re.Pattern = _NAME) -> dict[str, _Place]:
    found = root.take(key, dict)
    if not found:
        raise root.fail(key, "must not be empty")
    for name in found:
        if not isinstance(name, str) or not pattern.match(name):
            raise root.fail(key, f"{name!r} is not a usable name")
    return {name: _Place(f"{root.path}.{key}.{name}", value) for name, value in found.items()}


def _centre(name: str, place: _Place, sites: dict) -> topo.Centre:
    share = place.positive("flow_share")
    centre = topo.Centre(
        name, place.text("title"), place.text("site", sites), place.text("role", topo.CENTRE_ROLES), share
    )
    place.done()
    return centre


def _counts(place: _Place, centres: dict, scale: float, kind: str) -> tuple[dict, dict]:
    """Nodes present and nodes needed per centre; shards keep their number at every scale."""
    nodes, needed = {}, {}
    for centre, text in place.take("nodes", dict).items():
        match = _NEEDED_OF.match(str(text))
        if centre not in centres:
            raise place.fail("nodes", f"{centre!r} is not one of the centres")
        if not match or not 0 < int(match[1]) <= int(match[2]):
            raise place.fail(f"nodes.{centre}", f'expected "needed of present", such as "2 of 3", found {text!r}')
        factor = 1.0 if kind == "shard" else scale
        nodes[centre] = max(1, round(int(match[2]) * factor))
        needed[centre] = min(nodes[centre], max(1, math.ceil(int(match[1]) * factor)))
    if not nodes:
        raise place.fail("nodes", "must name at least one centre")
    return nodes, needed


def _service(name: str, place: _Place, domains: dict, centres: dict, scale: float) -> topo.Service:
    kind = place.text("kind", topo.SERVICE_KINDS)
    nodes, needed = _counts(place, centres, scale, kind)
    service = topo.Service(
        name=name,
        title=place.text("title"),
        domain=place.text("domain", domains),
        tier=place.text("tier"),
        kind=kind,
        protocol=place.text("protocol"),
        service_time_ms=place.positive("service_time_ms"),
        capacity_per_s=place.positive("capacity_per_s"),
        memory_mb=place.positive("memory_mb"),
        memory_limit_mb=place.positive("memory_limit_mb", _DEFAULT_MEMORY_LIMIT_MB),
        nodes=nodes,
        needed=needed,
        uses=dict(place.take("uses", dict, {})),
    )
    if service.memory_mb >= service.memory_limit_mb:
        raise place.fail("memory_mb", f"must be below the limit of {service.memory_limit_mb:g}")
    place.done()
    return service


def _hops(place: _Place, services: dict) -> tuple[topo.Hop, ...]:
    hops: list[topo.Hop] = []
    for order, entry in enumerate(place.take("hops", list), start=1):
        hop = _Place(f"{place.path}.hops[{order}]", {"service": entry} if isinstance(entry, str) else entry)
        service = hop.text("service", services)
        mode = hop.text("mode", topo.HOP_MODES) if "mode" in hop.value else "sync"
        name = hop.text("name") if "name" in hop.value else service
        hop.done()
        if name in {before.name for before in hops}:
            raise TopologyError(f"{hop.path}: the chain already has a hop {name!r}; give this one a name of its own")
        hops.append(topo.Hop(order, name, service, mode))
    if not hops:
        raise place.fail("hops", "must not be empty")
    return tuple(hops)


def _chain(name: str, place: _Place, domains: dict, services: dict) -> topo.Chain:
    chain = topo.Chain(
        name=name,
        title=place.text("title"),
        domain=place.text("domain", domains),
        kind=place.text("kind", topo.CHAIN_KINDS),
        criticality=int(place.positive("criticality")),
        peak_rate_per_s=place.positive("peak_rate_per_s"),
        hops=_hops(place, services),
    )
    place.done()
    shard_hops = [hop for hop in chain.hops if services[hop.service].kind == "shard"]
    if (chain.kind == "orders") != (len(shard_hops) == 1) or any(hop.mode != "sync" for hop in shard_hops):
        raise place.fail("hops", "a chain of kind orders, and no other, has exactly one synchronous hop of kind shard")
    return chain


def _links(root: _Place, centres: dict) -> dict[tuple[str, str], float]:
    links = {}
    for number, entry in enumerate(root.take("links", list, []), start=1):
        place = _Place(f"{root.path}.links[{number}]", entry)
        pair = place.take("between", list)
        if len(pair) != 2 or not set(pair) <= set(centres):
            raise place.fail("between", f"must name two centres, not {pair!r}")
        links[min(pair), max(pair)] = place.positive("latency_ms")
        place.done()
    names = sorted(centres)
    for one, other in ((one, other) for one in names for other in names if one < other):
        if (one, other) not in links:
            raise root.fail("links", f"no latency between {one} and {other}")
    return links


def _shards(root: _Place, services: dict, centres: dict) -> dict[int, topo.Shard]:
    place = _Place(f"{root.path}.shards", root.take("shards", dict))
    count, name = place.take("count", int), place.text("service", services)
    place.done()
    service = services[name]
    if not 1 <= count <= 255 or service.kind != "shard" or set(service.nodes.values()) != {count}:
        raise place.fail("count", f"must be 1 to 255 and equal the nodes of {name} in each centre")
    if set(service.nodes) != set(centres):
        raise place.fail("service", f"{name} must have nodes in every centre")
    return {
        shard: topo.Shard(shard, {centre: topo.node_name(name, centre, shard + 1) for centre in centres})
        for shard in range(count)
    }


def parse(text: str, scale: float = 1.0, path: str = "cluster.yaml") -> topo.Topology:
    """The topology described by a YAML text, its node counts multiplied by `scale` (at least 1 each)."""
    if not (math.isfinite(scale) and 0 < scale <= 100):
        raise TopologyError(f"the scale must be above 0 and at most 100, not {scale}")
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TopologyError(f"{path} is not valid YAML: {error}") from error
    root = _Place(path, document)
    sites = {n: topo.Site(n, p.text("title")) for n, p in _entries(root, "sites").items()}
    centres = {n: _centre(n, p, sites) for n, p in _entries(root, "centres", _CENTRE).items()}
    if abs(sum(centre.flow_share for centre in centres.values()) - 1) > 1e-6:
        raise root.fail("centres", "the flow shares must add up to 1")
    domains = {n: topo.Domain(n, p.text("title")) for n, p in _entries(root, "domains").items()}
    services = {n: _service(n, p, domains, centres, scale) for n, p in _entries(root, "services").items()}
    for service in services.values():
        for used, mode in service.uses.items():
            if used not in services or mode not in topo.HOP_MODES:
                raise root.fail(f"services.{service.name}.uses", f"{used!r}: {mode!r} is no service with a mode")
    chains = {n: _chain(n, p, domains, services) for n, p in _entries(root, "chains").items()}
    shards, links = _shards(root, services, centres), _links(root, centres)
    root.done()
    return topo.Topology(scale, sites, centres, domains, services, chains, shards, links)


def load(path: Path | None = None, scale: float = 1.0) -> topo.Topology:
    """Read a cluster file (by default the one that comes with the package). Raises TopologyError."""
    path = path or DEFAULT_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TopologyError(f"{path} cannot be read: {error.strerror}") from error
    return parse(text, scale, path.name)
