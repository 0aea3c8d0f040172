"""`manage.py workflow_setup`: the workflows that come with the console, each waiting for somebody's approval."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from seeops.accounts import rights, selectors
from seeops.automation.workflows import shipped


class Command(BaseCommand):
    help = (
        "Put in the workflows of automation/examples that are not there. Can be run again: what is there is left alone."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        people = selectors.people().filter(is_active=True).order_by("pk")
        person = next((one for one in people if rights.allowed(one, "workflow.edit")), None)
        if person is None:
            self.stdout.write("nobody may write workflows yet: import the examples in the console")
            return
        made = shipped.put_in(person)
        self.stdout.write(f"{len(made)} workflows put in, written by {person}")
