"""`manage.py inventory_setup`: inventory, chains and (where built) package versions from the cluster's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from seeops.cluster import door
from seeops.inventory.importer import inventory_import, versions_import
from seeops.topology.importer import topology_import


class Command(BaseCommand):
    help = "Import sites, centres, services, nodes, chains and versions. Can be run again; needs no running cluster."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        described = door.describe()
        nodes = inventory_import(actor=None, description=described)
        chains = topology_import(actor=None, description=described)
        self.stdout.write(
            f"{nodes['added'] + nodes['kept']} nodes ({nodes['added']} added, {nodes['decommissioned']} decommissioned), "
            f"{chains['chains']} chains, {chains['dependencies']} dependencies"
        )
        if (Path(settings.PACKAGES_DIR) / "index.json").is_file():
            self.stdout.write(f"{versions_import(actor=None)} versions")
        else:
            self.stdout.write(f"no packages in {settings.PACKAGES_DIR} yet: versions are imported once they are built")
