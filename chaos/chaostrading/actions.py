"""Faults and their removal. Every fault has a lease: the cluster drops it by itself when the lease ends, whatever became of
the experiment, the console or the network between. Every action can be repeated; each answers with the leases it holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from chaoslib.exceptions import ActivityFailed
from chaoslib.types import Configuration, Secrets

from chaos.chaostrading.surroundings import attempt, cluster, owner
from trading_sim.client.errors import Refused

__all__ = [
    "clear_faults",
    "inject_centre_fault",
    "inject_load_fault",
    "inject_node_fault",
    "inject_replica_fault",
    "kill_process",
    "kill_shard_primary",
    "pause_shard_primary",
]
MOST_LEASE_S = 900.0
CLEAR_WITHIN_S = 20.0
CLEAR_POLL_S = 1.0
Listing = Callable[[], list[dict[str, Any]]]
Clear = Callable[[str], Any]


def _lease(lease_s: float) -> float:
    if not 0 < lease_s <= MOST_LEASE_S:
        raise ActivityFailed(f"lease_s must lie between 0 and {MOST_LEASE_S:g}, not {lease_s}")
    return float(lease_s)


def inject_node_fault(
    kind: str,
    service: str = "",
    centre: str = "",
    fraction: float = 0.0,
    nodes: list[str] | None = None,
    params: dict[str, Any] | None = None,
    lease_s: float = 60.0,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> dict[str, Any]:
    """Inject a fault of the catalogue into nodes of one centre: the named ones, or a fraction (0 … 1) of a service's."""
    client = cluster(configuration)
    target = f"{nodes or f'{fraction:.0%} of {service}'} in {centre}"
    answer = attempt(
        f"inject {kind} into {target}",
        lambda: client.fault(
            kind,
            centre=centre,
            params=params or {},
            lease_s=_lease(lease_s),
            owner=owner(configuration),
            service=service or None,
            nodes=nodes or None,
            fraction=fraction or None,
        ),
    )
    if not answer.get("nodes"):
        raise ActivityFailed(f"inject {kind} into {target}: no node was hit, so nothing would be proved")
    return {"where": centre, "lease": answer["lease"], "nodes": answer["nodes"]}


def inject_centre_fault(
    kind: str,
    centre: str,
    params: dict[str, Any] | None = None,
    lease_s: float = 60.0,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> dict[str, Any]:
    """Inject a fault of the catalogue into a whole data centre (centre-loss, centre-partition, centre-delay, centre-drop)."""
    client = cluster(configuration)
    answer = attempt(
        f"inject {kind} into {centre}",
        lambda: client.fault(
            kind, centre=centre, params=params or {}, lease_s=_lease(lease_s), owner=owner(configuration)
        ),
    )
    return {"where": centre, "lease": answer["lease"]}


def inject_replica_fault(
    kind: str,
    shard: int,
    role: str = "follower",
    centre: str = "",
    params: dict[str, Any] | None = None,
    lease_s: float = 60.0,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> dict[str, Any]:
    """Inject a fault into one replica of a shard: the one in `centre`, or the present primary or a follower (`role`)."""
    client = cluster(configuration)
    place = centre or _replica(configuration, shard, role)
    body = {"kind": kind, "params": params or {}, "lease_s": _lease(lease_s), "owner": owner(configuration)}
    answer = attempt(f"inject {kind} into shard {shard} in {place}", lambda: client.shard_fault(shard, place, body))
    return {"where": f"shard-{shard}-{place}", "lease": answer["lease"]}


def inject_load_fault(
    kind: str,
    params: dict[str, Any] | None = None,
    lease_s: float = 60.0,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> dict[str, Any]:
    """Change what the customers do (surge: many times the usual rate)."""
    client = cluster(configuration)
    body = {"kind": kind, "params": params or {}, "lease_s": _lease(lease_s), "owner": owner(configuration)}
    answer = attempt(f"inject {kind} into the load", lambda: client.load_fault(body))
    return {"where": "load", "lease": answer["lease"]}


def kill_process(
    name: str, hold_s: float = 0.0, configuration: Configuration = None, secrets: Secrets = None
) -> dict[str, Any]:
    """kill -9 a process of the cluster (`centre-SZ-B`, `shard-0-SZ-A`, `load`); its supervisor starts it again, at the
    earliest after `hold_s` seconds."""
    client = cluster(configuration)
    if not 0 <= hold_s <= MOST_LEASE_S:
        raise ActivityFailed(f"hold_s must lie between 0 and {MOST_LEASE_S:g}, not {hold_s}")
    before = attempt("list the cluster's processes", client.processes)["children"].get(name)
    if before is None:
        raise ActivityFailed(f"kill {name}: the cluster has no such process")
    answer = attempt(f"kill {name}", lambda: client.kill_process(name, hold_s))
    if not answer["done"]:
        raise ActivityFailed(f"kill {name}: it was not running, so nothing would be proved")
    return {"where": name, "pid": before["pid"], "hold_s": hold_s}


def kill_shard_primary(
    shard: int, hold_s: float = 0.0, configuration: Configuration = None, secrets: Secrets = None
) -> dict[str, Any]:
    """kill -9 the replica that leads a shard at this moment, and keep it dead for `hold_s` seconds."""
    place = _replica(configuration, shard, "primary")
    return kill_process(f"shard-{shard}-{place}", hold_s=hold_s, configuration=configuration)


def pause_shard_primary(
    shard: int, lease_s: float = 10.0, configuration: Configuration = None, secrets: Secrets = None
) -> dict[str, Any]:
    """SIGSTOP the replica that leads a shard; it continues by itself after the lease, and must find itself deposed."""
    client = cluster(configuration)
    name = f"shard-{shard}-{_replica(configuration, shard, 'primary')}"
    answer = attempt(f"pause {name}", lambda: client.pause_process(name, _lease(lease_s)))
    if not answer["done"]:
        raise ActivityFailed(f"pause {name}: it was not running, so nothing would be proved")
    return {"where": name, "lease_s": lease_s}


def _replica(configuration: Configuration, shard: int, role: str) -> str:
    """Centre of the shard's primary, or of its first follower."""
    client = cluster(configuration)
    roles: dict[str, str] = {}
    for place in client.shards().get(str(shard), {}):
        try:
            roles[place] = attempt("", lambda place=place: client.shard_status(shard, place))["role"]
        except ActivityFailed:
            roles[place] = "unreachable"
    leaders = [place for place, found in roles.items() if found == "leader"]
    if len(leaders) != 1:
        raise ActivityFailed(f"shard {shard} has {len(leaders)} leaders ({roles}): it must be healthy first")
    if role == "primary":
        return leaders[0]
    followers = [place for place, found in roles.items() if found == "follower"]
    if not followers:
        raise ActivityFailed(f"shard {shard} has no reachable follower ({roles})")
    return followers[0]


def clear_faults(configuration: Configuration = None, secrets: Secrets = None) -> dict[str, Any]:
    """Remove every fault that this run injected, in centres, replicas and load, and continue processes that are paused or
    kept down.

    Can be repeated. A process that is only coming back is waited for. Raises ActivityFailed, naming the place, when one
    could not be reached: its leases then end by themselves.
    """
    client = cluster(configuration)
    failed = _continue_processes(client)
    places = _places(client)
    removed: list[str] = []
    deadline = time.monotonic() + CLEAR_WITHIN_S
    while True:
        problems: dict[str, str] = {}
        for place, (listing, clear) in places.items():
            try:
                removed += _clear_place(place, listing, clear, owner(configuration))
            except ActivityFailed as error:
                problems[place] = str(error)
        if not problems or time.monotonic() > deadline:
            break
        places = {place: places[place] for place in problems}
        time.sleep(CLEAR_POLL_S)
    failed += problems.values()
    if failed:
        raise ActivityFailed("not everything could be cleared: " + "; ".join(failed))
    return {"removed": removed}


def _clear_place(place: str, listing: Listing, clear: Clear, name: str) -> list[str]:
    own = [str(fault["lease"]) for fault in attempt(place, listing) if fault.get("owner") == name]
    for lease in own:
        attempt(place, lambda lease=lease: _remove(clear, lease))
    return [f"{place}/{lease}" for lease in own]


def _remove(clear: Any, lease: str) -> None:
    """Remove a fault; one whose lease ended meanwhile has gone already."""
    try:
        clear(lease)
    except Refused as error:
        if error.status != 404:
            raise


def _places(client: Any) -> dict[str, tuple[Listing, Clear]]:
    """Everything that can hold a fault by name: how to list its faults, how to remove one."""
    places: dict[str, tuple[Listing, Clear]] = {
        centre: (lambda c=centre: client.faults(c), lambda lease, c=centre: client.clear_fault(c, lease))
        for centre in client.endpoints["centres"]
    }
    for shard, replicas in client.shards().items():
        for place in replicas:
            places[f"shard-{shard}-{place}"] = (
                lambda s=shard, p=place: client.shard_faults(s, p)["faults"],
                lambda lease, s=shard, p=place: client.clear_shard_fault(s, p, lease),
            )
    places["load"] = (client.load_faults, client.clear_load_fault)
    return places


def _continue_processes(client: Any) -> list[str]:
    """Continue what is paused or kept down; returns what went wrong."""
    failed = []
    for name, child in attempt("list the cluster's processes", client.processes)["children"].items():
        if child.get("paused") or child.get("held_s"):
            try:
                attempt(f"continue {name}", lambda name=name: client.resume_process(name))
            except ActivityFailed as error:
                failed.append(str(error))
    return failed
