"""Collected logs: where a run's lines lie until they are packed, the archive with its digest, search in it, deletion after its time.

The playbook writes one file for each node and log, already without secrets, into a folder that only the run knows. The run's own
process packs them when it ends; what a killed process left is packed by the reconciler. Sizes are bounded before anything is
collected: a node's part is at most the whole divided by the nodes.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.automation.models import LIVE_STATES, LogCollection, Run
from seeops.core.clock import now
from seeops.core.errors import InvalidInput, RuleViolation
from seeops.core.live import announce

PLAYBOOK = "logs"
MOST_BYTES = 128 * 2**20
LEAST_PER_NODE = 4 * 1024
MOST_HITS = 500
MOST_LINE = 1000
SHORTEST_QUERY = 2
DEFAULT_KIB, DEFAULT_DAYS = 256, 7


def folder() -> Path:
    return Path(settings.VAR_DIR) / "logs"


def spool(run: Run) -> Path:
    """Where a run's lines lie before they are packed."""
    return folder() / f".{run.number}"


def runtime_inputs(run: Run) -> dict[str, Any]:
    """What the playbook needs beside what people gave: its folder, and the most bytes of one node."""
    if run.playbook != PLAYBOOK:
        return {}
    path = spool(run)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    wanted = int(run.inputs.get("node_kib", DEFAULT_KIB)) * 1024
    return {"log_folder": str(path), "log_most_bytes": max(LEAST_PER_NODE, min(wanted, MOST_BYTES // len(run.targets)))}


def pack(run: Run) -> LogCollection | None:
    """Pack what a run collected; None when it collected nothing. Can be repeated: the row is made once, and says what the file holds."""
    path = spool(run)
    if run.playbook != PLAYBOOK or not path.is_dir():
        return None
    files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    if not files:
        shutil.rmtree(path, ignore_errors=True)
        return None
    name = f"{run.number}.tar.gz"
    plain, digest = _write(files, folder() / name)
    moment, days = now(), int(run.inputs.get("keep_days", DEFAULT_DAYS))
    values = {
        "file": name, "sha256": digest, "bytes": (folder() / name).stat().st_size, "plain_bytes": plain, "files": len(files),
        "made_at": moment, "expires_at": moment + dt.timedelta(days=days),
    }  # fmt: skip
    with transaction.atomic():
        made, _created = LogCollection.objects.update_or_create(run=run, defaults=values)
    shutil.rmtree(path)
    announce(f"run-{run.pk}")
    return made


def _write(files: list[Path], target: Path) -> tuple[int, str]:
    """(bytes of the lines, SHA-256 of the archive). Equal files give equal bytes: no times, no owners."""
    beside, plain = target.with_suffix(".tmp"), 0
    with (
        beside.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0, compresslevel=6) as packed,
        tarfile.open(fileobj=cast(BinaryIO, packed), mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for file in files:
            entry = tarfile.TarInfo(file.name)
            entry.size, entry.mode = file.stat().st_size, 0o600
            plain += entry.size
            with file.open("rb") as source:
                archive.addfile(entry, source)
    with beside.open("rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    beside.chmod(0o600)
    beside.replace(target)
    return plain, digest


def reconcile() -> int:
    """Pack what ended runs left unpacked. Returns how many."""
    left = [path for path in folder().glob(".RUN-*") if path.is_dir()] if folder().is_dir() else []
    runs = Run.objects.filter(number__in=[path.name.removeprefix(".") for path in left]).exclude(state__in=LIVE_STATES)
    return sum(pack(run) is not None for run in runs)


def expire() -> int:
    """Delete archives whose time is over. Returns how many."""
    due = LogCollection.objects.filter(expires_at__lte=now(), deleted_at__isnull=True).select_related("run__created_by")
    count = 0
    for collection in due:
        (folder() / collection.file).unlink(missing_ok=True)
        with transaction.atomic():
            if LogCollection.objects.filter(pk=collection.pk, deleted_at__isnull=True).update(deleted_at=now()):
                audit.record(actor=None, action="log.delete", obj=collection.run, after={"file": collection.file})
                count += 1
    return count


def archive(*, actor: Any, collection: LogCollection, purpose: str = "download") -> Path:
    """The archive's file for somebody who may read it; that it was taken is written down. Raises Forbidden, RuleViolation when it is
    deleted or not what was packed."""
    rights.require(actor, "log.read")
    path = folder() / collection.file
    if collection.deleted_at or not path.is_file():
        raise RuleViolation(_("The logs of %(run)s were deleted.") % {"run": collection.run.number}, code="gone")
    with path.open("rb") as source:
        found = hashlib.file_digest(source, "sha256").hexdigest()
    if found != collection.sha256:
        raise RuleViolation(
            _("%(file)s is not what was packed: its digest differs.") % {"file": collection.file}, code="damaged"
        )
    told = {"file": collection.file, "sha256": found}
    with transaction.atomic():
        audit.record(actor=actor, action=f"log.{purpose}", obj=collection.run, after=told)
    return path


@dataclass(frozen=True)
class Hit:
    node: str
    source: str
    number: int
    line: str


@dataclass(frozen=True)
class Hits:
    """Lines that contain a text; `more` says that there are others."""

    rows: list[Hit]
    more: bool
    lines: int


def search(*, actor: Any, collection: LogCollection, text: str) -> Hits:
    """Lines that contain `text`, whatever its case, in order of node; at most MOST_HITS. Raises what `archive` raises, InvalidInput."""
    wanted = text.strip().lower()
    if len(wanted) < SHORTEST_QUERY:
        raise InvalidInput(_("Write at least %(n)d characters to look for.") % {"n": SHORTEST_QUERY}, field="q")
    path = archive(actor=actor, collection=collection, purpose="search")
    rows: list[Hit] = []
    looked = 0
    for node, source, number, line in _lines(path):
        looked += 1
        if wanted in line.lower():
            if len(rows) == MOST_HITS:
                return Hits(rows, True, looked)
            rows.append(Hit(node, source, number, line[:MOST_LINE]))
    return Hits(rows, False, looked)


def _lines(path: Path) -> Iterator[tuple[str, str, int, str]]:
    with tarfile.open(path, "r:gz") as packed:
        for entry in packed:
            content = packed.extractfile(entry)
            node, source = entry.name.removesuffix(".log").rsplit(".", 1)
            for number, line in enumerate(content or (), 1):
                yield node, source, number, line.decode("utf-8", "replace").rstrip("\n")


@dataclass(frozen=True)
class Collected:
    """What a run says it collected: nodes, lines, lines with secrets taken out, nodes whose older lines were left out."""

    nodes: int
    lines: int
    redacted: int
    cut: int


def collected(run: Run) -> Collected:
    rows = run.events.filter(status="ok").exclude(host="").values_list("data", flat=True)
    told = [row for row in rows if row and "redacted" in row]
    return Collected(
        nodes=len(told), lines=sum(row["lines"] for row in told), redacted=sum(row["redacted"] for row in told),
        cut=sum(bool(row["cut"]) for row in told),
    )  # fmt: skip
