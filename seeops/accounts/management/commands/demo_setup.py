"""`manage.py demo_setup --people FILE`: the people of the demo, from the file that the set-up generated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from seeops.accounts import services
from seeops.accounts.authentication import token_digest
from seeops.accounts.models import Person, Token
from seeops.accounts.selectors import machine
from seeops.environment import env


class Command(BaseCommand):
    help = "Create the demo people and their API tokens. Can be run again: who exists is left alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--people", type=Path, required=True, help="JSON list of username, display_name, role, password, token"
        )

    @transaction.atomic
    def handle(self, *args: Any, people: Path, **options: Any) -> None:
        for entry in json.loads(people.read_text()):
            person = Person.objects.filter(username=entry["username"]).first()
            if person is None:
                person = services.person_create(
                    actor=None,
                    username=entry["username"],
                    display_name=entry["display_name"],
                    roles=[entry["role"]],
                    password=entry["password"],
                )
            if not Token.objects.filter(digest=token_digest(entry["token"])).exists():
                services.token_create(actor=None, person=person, name="demo", key=entry["token"])
        self._machine_token()
        self.stdout.write(f"{Person.objects.count()} people")

    def _machine_token(self) -> None:
        """The token that Prometheus and Alertmanager present belongs to the machine account `monitoring`."""
        key = env("SEEOPS_MACHINE_TOKEN", "")
        if key and not Token.objects.filter(digest=token_digest(key)).exists():
            services.token_create(actor=None, person=machine("monitoring"), name="monitoring", key=key)
