"""Inspections of real nodes: what is wrong is found, what is repaired is gone, what could not be looked at is never good."""

from __future__ import annotations

import requests

from seeops.automation import inspection, inspection_selectors
from seeops.automation.models import InspectionReport
from seeops.inventory.models import Node
from tests.estate import person
from tests.seeops.automation.operated import ended, names_of
from tests.seeops.automation.test_runs import start


def report_of(actor, names):
    run = ended(start(actor, "inspection", names))
    inspection.settle()
    return InspectionReport.objects.get(run=run)


def found(report, standing):
    return {(row.check_name, row.subject) for row in report.findings.filter(standing=standing)}


def test_findings_are_new_then_still_then_gone_and_silence_is_unknown(operated, client):
    lin, names = person("lin", "operator"), names_of()
    Node.objects.filter(name=names[0]).update(desired_version="9.9.9")
    body = {"kind": "host", "lease_s": 120, "owner": "test", "params": {}}
    lease = requests.post(f"{operated.url}/nodes/{names[1]}/faults", json=body, timeout=5).json()["lease"]
    try:
        first = report_of(lin, names)
    finally:
        requests.delete(f"{operated.url}/nodes/{names[1]}/faults/{lease}", timeout=5)
    assert (first.state, first.verdict, first.nodes_answered) == ("incomplete", "bad", len(names) - 1)
    assert {("version", names[0]), ("answer", names[1])} <= found(first, "new")
    # Prometheus and shards do not run here: that is said, and is not good.
    unknown = set(first.findings.filter(severity="unknown").values_list("check_name", flat=True))
    assert {"answer", "targets", "rules"} <= unknown

    Node.objects.filter(name=names[0]).update(desired_version="1.0.0")
    second = report_of(lin, names)
    assert second.previous == first and second.state == "done" and second.nodes_answered == len(names)
    assert {("version", names[0]), ("answer", names[1])} <= found(second, "gone")
    assert ("targets", "targets") in found(second, "still")
    assert second.verdict != "good" and second.unknown
    assert {check["state"] for check in second.checks if check["name"] in ("clock", "files", "journal")} == {"good"}

    assert inspection_selectors.standing().state == "absent"  # nothing scheduled, no report on the whole estate
    client.force_login(lin)
    for path in ("", f"{second.pk}/", f"{second.pk}/?standing=gone", f"{second.pk}/?format=csv"):
        assert client.get(f"/automation/inspections/{path}").status_code == 200
    for name, start_of in (("xlsx", b"PK"), ("pdf", b"%PDF")):
        assert client.get(f"/automation/inspections/{second.pk}/{name}/").content.startswith(start_of)
