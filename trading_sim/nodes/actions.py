"""The keyed actions of a node: each executed once however often it is asked for, and only under the newest epoch."""

from __future__ import annotations

from collections.abc import Callable

from trading_sim.nodes import settings
from trading_sim.nodes.journal import Action
from trading_sim.nodes.lifecycle import Lifecycle
from trading_sim.nodes.node import Node
from trading_sim.nodes.package_file import Package, PackageError
from trading_sim.nodes.settings import ConfigurationChanged, SettingsError

#: What an action may raise before it has changed anything; the key is free again then.
REFUSALS = (PackageError, SettingsError)


def _require_seen(node: Node, expect: str) -> None:
    found = node.store.config_digest()
    if expect and found != expect:
        raise ConfigurationChanged(f"the configuration is {found[:12]}, {expect[:12]} was expected: look at it again")


class Actions:
    """All methods return {node, action, …, replayed} and raise StaleEpoch, KeyConflict or one of
    REFUSALS. They run without giving way to other requests, so two of the same key never overlap."""

    def __init__(self, life: Lifecycle):
        self.life = life

    def _once(self, node: Node, action: str, key: str, epoch: int, args: dict, work: Callable[[], dict]) -> dict:
        earlier = node.journal.earlier(key, action, epoch)
        if earlier is not None:
            return earlier | {"replayed": True}
        node.journal.begin(key, action, epoch, self.life.wall(), args)
        try:
            result = {"node": node.name, "action": action, "key": key, "epoch": epoch} | work()
        except REFUSALS:
            node.journal.failed(key)
            raise
        node.journal.done(key, result)
        return result | {"replayed": False}

    def known(self, node: Node, action: str, key: str, epoch: int) -> dict | None:
        """The earlier answer of a key, before anything is fetched for it."""
        earlier = node.journal.earlier(key, action, epoch)
        return None if earlier is None else earlier | {"replayed": True}

    def stage(self, node: Node, package: Package, *, key: str, epoch: int) -> dict:
        def work() -> dict:
            fresh = node.store.stage(package)
            self.life.log(node, "INFO", f"staged version {package.version}")
            return {"version": package.version, "unpacked": fresh}

        return self._once(node, "stage", key, epoch, {"version": package.version}, work)

    def switch(self, node: Node, version: str, *, key: str, epoch: int) -> dict:
        def work() -> dict:
            before = node.store.version()
            node.store.switch(version)
            try:
                self.life.load_version(node)
            except REFUSALS:
                node.store.switch(before)
                self.life.load_version(node)
                raise
            self.life.restart(node, f"switched from {before} to {version}")
            return {"version": version, "previous": before}

        return self._once(node, "switch", key, epoch, {"version": version}, work)

    def restart(self, node: Node, reason: str, *, key: str, epoch: int) -> dict:
        def work() -> dict:
            self.life.restart(node, f"restart: {reason}")
            return {"reason": reason}

        return self._once(node, "restart", key, epoch, {"reason": reason}, work)

    def drain(self, node: Node, drained: bool, reason: str, *, key: str, epoch: int) -> dict:
        def work() -> dict:
            self.life.drain(node, drained, reason)
            return {"drained": drained, "reason": reason}

        return self._once(node, "drain" if drained else "undrain", key, epoch, {"reason": reason}, work)

    def config(self, node: Node, content: str, *, key: str, epoch: int, expect: str = "") -> dict:
        """`expect`: digest of the configuration that the caller saw and means to replace; empty replaces any."""

        def work() -> dict:
            _require_seen(node, expect)
            settings.parse(content, node.store.config_schema())
            before = node.config_digest
            digest = node.store.write_config(content)
            self.life.load_version(node)
            self.life.log(node, "INFO", f"configuration {digest[:12]} read")
            return {"digest": digest, "previous_digest": before, "changed": digest != before}

        return self._once(node, "config", key, epoch, {"content": content, "expect": expect}, work)

    def recover(self, node: Node) -> None:
        """Finish what a killed centre had begun, before the node starts, and take over its drain state."""
        for action in node.journal.unfinished():
            self._finish(node, action)
        drains = [action for action in node.journal.actions.values() if action.action in ("drain", "undrain")]
        node.drained = bool(drains) and drains[-1].action == "drain"

    def _finish(self, node: Node, action: Action) -> None:
        result = {
            "node": node.name,
            "action": action.action,
            "key": action.key,
            "epoch": action.epoch,
            "recovered": True,
        }
        try:
            match action.action:
                case "stage":
                    if action.args["version"] not in node.store.staged():
                        node.journal.failed(action.key)
                        return
                    result["version"] = action.args["version"]
                case "switch":  # the restart it asks for is the node's start that follows
                    result |= {"version": action.args["version"], "previous": node.store.version()}
                    node.store.switch(action.args["version"])
                case "config":
                    if node.store.config_digest() != settings.digest(action.args["content"]):
                        _require_seen(node, action.args.get("expect", ""))
                    settings.parse(action.args["content"], node.store.config_schema())
                    result["digest"] = node.store.write_config(action.args["content"])
                case "handover":  # who leads now is the replicas' to say: whoever asked looks again
                    node.journal.failed(action.key)
                    return
                case _:
                    result |= action.args
        except REFUSALS:
            node.journal.failed(action.key)
            return
        node.journal.done(action.key, result)
