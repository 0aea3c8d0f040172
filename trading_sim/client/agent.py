"""The agent of one node, as outsiders call it."""

from __future__ import annotations

from trading_sim.client.http import DEFAULT_TIMEOUT_S, call


class NodeAgent:
    """Calls to one node. Every action takes a `key` (the same key again executes nothing and returns the earlier answer
    with `replayed` true) and an `epoch` (a number below the highest one seen by the node is refused: StaleEpoch).
    All calls raise Unreachable or Refused.
    """

    def __init__(self, base_url: str, node: str, timeout_s: float = DEFAULT_TIMEOUT_S):
        self.node, self.url, self.timeout_s = node, f"{base_url}/nodes/{node}", timeout_s

    def _get(self, path: str, **params: object) -> dict:
        return call("GET", f"{self.url}/{path}", params=params or None, timeout_s=self.timeout_s)

    def _act(self, path: str, method: str = "POST", **body: object) -> dict:
        return call(method, f"{self.url}/{path}", json=body, timeout_s=self.timeout_s)

    def health(self) -> dict:
        return self._get("health")

    def version(self) -> dict:
        """{version, staged: [versions in the release store]}."""
        return self._get("version")

    def stage(self, version: str, package: str, digest: str, *, key: str, epoch: int) -> dict:
        """Put a package (absolute path or http URL; digest = sha256 of the file) into the node's release store."""
        return self._act("release/stage", version=version, package=package, digest=digest, key=key, epoch=epoch)

    def switch(self, version: str, *, key: str, epoch: int) -> dict:
        """Make a staged version current and restart the process into it; poll `health` until state is up (or drained)."""
        return self._act("release/switch", version=version, key=key, epoch=epoch)

    def drain(self, *, key: str, epoch: int, reason: str) -> dict:
        return self._act("drain", key=key, epoch=epoch, reason=reason)

    def undrain(self, *, key: str, epoch: int, reason: str) -> dict:
        return self._act("undrain", key=key, epoch=epoch, reason=reason)

    def restart(self, *, key: str, epoch: int, reason: str) -> dict:
        return self._act("restart", key=key, epoch=epoch, reason=reason)

    def config(self) -> dict:
        """{content, digest}."""
        return self._get("config")

    def put_config(self, content: str, *, key: str, epoch: int, expect: str = "") -> dict:
        """`expect`: digest of the content that is meant to be replaced; another one there is refused (config_changed)."""
        return self._act("config", "PUT", content=content, key=key, epoch=epoch, expect=expect)

    def check_config(self, content: str) -> dict:
        """{ok, problem, digest}: would the running release read it? Changes nothing."""
        return self._act("config/check", content=content)

    def log(self, offset: int = 0, limit: int = 200) -> dict:
        """{offset, next_offset, lines}; offsets are bytes, a negative one counts from the end."""
        return self._get("log", offset=offset, limit=limit)

    def inspection(self) -> dict:
        """Health and facts of files, configuration, disk, log, process, queue and clock (see trading_sim.nodes.facts)."""
        return self._get("inspection")

    def diagnostics(self) -> dict:
        return self._get("diagnostics")

    def actions(self) -> dict:
        """{actions: {key: {action, epoch, at, finished, times_requested, times_executed, …}}}: proof of what was done, and how often."""
        return self._get("actions")

    def replica(self) -> dict:
        """{node, replica: status} of the replica behind a matching node; others are refused (no_replica)."""
        return self._get("replica")

    def hand_over(self, to: str, *, term: int | None, key: str, epoch: int, reason: str) -> dict:
        """The replica behind this node, which leads `term`, hands its lead to the one in the centre `to`."""
        return self._act("handover", to=to, term=term, key=key, epoch=epoch, reason=reason)

    def faults(self) -> list[dict]:
        return self._get("faults")["faults"]

    def inject(self, kind: str, params: dict, *, lease_s: float, owner: str, key: str | None = None) -> dict:
        """Inject a fault that the centre drops by itself after `lease_s`; the answer's `lease` undoes it earlier."""
        return self._act("faults", kind=kind, params=params, lease_s=lease_s, owner=owner, key=key)

    def clear(self, lease: str) -> dict:
        return self._act(f"faults/{lease}", "DELETE")
