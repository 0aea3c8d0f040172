"""The export: one ZIP that proves itself.

report.pdf        the assessment to read
evidence.xlsx     the same as a spreadsheet
assessment.json   levels and criteria, machine-readable
evidence.jsonl    every piece of evidence used, one JSON object a line, with its digest
audit.jsonl       the whole audit chain: {"content": canonical JSON, "previous_hash", "hash"} a line
verify.py         recomputes every digest with nothing but Python
MANIFEST.json     size and SHA-256 of each file above
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import rfc8785

from seeops.audit import chain
from seeops.audit import selectors as audit_selectors
from seeops.core.late import Late
from seeops.maturity.framework import Framework
from seeops.maturity.models import Attestation, Evidence
from seeops.maturity.rating import Rating

report, sheet = Late("seeops.maturity.report"), Late("seeops.maturity.sheet")
VERIFIER = Path(__file__).parent / "verify_export.py"


def evidence_content(
    measure: str, value: float | None, sample: int, source: dict[str, Any], collected_at: dt.datetime
) -> bytes:
    """The canonical bytes that an evidence digest covers."""
    return rfc8785.dumps(
        {
            "measure": measure,
            "value": value,
            "sample": sample,
            "source": source,
            "collected_at": collected_at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
        }
    )


def build(*, framework: Framework, rated: Rating, person: Any, made_at: dt.datetime, language: str) -> bytes:
    """The ZIP's bytes."""
    evidence = list(Evidence.objects.filter(pk__in=_evidence_ids(rated)).order_by("measure"))
    attestations = list(Attestation.objects.filter(framework=framework.code).select_related("person"))
    summary = assessment(rated, str(person), made_at)
    files = {
        "report.pdf": report.render(rated, person=str(person), made_at=made_at, language=language, evidence=evidence),
        "evidence.xlsx": sheet.render(rated, language=language, evidence=evidence),
        "assessment.json": json.dumps(summary, ensure_ascii=False, indent=2).encode(),
        "evidence.jsonl": _lines(
            [_evidence_line(row) for row in evidence] + [_attestation_line(a) for a in attestations]
        ),
        "audit.jsonl": _lines(list(_audit_lines())),
        "verify.py": VERIFIER.read_bytes(),
    }
    return _zip(files, made_at)


def _evidence_ids(rated: Rating) -> list[int]:
    return [
        result.fact.evidence_id
        for result in rated.results()
        if result.fact is not None and not result.criterion.attested and result.fact.evidence_id is not None
    ]


def assessment(rated: Rating, person: str, made_at: dt.datetime) -> dict[str, Any]:
    """Levels and criteria as JSON types."""
    return {
        "framework": rated.framework.code,
        "disclaimer": rated.framework.disclaimer.en,
        "made_at": made_at.astimezone(dt.UTC).isoformat(),
        "made_by": person,
        "level": rated.level,
        "domains": [
            {
                "code": domain.domain.code,
                "level": domain.level,
                "median": domain.median,
                "items": [
                    {
                        "code": item.item.code,
                        "level": item.level,
                        "criteria": [
                            {
                                "code": result.criterion.code,
                                "level": result.criterion.level,
                                "text": result.criterion.text.en,
                                "measure": result.criterion.measure or None,
                                "at_least": result.criterion.at_least,
                                "at_most": result.criterion.at_most,
                                "state": result.state.value,
                                "why": result.why,
                                "value": result.fact.value if result.fact else None,
                                "sample": result.fact.sample if result.fact else None,
                                "collected_at": result.fact.collected_at.isoformat() if result.fact else None,
                            }
                            for result in item.criteria
                        ],
                    }
                    for item in domain.items
                ],
            }
            for domain in rated.domains
        ],
    }


def _evidence_line(row: Evidence) -> dict[str, Any]:
    content = evidence_content(row.measure, row.value, row.sample, row.source, row.collected_at)
    return {"content": content.decode(), "digest": row.digest}


def _attestation_line(attestation: Attestation) -> dict[str, Any]:
    content = rfc8785.dumps(
        {
            "framework": attestation.framework,
            "criterion": attestation.criterion,
            "person": attestation.person.username,
            "statement": attestation.statement,
            "at": attestation.at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
        }
    )
    return {"content": content.decode(), "digest": attestation.digest}


def _audit_lines() -> Any:
    for row in audit_selectors.rows():
        content = rfc8785.dumps(chain.content(row)).decode()
        yield {"content": content, "previous_hash": row["previous_hash"], "hash": row["hash"]}


def _lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _zip(files: dict[str, bytes], made_at: dt.datetime) -> bytes:
    manifest = {
        "made_at": made_at.astimezone(dt.UTC).isoformat(),
        "files": [
            {"path": path, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for path, content in sorted(files.items())
        ],
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in [*sorted(files.items()), ("MANIFEST.json", json.dumps(manifest, indent=2).encode())]:
            archive.writestr(zipfile.ZipInfo(path, made_at.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
