"""Fixtures of the estate, and a tiny one of two services for what is about tickets alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.estate import centre, centre_process, estate, observed_up, small_estate
from tests.seeops.changes.control import colleague

__all__ = ["centre", "centre_process", "estate", "small_estate"]


@pytest.fixture
def tiny(db: None) -> dict[str, Any]:
    """One centre, `gate` (a critical chain passes it) and `board` (nothing hangs on it), three nodes each, all up."""
    from seeops.inventory.models import Centre, Domain, Node, Redundancy, Service, Site
    from seeops.topology.models import BusinessChain, Hop

    site = Site.objects.create(code="sz", name="Shenzhen")
    here = Centre.objects.create(code="SZ-A", name="A", site=site, role="production", flow_share=1.0)
    domain = Domain.objects.create(code="stock", name="Stock")
    found: dict[str, Any] = {"domain": domain}
    for name in ("gate", "board"):
        service = Service.objects.create(
            name=name, title=name, domain=domain, tier="access", kind="stateless", protocol="http", service_time_ms=1,
            capacity_per_s=100, memory_limit_mb=100,
        )  # fmt: skip
        Redundancy.objects.create(service=service, centre=here, needed=2, of=3)
        Node.objects.bulk_create(Node(name=f"{name}-{n}", service=service, centre=here) for n in range(3))
        found[name] = service
    found["chain"] = BusinessChain.objects.create(
        code="orders", name="Orders", domain=domain, kind="orders", criticality=1, critical=True, peak_rate_per_s=100
    )
    Hop.objects.create(chain=found["chain"], position=1, name="in", service=found["gate"], mode="sync")
    observed_up()
    return found


@pytest.fixture
def staff(tiny: dict[str, Any]) -> dict[str, Any]:
    """lin asks and carries out; chen, zhao and qian approve; wu carries out as well; he audits; root administers."""
    return {
        "lin": colleague("lin", "operator", "approver"),
        "wu": colleague("wu", "operator"),
        "chen": colleague("chen", "approver"),
        "zhao": colleague("zhao", "approver"),
        "qian": colleague("qian", "approver"),
        "he": colleague("he", "auditor"),
        "root": colleague("root", "administrator"),
    }
