#!/usr/bin/env python3
"""Check an export with nothing but Python: `python3 verify.py` inside the unpacked folder, or `verify.py EXPORT.zip`.

Recomputes the SHA-256 of every file of MANIFEST.json, the digest of every piece of evidence, and every link of the audit
chain. Exit 0 when all hold, 1 with a line for each that does not.
"""

import hashlib
import json
import sys
import zipfile
from pathlib import Path


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def read_all(place):
    if place.is_file():
        with zipfile.ZipFile(place) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    return {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}


def check_manifest(files):
    manifest = json.loads(files["MANIFEST.json"])
    for entry in manifest["files"]:
        content = files.get(entry["path"])
        if content is None:
            yield f"{entry['path']}: missing"
        elif sha256(content) != entry["sha256"]:
            yield f"{entry['path']}: its digest differs from the manifest"
    listed = {entry["path"] for entry in manifest["files"]} | {"MANIFEST.json"}
    for name in sorted(set(files) - listed):
        yield f"{name}: not in the manifest"


def check_evidence(files):
    for number, line in enumerate(files.get("evidence.jsonl", b"").decode().splitlines(), 1):
        row = json.loads(line)
        if sha256(row["content"].encode()) != row["digest"]:
            yield f"evidence.jsonl line {number}: was altered"


def check_chain(files):
    previous, expected = "0" * 64, 1
    for number, line in enumerate(files.get("audit.jsonl", b"").decode().splitlines(), 1):
        row = json.loads(line)
        if json.loads(row["content"])["seq"] != expected:
            yield f"audit.jsonl line {number}: record {expected} is missing"
            return
        if row["previous_hash"] != previous or sha256(previous.encode() + row["content"].encode()) != row["hash"]:
            yield f"audit.jsonl line {number}: the chain breaks here"
            return
        previous, expected = row["hash"], expected + 1


def main():
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    files = read_all(place)
    if "MANIFEST.json" not in files:
        sys.stdout.write(f"{place}: no MANIFEST.json, so this is not an export\n")
        return 1
    problems = [*check_manifest(files), *check_evidence(files), *check_chain(files)]
    for problem in problems:
        sys.stdout.write(problem + "\n")
    if not problems:
        records = len(files.get("audit.jsonl", b"").splitlines())
        sys.stdout.write(f"{len(files) - 1} files, evidence and {records} audit records hold\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
