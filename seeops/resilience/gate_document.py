"""The experiment of a chaos gate as a document: a bounded fault on named nodes, and what must hold meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: The lease of a fault outlives its removal by this much: should the runner die, the cluster drops the fault by itself.
LEASE_LONGER_S = 10.0
SAMPLED_S = 10.0
#: A run measures so long around its fault.
AROUND_S = 30.0
FAMILY = {
    "kill": "process", "pause": "process", "crash-loop": "process", "workers": "process", "delay": "network", "cpu": "cpu",
}  # fmt: skip


def document(
    *, service: str, nodes: Sequence[tuple[str, str]], options: Mapping[str, Any], reason: str
) -> dict[str, Any]:
    """`nodes` are (name, centre); `options` those of the gate (see releases.gates.options.Chaos)."""
    centres = sorted({centre for _, centre in nodes})
    return {
        "version": "1.0.0",
        "title": f"{options['fault']} on {len(nodes)} nodes of {service} with a new version"[:200],
        "description": f"{reason}. Customers must be served again within {options['recovery_s']:g} s; nothing may be lost, come twice or leave a gap.",
        "tags": ["gate"],
        "extensions": [
            {
                "name": "seeops",
                "families": [FAMILY[options["fault"]]],
                "targets": {"services": [service], "centres": centres},
                "max_nodes": len(nodes),
                "about_s": AROUND_S + options["duration_s"],
                "expects": {
                    "alerts": [],
                    "recovery_s": options["recovery_s"],
                    "lost_orders": 0,
                    "success_threshold": options["success"],
                },
            }
        ],
        "steady-state-hypothesis": {
            "title": "Customers are served; nothing is lost, comes twice or leaves a gap",
            "probes": _probes(options),
        },
        "method": [_fault(service, centre, nodes, options, last=centre == centres[-1]) for centre in centres],
        "rollbacks": [_action("Remove every fault of this run", "clear_faults", {})],
    }


def _probes(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Requests may fail for as long as the recovery may take, so their share is looked at over that time; integrity has no such grace."""
    over_s = SAMPLED_S + options["recovery_s"]
    least = options["success"] * (1.0 - options["recovery_s"] / over_s)
    served = {"type": "range", "range": [round(least, 4), 1.0]}
    return [
        _probe("Customers are served", "client_success", served, over_s=over_s),
        _probe("No acknowledged order is lost", "lost_orders", 0),
        _probe("No order is executed twice", "duplicate_orders", 0),
        _probe("No sequence of events has a gap", "feed_gaps", 0),
        _probe("No replicas disagree", "replicas_disagreeing", 0),
    ]


def _probe(name: str, function: str, tolerance: Any, **arguments: float) -> dict[str, Any]:
    provider = {"type": "python", "module": "chaos.chaostrading.probes", "func": function, "arguments": arguments}
    return {"type": "probe", "name": name, "tolerance": tolerance, "provider": provider}


def _fault(
    service: str, centre: str, nodes: Sequence[tuple[str, str]], options: Mapping[str, Any], *, last: bool
) -> dict[str, Any]:
    own = [name for name, place in nodes if place == centre]
    arguments = {
        "kind": options["fault"], "service": service, "centre": centre, "nodes": own, "params": dict(options["params"]),
        "lease_s": options["duration_s"] + LEASE_LONGER_S,
    }  # fmt: skip
    step = _action(f"{options['fault']} on {', '.join(own)}"[:200], "inject_node_fault", arguments)
    return {**step, "pauses": {"after": options["duration_s"]}} if last else step


def _action(name: str, function: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    provider = {
        "type": "python",
        "module": "chaos.chaostrading.actions",
        "func": function,
        "arguments": dict(arguments),
    }
    return {"type": "action", "name": name, "provider": provider}
