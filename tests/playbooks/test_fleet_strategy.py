"""The fleet strategy equals linear, host by host, on what it claims to serve and on what it hands to linear."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from seeops.environment import BASE_DIR

PLAYBOOKS = BASE_DIR / "playbooks"
HOSTS = 12


def run(folder: Path, strategy: str) -> tuple[int, dict[str, dict[str, list[str]]], str]:
    """(return code, results by host and task, recap) of the suite under a strategy."""
    inventory = folder / "inventory.json"
    hosts = {f"host-{number:02d}": {"ansible_connection": "local"} for number in range(HOSTS)}
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"), "ANSIBLE_STRATEGY": strategy, "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_STDOUT_CALLBACK": "default", "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
    }  # fmt: skip
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(inventory), "-f", "3"]
    command += [str(Path(__file__).with_name("suite.yml"))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110)
    body, _, recap = done.stdout.partition("PLAY RECAP")
    results: dict[str, dict[str, list[str]]] = {}
    task = ""
    for line in body.splitlines():
        if header := re.match(r"(?:TASK|RUNNING HANDLER) \[(.*?)\]", line):
            task = header[1]
        elif result := re.match(r"(ok|changed|skipping|failed|fatal): \[([^\] ]+)(?: -> [^\]]+)?\](.*)", line):
            results.setdefault(result[2], {}).setdefault(task, []).append(result[1] + result[3])
    return done.returncode, results, recap


def test_results_equal_linear_host_by_host(tmp_path):
    fleet, linear = run(tmp_path, "fleet"), run(tmp_path, "linear")
    assert len(linear[1]) == HOSTS
    assert linear[1]["host-08"]["After change"]
    assert fleet[1] == linear[1]
    assert fleet[2] == linear[2]
    assert fleet[0] == linear[0] == 2
