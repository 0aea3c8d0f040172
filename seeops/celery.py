"""Celery entry point. A task is a poke: it claims a row by lease, does one step and pokes the next.

Tasks are declared with `@app.task` of this module, so that a web process and a worker always mean the same broker. What
runs by the clock is declared beside its task: a dict BEAT_SCHEDULE in the app's tasks.py, collected here.
"""

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import import_modules

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "seeops.settings")
app = Celery("seeops")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@import_modules.connect(weak=False)
def collect_schedules(**_: Any) -> None:
    """Runs after the tasks of all apps were imported (receivers are called in the order of their connection)."""
    for name, module in list(sys.modules.items()):
        if name.startswith("seeops.") and name.endswith(".tasks"):
            app.conf.beat_schedule.update(getattr(module, "BEAT_SCHEDULE", {}))
