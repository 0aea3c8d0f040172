"""`python -m seeops.automation.workflows.step_process ATTEMPT`: carries out one HTTP call or script, as a process of its own.

Claims the attempt, notes that it is about to act, acts, writes the outcome. Killed before the note it has surely done nothing;
killed after it, nobody can tell, and the engine says so.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import Any

import django

EVERY_S = 2.0
log = logging.getLogger("seeops.automation.workflows.step")


def main(argv: list[str]) -> int:
    """0: the attempt was carried out (well or badly); 3: it is not waiting for a process."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "seeops.settings")
    django.setup()
    from seeops.automation.workflows import acting
    from seeops.automation.workflows.settled import failed

    step = _claim(int(argv[1]))
    if step is None:
        log.info("attempt is not waiting for a process", extra={"attempt": argv[1]})
        return 3
    stop = threading.Event()
    keeper = threading.Thread(target=_keep, args=(step, stop), daemon=True)
    keeper.start()
    try:
        settled = acting.act(step, lambda: _about_to_act(step))
    except Exception as error:
        log.exception("step broke", extra={"attempt": step.pk})
        settled = failed(f"{type(error).__name__}: {error}"[:1000])
    stop.set()
    keeper.join()
    _write(step, settled)
    return 0


def _mine(step: Any) -> Any:
    from seeops.automation.models import StepRun
    from seeops.automation.workflow_states import StepState

    return StepRun.objects.filter(pk=step.pk, epoch=step.epoch, state=StepState.RUNNING)


def _claim(pk: int) -> Any:
    """The attempt with this process in its row, or None when it is not (any more) to be started."""
    from django.db.models import F

    from seeops.automation import process
    from seeops.automation.models import StepRun
    from seeops.automation.workflow_states import StepState
    from seeops.core.clock import now
    from seeops.core.leases import new_owner

    taken = StepRun.objects.filter(pk=pk, state=StepState.STARTING).update(
        state=StepState.RUNNING, owner=new_owner(), epoch=F("epoch") + 1, heartbeat_at=now(), **process.identity()
    )
    return StepRun.objects.select_related("run").get(pk=pk) if taken else None


def _about_to_act(step: Any) -> None:
    """Raises LeaseLost when the attempt was taken away: then nothing is done."""
    from seeops.core.clock import now
    from seeops.core.leases import LeaseLost

    if not _mine(step).update(acting_at=now()):
        raise LeaseLost(f"{step}: was taken away before it acted")


def _keep(step: Any, stop: threading.Event) -> None:
    """The heartbeat, for engines on other machines. A database that is away for a while stops nothing."""
    from django.db import DatabaseError, connection

    from seeops.core.clock import now

    while not stop.wait(EVERY_S):
        try:
            _mine(step).update(heartbeat_at=now())
        except DatabaseError as error:
            log.warning("heartbeat not written", extra={"attempt": step.pk, "error": str(error)})
            connection.close()
    connection.close()


def _write(step: Any, settled: Any) -> None:
    """The outcome into the row; tried for a while when the database is away, since the deed is done."""
    import time

    from django.db import DatabaseError, connection

    from seeops.automation.tasks import workflow_advance_task
    from seeops.core.enqueue import poke

    for wait in (0, 1, 2, 4, 8, 16):
        time.sleep(wait)
        try:
            _mine(step).update(outcome=settled.outcome, outputs=settled.outputs, problem=settled.problem)
        except DatabaseError as error:
            log.warning("outcome not written yet", extra={"attempt": step.pk, "error": str(error)})
            connection.close()
            continue
        poke(workflow_advance_task, step.run_id)
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv))
