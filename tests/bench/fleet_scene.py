"""A thousand real node agents of one centre, playbooks to run over them, and what a run costs: for measuring automation."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from seeops.environment import BASE_DIR
from tests.embedded import free_row
from tests.polling import eventually

NODES = int(os.environ.get("SEEOPS_BENCH_NODES", "1000"))
SCALE_OF_A_THOUSAND = 2.0  # one centre of the bundled cluster has more than a thousand nodes then
PLAYBOOKS = BASE_DIR / "playbooks"


@dataclass
class Fleet:
    """`agents`: name → address of the agent of each node; `services`: name → its service."""

    agents: dict[str, str]
    services: dict[str, str]

    def some(self, count: int) -> list[str]:
        assert len(self.agents) >= count, f"the centre has {len(self.agents)} nodes"
        return sorted(self.agents)[:count]


@contextlib.contextmanager
def fleet(folder: Path, *, scale: float = SCALE_OF_A_THOUSAND) -> Iterator[Fleet]:
    """The agents of centre SZ-A, in a process of their own, all nodes up."""
    base = free_row(2)
    url = f"http://127.0.0.1:{base + 1}"
    command = [sys.executable, "-m", "trading_sim.cluster.centre_process", "--centre", "SZ-A", "--state", str(folder)]
    command += ["--base-port", str(base), "--scale", str(scale), "--without-shards"]
    with (folder / "centre.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            rows = eventually(lambda: _all_up(url, process), "the agents are up", 90, interval_s=0.3)
            yield Fleet(
                {row["node"]: f"{url}/nodes/{row['node']}" for row in rows}, {r["node"]: r["service"] for r in rows}
            )
        finally:
            process.terminate()


def _all_up(url: str, process: subprocess.Popen[bytes]) -> list[dict[str, Any]] | None:
    assert process.poll() is None, "the centre ended"
    try:
        rows = requests.get(f"{url}/nodes", timeout=5).json()["nodes"]
    except requests.RequestException:
        return None
    return rows if all(row["state"] == "up" for row in rows) else None


def targets(agents: Fleet, names: list[str], **variables: Any) -> list[dict[str, Any]]:
    """As services queue them. Values may hold {name}."""
    fill = {key: value for key, value in variables.items() if isinstance(value, str)}
    return [
        {
            "name": name,
            "agent_url": agents.agents[name],
            "vars": variables | {key: value.format(name=name) for key, value in fill.items()},
        }
        for name in names
    ]


def playbook_folder(folder: Path, code: str, tasks: str) -> Path:
    """A catalogue of one playbook with these tasks (YAML), for the runner and for ansible-playbook alike."""
    meta = folder / code / "meta"
    meta.mkdir(parents=True)
    (meta / "argument_specs.yml").write_text("argument_specs: {main: {short_description: Measured, options: {}}}\n")
    (meta / "catalogue.yml").write_text("started_by: test\n")
    strategy = "{{ lookup('ansible.builtin.env', 'ANSIBLE_STRATEGY', default='fleet') }}"
    (folder / f"{code}.yml").write_text(
        f'- name: Measured\n  hosts: all\n  gather_facts: false\n  strategy: "{strategy}"\n  tasks:\n{tasks}'
    )
    return folder


@dataclass
class Cost:
    wall_s: float
    cpu_s: float
    database_cpu_s: float
    load: float

    @property
    def all_cpu_s(self) -> float:
        return self.cpu_s + self.database_cpu_s


@contextlib.contextmanager
def measured(database: int | None = None) -> Iterator[Cost]:
    """Wall time and processor time of all child processes that ended within, and of PostgreSQL (process id) if given."""
    cost = Cost(0.0, 0.0, 0.0, os.getloadavg()[0])
    before, began, base = _children(), time.monotonic(), _tree(database)
    yield cost
    cost.wall_s = time.monotonic() - began
    cost.cpu_s = _children() - before
    cost.database_cpu_s = _tree(database) - base


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tree(pid: int | None) -> float:
    if pid is None:
        return 0.0
    root, total = psutil.Process(pid), 0.0
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + (times.children_user + times.children_system if process == root else 0)
    return total


def plain_ansible(playbook: Path, wanted: list[dict[str, Any]], folder: Path, *, forks: int, strategy: str) -> None:
    """`ansible-playbook` by itself; raises AssertionError with its last words when it fails."""
    from seeops.automation.runner import inventory_variables

    hosts = {target["name"]: inventory_variables(target) for target in wanted}
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"), "ANSIBLE_STRATEGY": strategy, "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "",
    }  # fmt: skip
    program = str(Path(sys.executable).parent / "ansible-playbook")
    command = [program, "-i", str(inventory), "-f", str(forks), str(playbook)]
    with (folder / "output").open("wb") as output:
        done = subprocess.run(command, env=environment, stdout=output, stderr=output, timeout=900, check=False)
    assert done.returncode == 0, (folder / "output").read_text()[-3000:]
