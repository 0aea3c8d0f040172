"""The fleet strategy equals linear, callback by callback for each host, on what it claims to serve and on what it hands to linear;
what it does beyond linear: killed workers cost their hosts only, and a budget of failures stops a run before the next host."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from seeops.environment import BASE_DIR

PLAYBOOKS = BASE_DIR / "playbooks"
HERE = Path(__file__).parent
HOSTS = 4
GROUPS = ("values", "rescues", "batches")


def inventory(folder: Path) -> Path:
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "folder": str(folder)}
    children: dict[str, Any] = {
        group: {"hosts": {f"{group}-{number:02d}": local for number in range(HOSTS)}} for group in GROUPS
    }
    # The connection of nodes with an agent refuses modules: nothing has to be there to be unreachable.
    gone = {"ansible_connection": "seeops.nodes.agent", "ansible_python_interpreter": sys.executable}
    children["unreachables"] = {"hosts": {f"gone-{number:02d}": gone for number in range(HOSTS)}}
    path = folder / "inventory.json"
    path.write_text(json.dumps({"all": {"children": children}}))
    return path


def run(
    folder: Path, strategy: str, playbook: str, *options: str, forks: int = 3, **more: str
) -> tuple[int, list[list[Any]]]:
    """(return code, callbacks in order) of a playbook under a strategy."""
    folder = folder / strategy
    folder.mkdir()
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"), "ANSIBLE_STRATEGY": strategy, "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_STDOUT_CALLBACK": "recording", "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "recording"),
        "ANSIBLE_LOOKUP_PLUGINS": str(HERE / "killing"), "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_REMOTE_TEMP": str(folder / "tmp"), "ANSIBLE_ASYNC_DIR": str(folder / "async"),
        "RECORDING": str(folder / "recorded"),
    } | more  # fmt: skip
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(inventory(folder)), "-f", str(forks)]
    done = subprocess.run(
        [*command, *options, str(HERE / playbook)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    recorded = (folder / "recorded").read_text().replace(str(folder), "FOLDER")
    lines = re.sub(r"FOLDER/tmp/ansible-[\w.-]+(/tmp\w+)?", "FOLDER/temporary", recorded).splitlines()
    assert lines[-1].startswith('["custom"'), done.stdout + done.stderr
    return done.returncode, [json.loads(line) for line in lines]


def by_host(callbacks: list[list[Any]]) -> dict[str, list[list[Any]]]:
    """What happened of each host in its order; under "" what concerns no host."""
    found: dict[str, list[list[Any]]] = {}
    for kind, host, task, data in callbacks:
        found.setdefault(host, []).append([kind, task, data])
    return found


@pytest.mark.parametrize(
    ("playbook", "options", "code"),
    [
        ("suite.yml", (), 4),
        ("suite.yml", ("--check", "--diff", "--skip-tags", "commands"), 4),
        ("suite.yml", ("--tags", "tagged", "--limit", "values", "-e", "number=7"), 0),
        ("suite_fatal.yml", (), 2),
        ("suite_percentage.yml", (), 2),
    ],
)
def test_everything_equals_linear_host_by_host(tmp_path, playbook, options, code):
    with ThreadPoolExecutor(2) as both:
        ours, theirs = both.map(lambda strategy: run(tmp_path, strategy, playbook, *options), ("fleet", "linear"))
    fleet, linear = by_host(ours[1]), by_host(theirs[1])
    assert set(fleet) == set(linear)
    for host in linear:
        for mine, stock in zip(fleet[host], linear[host], strict=True):
            assert mine == stock, (host, mine, stock)
    assert ours[0] == theirs[0] == code


def test_a_killed_worker_costs_its_host_and_a_budget_stops_before_the_next(tmp_path):
    code, callbacks = run(tmp_path, "fleet", "suite_killed.yml", forks=1, SEEOPS_FAILURE_BUDGET="3")
    outcome = {
        (host, task): (kind, data.get("msg")) for kind, host, task, data in callbacks if kind in ("ok", "unreachable")
    }
    for number in range(HOSTS):
        kind, message = outcome[f"values-{number:02d}", "Some workers die"]
        assert kind == ("unreachable" if number in (1, 3) else "ok")
        if kind == "unreachable":
            assert "died (exit -9): what the host did is unknown" in message
    assert outcome["values-00", "The others go on"] == ("ok", ["values-00", "values-02"])
    # Two are lost by then, and the budget is three: two more are begun, one at a time, and the last two never are.
    assert [host for host, task in outcome if task == "Unreachable one after the other"] == ["gone-00", "gone-01"]
    assert not any(task == "Never" for _host, task in outcome)
    assert callbacks[-1][3] == {"_run": {"seeops_not_begun": ["gone-02", "gone-03"]}}
    assert code == 4


def test_another_ansible_core_gets_plain_linear(tmp_path):
    probe = (
        "import ansible.release; ansible.release.__version__ = '2.20.0'\n"
        "import importlib.util as u\n"
        f"s = u.spec_from_file_location('fleet', {str(PLAYBOOKS / 'plugins/strategy/fleet.py')!r})\n"
        "m = u.module_from_spec(s); s.loader.exec_module(m)\n"
        "assert m.StrategyModule is m.LinearStrategy and not m.internals_as_known()\n"
        "ansible.release.__version__ = '2.19.1'; assert m.internals_as_known()\n"
        "m._INTERNALS[m.Task.copy] = {'other'}; assert not m.internals_as_known()\n"
    )
    environment = os.environ | {"ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"), "ANSIBLE_LOCAL_TEMP": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", probe], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
