"""Celery entry point. A task is a poke: it claims a row by lease, does one step and pokes the next."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "seeops.settings")
app = Celery("seeops")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
