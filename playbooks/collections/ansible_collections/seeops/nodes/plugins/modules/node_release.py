#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one node to a version with real files: used for nodes that are reached over SSH."""

from __future__ import annotations

DOCUMENTATION = """
module: node_release
short_description: Bring a node to a version in one idempotent step
description:
  - Stages a package, drains the node, switches to the version, waits until it is healthy and verifies it.
  - With the host variable C(agent_url) the action plugin of the same name does this through the node's agent; without it
    this module runs on the node, unpacks the package below O(root)/releases and switches the symlink O(root)/current.
  - Repeating it with the same O(key) executes nothing twice. An O(epoch) below the highest one seen is refused.
attributes:
  check_mode:
    support: full
    description: Says what would change and touches nothing.
  diff_mode:
    support: full
    description: Shows the version before and after.
options:
  version: {description: Version to run., type: str, required: true}
  package: {description: Path of the package on the node (or as the agent sees it); an http address for agents., type: str, required: true}
  digest: {description: SHA-256 of the package., type: str, required: true}
  key: {description: Name of this step; the same name again executes nothing., type: str, required: true}
  epoch: {description: Fencing number of the run., type: int, required: true}
  drain: {description: Take the node out of rotation first (agents)., type: bool, default: true}
  fence: {description: Raise the node's epoch also when nothing is to be done., type: bool, default: false}
  timeout_s: {description: Longest wait for the node to become healthy., type: int, default: 60}
  reason: {description: Noted by the node., type: str, default: release}
  root: {description: Folder of the service on the node (without an agent)., type: path}
  restart_command: {description: Command that restarts the service (without an agent)., type: list, elements: str, default: []}
  health_url: {description: Address that answers 200 when the service is healthy (without an agent)., type: str}
author: [seeops maintainers]
"""

EXAMPLES = """
- name: Bring the node to the version
  seeops.nodes.node_release:
    version: 1.1.0
    package: /var/packages/quote-push-1.1.0.tar.gz
    digest: "{{ package_digest }}"
    key: REL-00007/1/{{ inventory_hostname }}
    epoch: 41
    root: /srv/quote-push
    restart_command: [systemctl, restart, quote-push]
    health_url: http://127.0.0.1:8080/health
"""

RETURN = """
before: {description: Version before., returned: always, type: str}
version: {description: Version after., returned: always, type: str}
state: {description: State after., returned: always, type: str}
steps: {description: What was executed or replayed., returned: success, type: list}
"""

import fcntl
import hashlib
import json
import os
import shutil
import tarfile
import time
import urllib.request

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.seeops.nodes.plugins.module_utils.release_options import ARGUMENT_SPEC


class Refused(Exception):
    """The step may not or cannot be done; nothing was switched."""


class Journal:
    """Keys done and the highest epoch, as JSON lines under a lock that a second run waits for."""

    def __init__(self, path):
        self.path, self.keys, self.epoch = path, {}, 0
        self.file = open(path, "a+")
        fcntl.flock(self.file, fcntl.LOCK_EX)
        self.file.seek(0)
        for line in self.file:
            if line.endswith("\n"):
                entry = json.loads(line)
                self.epoch = max(self.epoch, entry["epoch"])
                self.keys[entry["key"]] = entry

    def admit(self, epoch):
        if epoch < self.epoch:
            raise Refused(
                f"epoch {epoch} is below {self.epoch}, the highest this node has seen: a newer run has taken over"
            )
        # Kept also when every step turns out to be done already: a run that was taken over must not come back.
        if epoch > self.epoch:
            self.done(f"epoch/{epoch}", epoch, "fence")
            self.epoch = epoch

    def done(self, key, epoch, step):
        self.file.write(json.dumps({"key": key, "epoch": epoch, "step": step, "at": time.time()}) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self.keys[key] = {"key": key, "epoch": epoch}


class Node:
    """The service's folder on this host: releases/<version>/, current → releases/<version>."""

    def __init__(self, module):
        self.module, self.options = module, module.params
        self.root = self.options["root"]
        self.current = os.path.join(self.root, "current")
        self.steps = []

    def version(self):
        return os.path.basename(os.readlink(self.current)) if os.path.islink(self.current) else None

    def run(self, journal):
        journal.admit(self.options["epoch"])
        self._step(journal, "stage", self._stage)
        if self.version() != self.options["version"]:
            self._step(journal, "switch", self._switch)
        self._step(journal, "restart", self._restart)

    def _step(self, journal, name, act):
        key, began = f"{self.options['key']}/{name}", time.monotonic()
        replayed = key in journal.keys
        if not replayed:
            act()
            journal.done(key, self.options["epoch"], name)
        self.steps.append({"step": name, "ms": round((time.monotonic() - began) * 1000), "replayed": replayed})

    def _stage(self):
        target = os.path.join(self.root, "releases", self.options["version"])
        if os.path.isdir(target):
            return
        package = self.options["package"]
        with open(package, "rb") as file:
            digest = (
                hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(file)
            )
        if digest != self.options["digest"]:
            raise Refused(f"{package} has the digest {digest[:12]}…, expected {self.options['digest'][:12]}…")
        beside = f"{target}.{os.getpid()}"
        os.makedirs(beside)
        try:
            with tarfile.open(package) as archive:
                archive.extractall(beside, filter="data")
            os.rename(beside, target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _switch(self):
        beside = f"{self.current}.{os.getpid()}"
        os.symlink(os.path.join("releases", self.options["version"]), beside)
        os.replace(beside, self.current)

    def _restart(self):
        if self.options["restart_command"]:
            self.module.run_command(self.options["restart_command"], check_rc=True)

    def healthy(self):
        """Wait for the health address; True without one."""
        url, ends = self.options["health_url"], time.monotonic() + self.options["timeout_s"]
        while url:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    if answer.status == 200:
                        return True
            except OSError as error:
                self.module.debug(f"{url}: {error}")
            if time.monotonic() >= ends:
                return False
            time.sleep(0.2)
        return True


def _digest(file):
    digest = hashlib.sha256()
    for block in iter(lambda: file.read(1 << 20), b""):
        digest.update(block)
    return digest.hexdigest()


def main():
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    if not module.params["root"]:
        module.fail_json(msg="root is missing: it names the service's folder on a node without an agent")
    node = Node(module)
    before, wanted = node.version(), module.params["version"]
    result = {"before": before, "version": before, "changed": before != wanted}
    if module._diff:
        result["diff"] = {"before": f"{before}\n", "after": f"{wanted}\n"}
    if module.check_mode:
        module.exit_json(state="unknown", msg=f"would bring {before} to {wanted}", **result)
    try:
        os.makedirs(os.path.join(node.root, "releases"), exist_ok=True)
        journal = Journal(os.path.join(node.root, "actions.jsonl"))
        if before != wanted or module.params["fence"]:
            node.run(journal)
        else:
            journal.admit(module.params["epoch"])
    except (Refused, OSError, tarfile.TarError) as error:
        module.fail_json(msg=str(error), **result)
    healthy = node.healthy()
    result.update(version=node.version(), state="up" if healthy else "down", steps=node.steps)
    if not healthy:
        module.fail_json(msg=f"is not healthy {module.params['timeout_s']} s after the switch to {wanted}", **result)
    module.exit_json(msg=f"{before} → {wanted}" if result["changed"] else f"runs {wanted} already", **result)


if __name__ == "__main__":
    main()
