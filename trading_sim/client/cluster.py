"""The cluster as outsiders see it: topology, status, agents, faults, load and shards, all through HTTP."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path

from trading_sim.client.agent import NodeAgent
from trading_sim.client.errors import EndpointsMissing, UnknownName
from trading_sim.client.http import DEFAULT_TIMEOUT_S, call
from trading_sim.protocol import topology_file
from trading_sim.protocol.topology import Topology


def read_endpoints(path: str | Path) -> dict:
    """The endpoints file of a running cluster. Raises EndpointsMissing."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise EndpointsMissing(
            f"{path} cannot be read ({error.strerror}): start the cluster with `python -m trading_sim up`"
        ) from error
    except ValueError as error:
        raise EndpointsMissing(f"{path} is not valid JSON: {error}") from error


class ClusterClient:
    """All calls are synchronous, carry a time-out and raise the exceptions of `trading_sim.client.errors`.

    `ClusterClient(path_of_endpoints_json)`; the endpoints file is read at the first call that needs it. Without one,
    `ClusterClient(None, scale=…)` still describes the default cluster.
    """

    def __init__(
        self, endpoints_file: str | Path | None, *, timeout_s: float = DEFAULT_TIMEOUT_S, scale: float | None = None
    ):
        self.endpoints_file, self.timeout_s, self._scale = endpoints_file, timeout_s, scale

    @cached_property
    def endpoints(self) -> dict:
        if self.endpoints_file is None:
            raise EndpointsMissing("this client was made without an endpoints file: it can only describe")
        return read_endpoints(self.endpoints_file)

    @cached_property
    def topology(self) -> Topology:
        if self._scale is not None or self.endpoints_file is None:
            return topology_file.load(scale=self._scale or 1.0)
        config = self.endpoints.get("config")
        return topology_file.load(Path(config) if config else None, scale=self.endpoints.get("scale", 1.0))

    def describe(self) -> dict:
        """Static topology: {sites, centres, domains, services, nodes, chains, shards, links, scale}."""
        return self.topology.describe()

    def _centre_url(self, centre: str) -> str:
        try:
            return self.endpoints["centres"][centre]
        except KeyError:
            raise UnknownName(f"{centre!r} is not a centre of this cluster") from None

    def _call(self, method: str, url: str, **kwargs: object) -> dict:
        return call(method, url, timeout_s=self.timeout_s, **kwargs)

    # Centres and nodes
    def nodes(self, centre: str) -> list[dict]:
        """Health of every node of a centre in one call; a lost host says state "lost"."""
        return self._call("GET", f"{self._centre_url(centre)}/nodes")["nodes"]

    def centre_health(self, centre: str) -> dict:
        return self._call("GET", f"{self._centre_url(centre)}/health")

    def agent(self, node: str) -> NodeAgent:
        """The agent of a node; raises UnknownName."""
        return NodeAgent(self._centre_url(self._node(node).centre), node, self.timeout_s)

    def _node(self, node: str):
        try:
            return self.topology.nodes[node]
        except KeyError:
            raise UnknownName(f"{node!r} is not a node of this cluster") from None

    def metrics_address(self, node: str) -> tuple[str, str]:
        """(host:port, path) where Prometheus finds a node's metrics."""
        return self._centre_url(self._node(node).centre).removeprefix("http://"), f"/nodes/{node}/metrics"

    # Faults
    def fault_catalogue(self) -> list[dict]:
        """Every kind of fault with its family, scopes, parameters (type, unit, bounds, default) and inverse."""
        centre = next(iter(self.endpoints["centres"]))
        return self._call("GET", f"{self._centre_url(centre)}/faults/catalogue")["kinds"]

    def fault(
        self,
        kind: str,
        *,
        centre: str,
        params: dict | None = None,
        lease_s: float,
        owner: str,
        service: str | None = None,
        nodes: list[str] | None = None,
        fraction: float | None = None,
        key: str | None = None,
    ) -> dict:
        """A fault in one centre: centre-wide kinds need nothing more; node kinds take `nodes`, or `service` with the
        `fraction` of its nodes (at least one). Answers {lease, nodes, expires_at}."""
        body = {"kind": kind, "params": params or {}, "lease_s": lease_s, "owner": owner, "key": key}
        body |= {"service": service, "nodes": nodes, "fraction": fraction}
        return self._call("POST", f"{self._centre_url(centre)}/faults", json=body)

    def faults(self, centre: str) -> list[dict]:
        return self._call("GET", f"{self._centre_url(centre)}/faults")["faults"]

    def clear_fault(self, centre: str, lease: str) -> dict:
        """Undo a fault by its lease; idempotent ({removed: false} when it has gone already)."""
        return self._call("DELETE", f"{self._centre_url(centre)}/faults/{lease}")

    # Shards
    def shards(self) -> dict[str, dict[str, dict]]:
        """Addresses of every shard's replicas: {shard: {centre: {address, http}}}."""
        return self.endpoints["shards"]

    def _replica_url(self, shard: int | str, centre: str) -> str:
        try:
            return self.endpoints["shards"][str(shard)][centre]["http"]
        except KeyError:
            raise UnknownName(f"shard {shard} has no replica in {centre!r}") from None

    def shard_status(self, shard: int | str, centre: str) -> dict:
        return self._call("GET", f"{self._replica_url(shard, centre)}/status")

    def shard_fault(self, shard: int | str, centre: str, body: dict) -> dict:
        return self._call("POST", f"{self._replica_url(shard, centre)}/faults", json=body)

    def shard_faults(self, shard: int | str, centre: str) -> dict:
        return self._call("GET", f"{self._replica_url(shard, centre)}/faults")

    def clear_shard_fault(self, shard: int | str, centre: str, lease: str) -> dict:
        return self._call("DELETE", f"{self._replica_url(shard, centre)}/faults/{lease}")

    def hand_over(
        self, shard: int | str, centre: str, *, to: str, owner: str, reason: str, term: int | None = None
    ) -> dict:
        """The replica in `centre`, which leads, hands its lead to the one in `to`; answered when it has. Raises Refused with the reason
        when that one is not fit to lead, when no majority is reached, or when the lead has moved since `term`."""
        body = {"to": to, "term": term, "owner": owner, "reason": reason}
        return self._call("POST", f"{self._replica_url(shard, centre)}/handover", json=body)

    # Load
    def load_status(self) -> dict:
        return self._call("GET", f"{self.endpoints['load']}/status")

    def load_responses(self) -> dict:
        """Response times counted from when orders were due, as bucket counts since the start (see trading_sim.load.responses)."""
        return self._call("GET", f"{self.endpoints['load']}/responses")

    def set_load(self, **settings: object) -> dict:
        """Settings of the load process: rate_factor, paused."""
        return self._call("POST", f"{self.endpoints['load']}/settings", json=settings)

    def session(self) -> dict:
        return self._call("GET", f"{self.endpoints['load']}/session")

    def load_fault(self, body: dict) -> dict:
        return self._call("POST", f"{self.endpoints['load']}/faults", json=body)

    def load_faults(self) -> list[dict]:
        return self._call("GET", f"{self.endpoints['load']}/faults")["faults"]

    def clear_load_fault(self, lease: str) -> dict:
        return self._call("DELETE", f"{self.endpoints['load']}/faults/{lease}")

    # Gateway
    def _gateway_url(self) -> str:
        try:
            return self.endpoints["gateway"]["http"]
        except KeyError:
            raise UnknownName("this cluster was started without a gateway") from None

    def gateway_status(self) -> dict:
        """Ports, sessions, open orders and how the gateway hears each shard (`silent`, `in_doubt`, `feed_gaps`)."""
        return self._call("GET", f"{self._gateway_url()}/status")

    def gateway_sessions(self) -> list[dict]:
        """Every client session: protocol, accounts, connected, sequence numbers, open orders; never secrets."""
        return self._call("GET", f"{self._gateway_url()}/sessions")["sessions"]

    # Surveillance
    def _surveillance_url(self) -> str:
        try:
            return self.endpoints["surveillance"]
        except KeyError:
            raise UnknownName("this cluster was started without surveillance") from None

    def surveillance_status(self) -> dict:
        """{mode, watching, shards, open_cases, restricted_accounts}; `watching` is false as soon as one shard is not followed."""
        return self._call("GET", f"{self._surveillance_url()}/status")

    def surveillance_cases(self, **filters: object) -> dict:
        """{cases, next, total}, newest first. Filters: state, pattern, step, account, shard, symbol, limit, before."""
        return self._call("GET", f"{self._surveillance_url()}/cases", params=filters)

    def surveillance_case(self, case: int) -> dict:
        """A case with evidence, steps and actions. Raises Refused (unknown_case)."""
        return self._call("GET", f"{self._surveillance_url()}/cases/{case}")

    def close_surveillance_case(self, case: int, *, actor: str, note: str) -> dict:
        """A person is done with a case. Raises Refused (not_open)."""
        return self._call("POST", f"{self._surveillance_url()}/cases/{case}/close", json={"actor": actor, "note": note})

    def restricted_accounts(self) -> list[dict]:
        """Accounts that an action left restricted, with that action."""
        return self._call("GET", f"{self._surveillance_url()}/accounts")["accounts"]

    def watched_account(self, account: int) -> dict:
        """{account, shards: {shard: status, null when the shard does not answer}, actions, cases}."""
        return self._call("GET", f"{self._surveillance_url()}/accounts/{account}")

    def set_account_status(
        self, account: int, status: int, *, reason: str, actor: str, key: str, case: int | None = None
    ) -> dict:
        """Give an account a status (0 active, 1 cancel-only, 2 suspended) on every shard, once per key.

        The answer's `outcome` is executed, refused, requested (not answered yet) or unknown; ask `account_action` with the key later.
        """
        body = {"status": status, "reason": reason, "actor": actor, "key": key, "case": case}
        return self._call("POST", f"{self._surveillance_url()}/accounts/{account}/status", json=body)

    def account_action(self, key: str) -> dict:
        """What became of an action. Raises Refused (unknown_action)."""
        return self._call("GET", f"{self._surveillance_url()}/actions/{key}")

    def set_surveillance_mode(self, mode: str) -> dict:
        """act: severe cases restrict accounts by themselves; "advise": people decide."""
        return self._call("POST", f"{self._surveillance_url()}/settings", json={"mode": mode})

    # Processes
    def processes(self) -> dict:
        """The supervisor's children: {children: {name: {pid, running, restarts, started_at}}}."""
        return self._call("GET", f"{self.endpoints['control']}/status")

    def kill_process(self, name: str, hold_s: float = 0.0) -> dict:
        """kill -9 a child of the supervisor: `centre-SZ-A`, `shard-0-SZ-A`, `load`. It is started again by itself, at the
        earliest after `hold_s` seconds."""
        return self._call("POST", f"{self.endpoints['control']}/children/{name}/kill", json={"hold_s": hold_s})

    def pause_process(self, name: str, lease_s: float) -> dict:
        """SIGSTOP a child; the supervisor continues it by itself after `lease_s`."""
        return self._call("POST", f"{self.endpoints['control']}/children/{name}/pause", json={"lease_s": lease_s})

    def resume_process(self, name: str) -> dict:
        return self._call("POST", f"{self.endpoints['control']}/children/{name}/resume")
