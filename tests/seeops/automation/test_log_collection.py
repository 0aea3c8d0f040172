"""Logs of real nodes: collected within bounds and without secrets, packed with a digest, searched, downloaded, deleted in time."""

from __future__ import annotations

import gzip
import hashlib

import pytest
import requests

from seeops.audit.models import AuditRecord
from seeops.automation import collection
from seeops.automation.models import LogCollection
from seeops.core.errors import Forbidden, RuleViolation
from tests.estate import person
from tests.seeops.automation.operated import ended, names_of
from tests.seeops.automation.test_runs import start

SECRET = "password=hunter2-very-secret"


def test_logs_are_collected_without_secrets_searched_downloaded_and_deleted(operated, client):
    lin, wang, names = person("lin", "operator"), person("wang", "approver"), names_of()
    # The node writes the reason of a drain into its log: a secret that got there by mistake.
    key = {"epoch": operated.agent(names[0], "health")["epoch"], "reason": f"connect {SECRET} now"}
    for verb in ("drain", "undrain"):
        body = key | {"key": f"logs-test-{verb}-{key['epoch']}"}
        assert requests.post(f"{operated.url}/nodes/{names[0]}/{verb}", json=body, timeout=5).status_code == 200
    with pytest.raises(Forbidden):
        start(wang, "logs", names)
    run = ended(start(lin, "logs", names, minutes=600))
    assert (run.state, run.hosts_failed) == ("done", 0), run.problem
    kept = LogCollection.objects.get(run=run)
    said = collection.collected(run)
    assert kept.files == 2 * len(names) == 2 * said.nodes and said.redacted >= 2
    path = collection.folder() / kept.file
    assert hashlib.sha256(path.read_bytes()).hexdigest() == kept.sha256 and not collection.spool(run).exists()
    assert b"hunter2" not in gzip.decompress(path.read_bytes())

    hits = collection.search(actor=lin, collection=kept, text="PASSWORD=[redacted]")
    assert {hit.node for hit in hits.rows} == {names[0]} and not hits.more
    assert any(
        hit.source == "actions" for hit in collection.search(actor=lin, collection=kept, text="logs-test-drain").rows
    )
    client.force_login(lin)
    assert "hunter2" not in client.get(f"/automation/runs/{run.pk}/collected/?q=password").content.decode()
    answer = client.get(f"/automation/runs/{run.pk}/collected/download/")
    assert hashlib.sha256(b"".join(answer.streaming_content)).hexdigest() == kept.sha256
    assert AuditRecord.objects.filter(action="log.download", actor=lin).count() == 1
    client.force_login(wang)
    assert client.get(f"/automation/runs/{run.pk}/collected/download/").status_code == 403

    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(RuleViolation, match="digest differs"):
        collection.archive(actor=lin, collection=kept)
    assert collection.expire() == 0
    LogCollection.objects.update(expires_at=kept.made_at)
    assert (collection.expire(), collection.expire()) == (1, 0) and not path.exists()
    with pytest.raises(RuleViolation, match="were deleted"):
        collection.archive(actor=lin, collection=LogCollection.objects.get())
