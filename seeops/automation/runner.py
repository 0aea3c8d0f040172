"""`python -m seeops.automation.runner RUN_ID`: carries out one run, as a process of its own.

Claims the run, has ansible-runner work through its nodes slice by slice, stores every event, and says how it ended. It is
told to stop through its row and looks there twice a second. Killed at any point it leaves a row whose heartbeat stands still;
its playbook dies with it.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import django

from seeops.automation import slicing
from seeops.automation.losses import Losses
from seeops.environment import BASE_DIR

PLUGINS = BASE_DIR / "playbooks" / "plugins"
AGENT = "seeops.nodes.agent"
IDLE_TIMEOUT_S = 180
CLAIM_S = 8.0
# A database that is started again takes some seconds; a run that gave up at once would wait longer for its next process.
PATIENCE_S, AGAIN_S = 30.0, 0.5
TAKING = threading.Lock()
log = logging.getLogger("seeops.automation.runner")


def main(argv: list[str]) -> int:
    """0: the run was carried out (well or badly); 3: somebody else has it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "seeops.settings")
    django.setup()
    from seeops.automation import collection
    from seeops.automation.recorder import Recorder
    from seeops.automation.results import Results

    run = _claim(int(argv[1]))
    if run is None:
        log.info("run is not waiting for a process", extra={"run": argv[1]})
        return 3
    recorder, results = Recorder(run), Results()
    recorder.start()
    folder = _folder(run)
    try:
        status, problem = _carry_out(run, recorder, results, folder)
        collection.pack(run)
    except Exception as error:
        log.exception("run broke", extra={"run": run.number})
        status, problem = "failed", f"{type(error).__name__}: {error}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    recorder.say(problem or f"run {status}")
    recorder.finish()
    _end(run, recorder, results, status, problem)
    return 0


def _claim(run_id: int) -> Any:
    """The run with this process in its row, or None when it is not queued (any more)."""
    from django.db.models import F

    from seeops.automation import process
    from seeops.automation.models import Run, RunState
    from seeops.core.clock import now
    from seeops.core.leases import new_owner
    from seeops.core.live import announce

    owner = new_owner()

    def claim() -> Any:
        moment = now()
        Run.objects.filter(pk=run_id, state=RunState.QUEUED).update(
            state=RunState.RUNNING, owner=owner, epoch=F("epoch") + 1, started_at=moment, heartbeat_at=moment,
            lease_until=moment + dt.timedelta(seconds=CLAIM_S), **process.identity(),
        )  # fmt: skip
        # Asked by name: the answer to a claim may have been lost with the database.
        return Run.objects.filter(pk=run_id, state=RunState.RUNNING, owner=owner).first()

    run = _patiently(claim)
    if run is not None:
        announce(f"run-{run_id}", "runs")
    return run


def _patiently(act: Callable[[], Any]) -> Any:
    """What `act` gives, tried again for a while when the database is away."""
    from django.db import InterfaceError, OperationalError, connection

    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except (OperationalError, InterfaceError):
            if time.monotonic() > deadline:
                raise
            connection.close()
            time.sleep(AGAIN_S)


def _folder(run: Any) -> Path:
    """A folder that only this process reads; removed when the run ends, by the reconciler when it is killed."""
    from seeops.automation.selectors import run_folder

    folder = run_folder(run)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    return folder


def _carry_out(run: Any, recorder: Any, results: Any, folder: Path) -> tuple[str, str]:
    """(state, problem) after all slices. A cancelled or lost run starts no further slice."""
    from seeops.automation import catalogue

    statuses: list[str] = []
    problem = ""
    in_order = catalogue.playbook(run.playbook).in_order
    waves = slicing.waves(run.targets, concurrency=run.concurrency, processors=os.cpu_count() or 1, in_order=in_order)
    losses = Losses(folder / "losses", sum(map(len, waves)))
    for wave in waves:
        if recorder.stop_wanted.is_set() or recorder.lost.is_set():
            break
        problem = _spent(run, results) or _may_begin(wave[0].targets, statuses, recorder)
        if problem:
            break
        statuses += _side_by_side(wave, lambda piece: _slice(run, recorder, results, losses, folder, piece))
    if recorder.stop_wanted.is_set() or recorder.lost.is_set():
        return "cancelled", "stopped before all nodes were done"
    if problem:
        return "failed", problem
    if "timeout" in statuses:
        return "failed", f"took longer than {run.job_timeout_s} s, or said nothing for {IDLE_TIMEOUT_S} s"
    if problem := _spent(run, results):
        return "failed", problem
    if silent := results.silent(target["name"] for target in run.targets):
        return "failed", f"{len(silent)} nodes gave no result"
    return ("done", "") if set(statuses) <= {"successful"} else ("failed", "")


def _spent(run: Any, results: Any) -> str:
    """Why no further node is begun: more have failed, did not answer or stayed silent than the run may lose."""
    if run.budget is None or results.lost() <= run.budget:
        return ""
    return f"{results.lost()} nodes failed or gave no result, the run may lose {run.budget}: no further node is begun"


def _side_by_side(wave: list[slicing.Slice], carry_out: Callable[[slicing.Slice], str]) -> list[str]:
    """Their statuses. Raises what one of them raised, after the others have ended."""
    if len(wave) == 1:
        return [carry_out(wave[0])]
    with ThreadPoolExecutor(len(wave), thread_name_prefix="slice") as threads:
        return list(threads.map(carry_out, wave))


def _may_begin(targets: list[dict[str, Any]], statuses: list[str], recorder: Any) -> str:
    """Why the next slice of a run by rounds is not begun; empty when it is. Every other run goes on."""
    from seeops.automation import rolling

    if "round" not in targets[0] or recorder.stop_wanted.is_set():
        return ""
    if set(statuses) - {"successful"}:
        return "a round did not end well: no further round is begun"
    names = [target["name"] for target in targets]
    return rolling.wait_for_room(names, lambda: recorder.stop_wanted.is_set() or recorder.lost.is_set())


def _slice(run: Any, recorder: Any, results: Any, losses: Losses, parent: Path, piece: slicing.Slice) -> str:
    import ansible_runner

    from seeops.automation import catalogue, collection
    from seeops.automation.events import from_runner
    from seeops.automation.options import literal

    folder, names = parent / f"slice-{piece.number}", [target["name"] for target in piece.targets]
    folder.mkdir(mode=0o700)
    inventory = folder / "inventory.json"
    inventory.write_text(
        json.dumps({"all": {"hosts": {target["name"]: inventory_variables(target) for target in piece.targets}}})
    )

    def handle(event: dict[str, Any]) -> bool:
        events = from_runner(event)
        with TAKING:  # slices side by side report to the same results
            results.take(events)
            if event.get("event") == "playbook_on_stats":
                results.summed_up(event.get("event_data") or {})
        recorder.add(events)
        return False  # no file per event

    result = ansible_runner.run(
        private_data_dir=str(folder),
        playbook=str(catalogue.playbook(run.playbook).path),
        inventory=str(inventory),
        extravars=literal({**run.inputs, **collection.runtime_inputs(run)}),
        envvars=_environment(run, losses.place(piece.number)),
        forks=piece.forks,
        ident="run",
        cmdline="--check --diff" if run.purpose == "check" else "",
        quiet=True,
        event_handler=handle,
        cancel_callback=lambda: recorder.stop_wanted.is_set() or recorder.lost.is_set(),
        settings={
            "suppress_output_file": True,
            "pexpect_timeout": 0.5,
            "job_timeout": run.job_timeout_s,
            "idle_timeout": IDLE_TIMEOUT_S,
        },
    )
    with TAKING:
        results.slice_ended(names)
        losses.settle(piece.number, results.lost(names))
    return str(result.status)


def inventory_variables(target: dict[str, Any]) -> dict[str, Any]:
    """A node with an agent is reached through that alone, any other over SSH as its variables say."""
    from seeops.automation.options import literal

    agent = {"agent_url": target["agent_url"], "ansible_connection": AGENT} if target["agent_url"] else {}
    return {**agent, **literal(target.get("vars", {}))}


def _environment(run: Any, losses: str) -> dict[str, str]:
    """What ansible needs: our plugins, its own programs first, nothing of the console's secrets."""
    budget = {} if run.budget is None else {"SEEOPS_FAILURE_BUDGET": str(run.budget), "SEEOPS_FAILURES": losses}
    return budget | {
        "ANSIBLE_CONFIG": str(PLUGINS.parent / "ansible.cfg"),
        "AWX_LIB_DIRECTORY": str(PLUGINS / "display"),
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_NOCOLOR": "1",
        "SEEOPS_RUN_ID": str(run.pk),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def _end(run: Any, recorder: Any, results: Any, status: str, problem: str) -> None:
    """Write how it ended, unless another process has taken the run over."""
    from seeops.automation import ended
    from seeops.automation.models import Run, RunState
    from seeops.core.clock import now
    from seeops.core.live import announce

    if recorder.lost.is_set():
        return
    moment = now()
    own = Run.objects.filter(pk=run.pk, epoch=run.epoch, state=RunState.RUNNING)
    last = {"state": status, "problem": problem, "finished_at": moment, "heartbeat_at": moment, "lease_until": None}
    counts = results.counts([target["name"] for target in run.targets])
    _patiently(lambda: own.update(**last, **counts))
    announce(*recorder.topics, "runs")
    ended.tell(run.pk)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
