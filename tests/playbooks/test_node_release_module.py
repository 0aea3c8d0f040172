"""The module on a node without an agent: real package, real files, symlink switch, keys and epochs."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seeops.environment import BASE_DIR
from trading_sim.nodes.packages import EDITIONS, package_bytes

PLAYBOOKS = BASE_DIR / "playbooks"


@pytest.fixture
def site(tmp_path: Path) -> dict[str, Any]:
    digests = {}
    for edition in EDITIONS[:2]:
        data = package_bytes("auth", edition)
        (tmp_path / f"auth-{edition.version}.tar.gz").write_bytes(data)
        digests[edition.version] = hashlib.sha256(data).hexdigest()
    return {"folder": tmp_path, "digests": digests}


def play(
    site: dict[str, Any], version: str, *, key: str, epoch: int, digest: str = "", check: bool = False
) -> dict[str, Any]:
    """Run release.yml against this machine over the local connection; the module's result."""
    folder = site["folder"]
    host = {
        "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "release_version": version,
        "release_package": str(folder / f"auth-{version}.tar.gz"), "release_digest": digest or site["digests"][version],
        "release_key": key, "release_epoch": epoch, "release_root": str(folder / "srv"),
        "release_restart_command": [sys.executable, "-c", f"open({str(folder / 'restarts')!r}, 'a').write('x')"],
    }  # fmt: skip
    (folder / "inventory.json").write_text(json.dumps({"all": {"hosts": {"node-1": host}}}))
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "minimal",
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"), "ANSIBLE_REMOTE_TEMP": str(folder / "tmp"),
    }  # fmt: skip
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(folder / "inventory.json")]
    command += [str(PLAYBOOKS / "release.yml"), *(["--check"] if check else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90)
    last = done.stdout[done.stdout.rindex("node-1 |") :]
    return json.loads(last[last.index("{") :])


def test_a_release_switches_once_is_fenced_and_checked(site):
    folder = site["folder"]
    first = play(site, "1.0.0", key="R1/node-1", epoch=5)
    assert (first["before"], first["version"], first["changed"]) == (None, "1.0.0", True)
    again = play(site, "1.0.0", key="R1/node-1", epoch=5)
    assert again["changed"] is False
    would = play(site, "1.1.0", key="R2/node-1", epoch=6, check=True)
    assert (would["changed"], would["msg"]) == (True, "would bring 1.0.0 to 1.1.0")
    assert str((folder / "srv" / "current").readlink()) == "releases/1.0.0"
    refused = play(site, "1.1.0", key="R2/node-1", epoch=6, digest="0" * 64)
    assert "digest" in refused["msg"]
    stale = play(site, "1.1.0", key="R2/node-1", epoch=4)
    assert "newer run" in stale["msg"]
    second = play(site, "1.1.0", key="R2/node-1", epoch=6)
    assert [step["step"] for step in second["steps"]] == ["stage", "switch", "restart"]
    assert str((folder / "srv" / "current").readlink()) == "releases/1.1.0"
    assert (folder / "srv" / "current" / "conf" / "app.conf").exists()
    assert (folder / "restarts").read_text() == "xx"
