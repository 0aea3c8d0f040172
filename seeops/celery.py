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
from kombu.transport import virtual

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "seeops.settings")


class UnackedOfTheLiving(transport.QoS):
    """Acknowledges messages and puts them back only through a connection that still is one.

    When the broker dies, the transport closes its channels after their connection is gone, and tasks end on them later still.
    Putting messages back or acknowledging one then raises an AttributeError that ends the whole worker, just when it should
    reconnect. What cannot be put back is repeated by the reconcilers; what cannot be acknowledged finds nothing to do.
    """

    def _connected(self) -> bool:
        connection = self.channel.connection
        return connection is not None and connection.client is not None

    def restore_unacked(self, client: Any = None) -> None:
        if self._connected():
            super().restore_unacked(client)
        else:
            self._delivered.clear()

    def ack(self, delivery_tag: Any) -> None:
        if self._connected():
            super().ack(delivery_tag)
        else:
            virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        if self._connected():
            super().reject(delivery_tag, requeue)
        else:
            virtual.QoS.reject(self, delivery_tag)


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
