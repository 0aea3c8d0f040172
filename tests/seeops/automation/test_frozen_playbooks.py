"""A playbook that changes nodes keeps to the freezes by every path; what helps in an incident does not."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db.models import F

from seeops.automation import services
from seeops.changes import freezes
from seeops.core.clock import now
from seeops.core.errors import RuleViolation
from seeops.inventory.models import Node, Redundancy
from tests.seeops.changes.control import colleague

pytestmark = pytest.mark.django_db


def test_changing_playbooks_are_refused_while_frozen_and_reading_ones_are_not(small_estate):
    wu, root = colleague("wu", "operator"), colleague("root", "administrator")
    node = Node.objects.filter(service__name="auth").first()
    hour = dt.timedelta(hours=1)
    values = {"title": "Audit week", "reason": "x", "kind": "once", "starts_at": now() - hour, "ends_at": now() + hour,
              "everywhere": False}  # fmt: skip
    freezes.rule_save(actor=root, rule=None, values=values, scope={"services": [node.service]}, reason="x")
    for playbook in ("drain", "restart"):
        with pytest.raises(RuleViolation, match="Audit week") as refused:
            services.run_start(actor=wu, playbook=playbook, nodes=[node.name], inputs={}, reason="new limits")
        assert refused.value.code == "frozen"
    spare = Redundancy.objects.filter(of__gt=F("needed")).exclude(service=node.service).first()
    elsewhere = Node.objects.filter(service=spare.service, centre=spare.centre).first()
    assert services.run_start(actor=wu, playbook="restart", nodes=[elsewhere.name], inputs={}, reason="x").changes_nodes
    services._require_not_frozen(wu, services.catalogue.playbook("inspection"), [node.name])
    services._require_not_frozen(wu, services.catalogue.playbook("undrain"), [node.name])
