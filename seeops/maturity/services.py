"""Writes: collect evidence, attest, export."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from typing import Any

import rfc8785
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.core.clock import now
from seeops.core.errors import InvalidInput, Unavailable
from seeops.core.live import announce
from seeops.maturity import pack, selectors
from seeops.maturity.framework import Framework
from seeops.maturity.measures import MEASURES, Measured
from seeops.maturity.models import Attestation, Evidence, Export

log = logging.getLogger(__name__)


def evidence_digest(
    *, measure: str, value: float | None, sample: int, source: dict[str, Any], collected_at: dt.datetime
) -> str:
    """SHA-256 of the canonical JSON of what the evidence says."""
    return hashlib.sha256(pack.evidence_content(measure, value, sample, source, collected_at)).hexdigest()


def evidence_collect(*, actor: Any) -> list[Evidence]:
    """Measure everything once. A part that does not answer leaves no evidence, so its criteria age into "not evaluated"."""
    rights.require(actor, "maturity.collect")
    collected = [(name, _measure(name, collect)) for name, collect in MEASURES.items()]
    with transaction.atomic():
        rows = [_store(name, measured) for name, measured in collected if measured is not None]
        audit.record(
            actor=actor,
            action="evidence.collect",
            obj=("maturity.evidence", "", _("all measures")),
            after={"collected": len(rows), "missing": [name for name, measured in collected if measured is None]},
        )
    announce("maturity")
    return rows


def _measure(name: str, collect: Any) -> Measured | None:
    try:
        measured: Measured = collect()
    except Unavailable as error:
        log.warning("measure not taken", extra={"measure": name, "why": str(error)})
        return None
    return measured


def _store(name: str, measured: Measured) -> Evidence:
    moment = now()
    values: dict[str, Any] = {
        "measure": name, "value": measured.value, "sample": measured.sample, "source": measured.source, "collected_at": moment,
    }  # fmt: skip
    return Evidence.objects.create(**values, digest=evidence_digest(**values))


@transaction.atomic
def criterion_attest(*, actor: Any, framework: Framework, code: str, statement: str) -> Attestation:
    """A person vouches for a criterion that no machine measures."""
    rights.require(actor, "maturity.attest")
    criterion = next((found for found in framework.criteria() if found.code == code), None)
    if criterion is None or not criterion.attested:
        raise InvalidInput(_("%(code)s is not a criterion that people attest.") % {"code": code}, field="criterion")
    if not statement.strip():
        raise InvalidInput(_("Say what the attestation rests on."), field="statement")
    moment = now()
    content = {"framework": framework.code, "criterion": code, "person": actor.username, "statement": statement,
               "at": moment.isoformat(timespec="microseconds")}  # fmt: skip
    attestation = Attestation.objects.create(
        framework=framework.code, criterion=code, person=actor, statement=statement, at=moment,
        digest=hashlib.sha256(rfc8785.dumps(content)).hexdigest(),
    )  # fmt: skip
    audit.record(actor=actor, action="maturity.attest", obj=attestation, reason=statement, after=content)
    announce("maturity")
    return attestation


def export_create(*, actor: Any, framework: Framework, language: str) -> Export:
    """Build the ZIP (see pack.py), store it with its digest, and record that it was made."""
    rights.require(actor, "maturity.export")
    rated = selectors.rate_now(framework)
    moment = now()
    content = pack.build(framework=framework, rated=rated, person=actor, made_at=moment, language=language)
    sha256 = hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        export = Export(
            framework=framework.code,
            person=actor,
            made_at=moment,
            sha256=sha256,
            size_bytes=len(content),
            level=rated.level,
        )
        export.file.save(f"{framework.code}-{moment:%Y%m%dT%H%M%SZ}.zip", ContentFile(content), save=False)
        export.save()
        audit.record(
            actor=actor, action="maturity.export", obj=export, after={"sha256": sha256, "size_bytes": len(content)}
        )
    return export
