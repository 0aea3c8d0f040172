"""The playbook of releases on hosts without an agent: real SSH with strict host keys, real files, a symlink switched, a supervised
process restarted once for each key, also when the run is killed in the middle and repeated."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.playbooks.ssh_hosts import Site, ssh_site
from tests.polling import eventually
from trading_sim.nodes.packages import EDITIONS, package_bytes


def packages(folder: Path) -> dict[str, dict[str, Any]]:
    """Version → what a release says of its package."""
    found = {}
    for edition in EDITIONS[:3]:
        data, path = package_bytes("auth", edition), folder / f"auth-{edition.version}.tar.gz"
        path.write_bytes(data)
        found[edition.version] = {
            "release_version": edition.version, "release_package": str(path),
            "release_digest": hashlib.sha256(data).hexdigest(),
        }  # fmt: skip
    return found


def kinds(answers: dict[str, tuple[str, dict]]) -> set[str]:
    return {kind for kind, _data in answers.values()}


def versions(site: Site) -> set[str]:
    return {host.version for host in site.hosts}


def starts(site: Site) -> set[int]:
    return {host.starts for host in site.hosts}


@pytest.mark.parametrize("count", [3, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(600)])])
def test_releases_over_ssh_restart_each_process_once_per_step(tmp_path, count):
    known = packages(tmp_path)
    with ssh_site(tmp_path, count) as site:
        first = site.play(**known["1.0.0"], release_key="R1/{name}", release_epoch=1)
        assert kinds(first) == {"ok"}, first
        assert (len(first), versions(site), starts(site)) == (count, {"1.0.0"}, {2})
        again = site.play(**known["1.0.0"], release_key="R1/{name}", release_epoch=1)
        assert {data["changed"] for _kind, data in again.values()} == {False}
        wrong = site.play(**(known["1.1.0"] | {"release_digest": "0" * 64}), release_key="R2/{name}", release_epoch=2)
        assert kinds(wrong) == {"failed"}
        assert all("has the digest" in data["msg"] for _kind, data in wrong.values())
        assert (versions(site), starts(site)) == ({"1.0.0"}, {2})
        _killed_in_the_middle(site, known["1.1.0"])
        repeated = site.play(**known["1.1.0"], release_key="R3/{name}", release_epoch=4, release_fence=True)
        assert (kinds(repeated), versions(site), starts(site)) == ({"ok"}, {"1.1.0"}, {3})
        stale = site.play(**known["1.2.0"], release_key="R4/{name}", release_epoch=3)
        assert kinds(stale) == {"failed"}
        back = site.play(**known["1.0.0"], release_key="R3/back/{name}", release_epoch=5)
        assert (kinds(back), versions(site), starts(site)) == ({"ok"}, {"1.0.0"}, {4})
        assert {(host.root / "current" / "conf" / "app.conf").exists() for host in site.hosts} == {True}


def _killed_in_the_middle(site: Site, package: dict[str, Any]) -> None:
    """Kill the whole playbook as soon as the first host has switched; what runs on the hosts then goes on or not, as it may."""
    command, environment = site.command(site.inventory(**package, release_key="R3/{name}", release_epoch=3))
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as run:
        wanted = package["release_version"]
        eventually(
            lambda: wanted in versions(site) or run.poll() is not None, "a host has switched", 60, interval_s=0.01
        )
        os.killpg(run.pid, signal.SIGKILL)
