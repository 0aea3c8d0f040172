"""The export proves itself: its own verifier finds every altered byte."""

from __future__ import annotations

import datetime as dt
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.test import Client

from seeops.accounts import services as accounts
from seeops.accounts.models import Person
from seeops.audit.models import AuditRecord
from seeops.core.clock import now
from seeops.core.errors import Forbidden, InvalidInput
from seeops.maturity import selectors, services
from seeops.maturity.framework import frameworks
from seeops.maturity.models import Evidence, Export

FRAMEWORK = frameworks()["technical-operation"]
PASSWORD = "a long enough phrase"


@pytest.fixture
def auditor(db: None, settings: object, tmp_path: Path) -> Person:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "files"},
        },
    }
    return accounts.person_create(actor=None, username="he", display_name="He", roles=["auditor"], password=PASSWORD)


def store(measure: str, value: float | None, sample: int = 100, age: dt.timedelta = dt.timedelta()) -> Evidence:
    values = {"measure": measure, "value": value, "sample": sample, "source": {"query": "up", "ratio": 0.1},
              "collected_at": now() - age}  # fmt: skip
    return Evidence.objects.create(**values, digest=services.evidence_digest(**values))


def content_of(export: Export) -> bytes:
    with export.file.open("rb") as file:
        return file.read()


def verify(folder: Path, content: bytes) -> subprocess.CompletedProcess[str]:
    place = folder / "export.zip"
    place.write_bytes(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (folder / "verify.py").write_bytes(archive.read("verify.py"))
    return subprocess.run(
        [sys.executable, "-I", "verify.py", "export.zip"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def altered(content: bytes, name: str, change) -> bytes:
    """The ZIP with one file changed and the manifest made to fit, as a careful forger would."""
    import hashlib

    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        files = {entry: old.read(entry) for entry in old.namelist()}
    files[name] = change(files[name])
    manifest = json.loads(files["MANIFEST.json"])
    for entry in manifest["files"]:
        entry["sha256"] = hashlib.sha256(files[entry["path"]]).hexdigest()
    files["MANIFEST.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(buffer, "w") as new:
        for entry, body in files.items():
            new.writestr(entry, body)
    return buffer.getvalue()


def test_an_export_verifies_with_python_alone(auditor: Person, tmp_path: Path) -> None:
    store("monitoring.node_coverage", 0.97)
    services.criterion_attest(actor=auditor, framework=FRAMEWORK, code="bcm-1", statement="plan 7 of this year")
    export = services.export_create(actor=auditor, framework=FRAMEWORK, language="zh-hans")
    content = content_of(export)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("report.pdf").startswith(b"%PDF")
        summary = json.loads(archive.read("assessment.json"))
        assert len(archive.read("evidence.jsonl").splitlines()) == 2
    states = {c["code"]: c["state"] for d in summary["domains"] for i in d["items"] for c in i["criteria"]}
    assert states["col-2"] == "met"
    assert states["bcm-1"] == "met"
    assert states["cfg-1"] == "not_evaluated"
    answer = verify(tmp_path, content)
    assert answer.returncode == 0, answer.stdout
    assert AuditRecord.objects.filter(action="maturity.export", object_id=str(export.pk)).exists()


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("evidence.jsonl", lambda body: body.replace(b"0.97", b"0.99"), "was altered"),
        ("audit.jsonl", lambda body: body.replace(b"maturity.attest", b"maturity.nothing"), "chain breaks"),
        ("audit.jsonl", lambda body: b"\n".join(body.splitlines()[1:]) + b"\n", "is missing"),
    ],
)
def test_a_careful_forger_is_found(auditor: Person, tmp_path: Path, name: str, change: object, says: str) -> None:
    store("monitoring.node_coverage", 0.97)
    services.criterion_attest(actor=auditor, framework=FRAMEWORK, code="bcm-1", statement="plan 7 of this year")
    content = content_of(services.export_create(actor=auditor, framework=FRAMEWORK, language="en"))
    answer = verify(tmp_path, altered(content, name, change))
    assert answer.returncode == 1
    assert says in answer.stdout


def test_a_flipped_byte_shows_against_the_manifest(auditor: Person, tmp_path: Path) -> None:
    content = content_of(services.export_create(actor=auditor, framework=FRAMEWORK, language="en"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path / "unpacked")
    report = tmp_path / "unpacked" / "report.pdf"
    report.write_bytes(report.read_bytes()[:-1] + b"x")
    answer = subprocess.run(
        [sys.executable, "-I", "verify.py"],
        cwd=tmp_path / "unpacked",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert answer.returncode == 1
    assert "report.pdf" in answer.stdout


def test_the_newest_evidence_counts(auditor: Person) -> None:
    store("monitoring.node_coverage", 0.99, age=dt.timedelta(hours=2))
    store("monitoring.node_coverage", 0.40)
    assert selectors.newest_facts(FRAMEWORK)["monitoring.node_coverage"].value == 0.40


def test_people_attest_only_what_no_machine_measures(auditor: Person) -> None:
    with pytest.raises(InvalidInput):
        services.criterion_attest(actor=auditor, framework=FRAMEWORK, code="col-2", statement="trust me")
    with pytest.raises(InvalidInput):
        services.criterion_attest(actor=auditor, framework=FRAMEWORK, code="bcm-1", statement="  ")


def test_an_operator_exports_nothing(auditor: Person) -> None:
    operator = accounts.person_create(
        actor=None, username="lin", display_name="Lin", roles=["operator"], password=PASSWORD
    )
    with pytest.raises(Forbidden):
        services.export_create(actor=operator, framework=FRAMEWORK, language="en")


def test_pages_and_api_answer(auditor: Person, client: Client) -> None:
    store("monitoring.node_coverage", 0.97)
    client.login(username="he", password=PASSWORD)
    assert "Monitoring" in client.get("/maturity/").content.decode()
    assert client.get("/maturity/technical-operation/criteria/col-2/").status_code == 200
    assert client.get("/maturity/evidence/").status_code == 200
    answer = client.post("/api/v1/exports/", {"framework": "technical-operation"}, content_type="application/json")
    assert answer.status_code == 201
    download = client.get(f"/api/v1/exports/{answer.json()['id']}/download/")
    assert b"".join(download.streaming_content)[:2] == b"PK"
    assert client.get("/api/v1/maturity/technical-operation/").json()["framework"] == "technical-operation"
