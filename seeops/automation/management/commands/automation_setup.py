"""`manage.py automation_setup`: what an instance runs by the clock out of the box: the inspection before every open."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from seeops.accounts import rights, selectors
from seeops.automation import booking
from seeops.automation.models import Booking, Missed


class Command(BaseCommand):
    help = (
        "Schedule the inspection of every trading day, 08:30. Can be run again: a schedule that is there is left alone."
    )

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        if Booking.objects.filter(playbook="inspection").exists():
            self.stdout.write("the inspection is scheduled already")
            return
        people = selectors.people().filter(is_active=True).order_by("pk")
        needed = ("automation.run", "node.diagnose")
        person = next((one for one in people if all(rights.allowed(one, right) for right in needed)), None)
        if person is None:
            self.stdout.write("nobody may inspect nodes yet: schedule the inspection in the console")
            return
        made = booking.booking_make(
            actor=person, playbook="inspection", choice={"all": True}, inputs={}, expression="30 8 * * *", trading_days_only=True,
            missed=Missed.ONCE, reason="Inspection before the open",
        )  # fmt: skip
        self.stdout.write(f"inspection of all nodes: next at {made.next_at:%Y-%m-%d %H:%M} UTC")
