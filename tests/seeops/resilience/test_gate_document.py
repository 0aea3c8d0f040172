"""The experiment of a chaos gate fits the format, hits only the named nodes, and leaves nothing longer than its lease."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from chaos import document as files
from seeops.releases.gates import options
from seeops.resilience import prediction
from seeops.resilience.gate_document import document

NODES = [("risk-pretrade-sz-a-001", "SZ-A"), ("risk-pretrade-sz-a-002", "SZ-A"), ("risk-pretrade-wh-a-001", "WH-A")]


@pytest.mark.parametrize("fault", options.FAULTS)
def test_every_fault_that_can_be_chosen_becomes_a_file_that_is_accepted(fault: str) -> None:
    chosen = options.chaos_of({"fault": fault, "nodes": 3, "duration_s": 30, "recovery_s": 10})
    body = document(service="risk-pretrade", nodes=NODES, options=asdict(chosen), reason="gate of REL-0001")
    read = files.parse(json.dumps(body).encode(), name="gate-rel-0001.json")
    assert read.declared.max_nodes == 3
    assert (read.declared.recovery_s, read.declared.lost_orders) == (10, 0)
    hits = prediction.hits(read.steps())
    assert sorted(name for hit in hits for name in hit.nodes) == sorted(name for name, _ in NODES)
    assert [step["arguments"]["lease_s"] for step in read.steps()] == [40, 40]
    assert [step["pauses"] for step in read.steps()] == [{}, {"after": 30}], "both centres at once, then the wait"
    assert {probe["function"] for probe in read.probes()} >= {"lost_orders", "duplicate_orders", "feed_gaps"}
    assert all(probe["tolerance"] == 0 for probe in read.probes() if probe["function"] != "client_success")
