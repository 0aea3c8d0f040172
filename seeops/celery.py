"""Celery entry point. A task is a poke: it claims a row by lease, does one step and pokes the next.

Tasks are declared with `@app.task` of this module, so that a web process and a worker always mean the same broker. What
runs by the clock is declared beside its task: a dict BEAT_SCHEDULE in the app's tasks.py, collected here.
"""

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import import_modules
from kombu.transport import redis as transport

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "seeops.settings")


class UnackedOfTheLiving(transport.QoS):
    """Puts unacknowledged messages back only through a connection that still is one.

    When the broker dies, the transport closes its channels after their connection is gone, and putting messages back then
    raises an AttributeError that ends the whole worker, just when it should reconnect. What cannot be put back is repeated
    by the reconcilers.
    """

    def restore_unacked(self, client: Any = None) -> None:
        connection = self.channel.connection
        if connection is None or connection.client is None:
            self._delivered.clear()
            return
        super().restore_unacked(client)


transport.Channel.QoS = UnackedOfTheLiving
app = Celery("seeops")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@import_modules.connect(weak=False)
def collect_schedules(**_: Any) -> None:
    """Runs after the tasks of all apps were imported (receivers are called in the order of their connection)."""
    for name, module in list(sys.modules.items()):
        if name.startswith("seeops.") and name.endswith(".tasks"):
            app.conf.beat_schedule.update(getattr(module, "BEAT_SCHEDULE", {}))
