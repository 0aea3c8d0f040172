"""The import is repeatable, keeps what is gone, and refuses a package that changed under its number."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from seeops.accounts.selectors import machine
from seeops.audit.models import AuditRecord
from seeops.core.errors import Forbidden, InvalidInput
from seeops.core.sequence import next_epoch
from seeops.inventory import selectors, services
from seeops.inventory.models import Node, Redundancy, Version
from seeops.topology.models import BusinessChain, Dependency
from tests.estate import import_estate, person


def test_a_second_import_changes_nothing(small_estate: dict[str, Any]) -> None:
    before = (
        Node.objects.count(),
        Redundancy.objects.count(),
        BusinessChain.objects.count(),
        Dependency.objects.count(),
    )
    records = AuditRecord.objects.count()
    assert services.inventory_import(actor=None, description=small_estate)["added"] == 0
    import_estate(0.05)
    after = (
        Node.objects.count(),
        Redundancy.objects.count(),
        BusinessChain.objects.count(),
        Dependency.objects.count(),
    )
    assert after == before
    assert AuditRecord.objects.count() == records


def test_nodes_that_are_gone_are_decommissioned_and_come_back(small_estate: dict[str, Any]) -> None:
    less = copy.deepcopy(small_estate)
    gone = less["nodes"].pop()["name"]
    assert services.inventory_import(actor=machine("discovery"), description=less)["decommissioned"] == 1
    assert gone not in selectors.active_nodes().values_list("name", flat=True)
    assert Node.objects.get(name=gone).decommissioned_at is not None
    assert services.inventory_import(actor=None, description=small_estate)["added"] == 1
    assert selectors.node_by_name(gone).decommissioned_at is None


@pytest.mark.django_db
def test_only_who_may_discover_imports() -> None:
    with pytest.raises(Forbidden):
        services.inventory_import(actor=person("lin", "operator"))


def test_a_version_never_changes_its_digest(small_estate: dict[str, Any], tmp_path: Path) -> None:
    entry = {"service": "auth", "version": "1.1.0", "file": "auth-1.1.0.tar.gz", "digest": "a" * 64, "notes": "x"}
    (tmp_path / "index.json").write_text(json.dumps([entry]))
    assert services.versions_import(actor=None, folder=tmp_path) == 1
    assert services.versions_import(actor=None, folder=tmp_path) == 1
    assert Version.objects.get().file == str(tmp_path / "auth-1.1.0.tar.gz")
    (tmp_path / "index.json").write_text(json.dumps([entry | {"digest": "b" * 64}]))
    with pytest.raises(InvalidInput, match="another digest"):
        services.versions_import(actor=None, folder=tmp_path)


@pytest.mark.django_db
def test_epochs_only_rise() -> None:
    epochs = [next_epoch() for _ in range(5)]
    assert epochs == sorted(set(epochs))
