"""A release package: a gzipped tar with a manifest that lists the digest of every file, and what it says to its node."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
from dataclasses import dataclass

MAX_PACKAGE_BYTES = 64 * 2**20
MAX_UNPACKED_BYTES = 256 * 2**20
VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?\Z")


class PackageError(ValueError):
    """The package cannot be staged; the text says what is wrong with which file. `code` is for machines."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Behaviour:
    """What a version does to its node: a factor on the service time, a part of failing requests, memory growth."""

    service_time_factor: float = 1.0
    error_rate: float = 0.0
    memory_growth_bytes_per_s: float = 0.0

    @classmethod
    def parse(cls, data: bytes) -> Behaviour:
        """Raises PackageError."""
        try:
            values = json.loads(data)
            found = cls(**{key: float(value) for key, value in values.items() if key in cls.__dataclass_fields__})
        except (ValueError, TypeError, AttributeError) as error:
            raise PackageError("bad_package", f"behaviour.json: {error}") from error
        if found.service_time_factor <= 0 or not 0 <= found.error_rate <= 1 or found.memory_growth_bytes_per_s < 0:
            raise PackageError("bad_package", f"behaviour.json: figures out of range: {found}")
        return found


@dataclass(frozen=True)
class Package:
    """A verified package in memory: its manifest and every file by its path."""

    manifest: dict
    files: dict[str, bytes]

    @property
    def version(self) -> str:
        return self.manifest["version"]


def build(manifest: dict, files: dict[str, bytes]) -> bytes:
    """Bytes of a package; equal input gives equal bytes (no times, no owners), so digests can be compared."""
    manifest = manifest | {"files": {path: hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())}}
    content = {"manifest.json": json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n"} | files
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in sorted(content.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o755 if path.startswith("bin/") else 0o644
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=0)


def _unpack(data: bytes) -> dict[str, bytes]:
    files, total = {}, 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            for entry in archive:
                parts = entry.name.split("/")
                if not entry.isfile() or entry.name.startswith("/") or ".." in parts or "" in parts:
                    raise PackageError(
                        "bad_package", f"the package contains {entry.name!r}, which is no plain file inside it"
                    )
                total += entry.size
                if total > MAX_UNPACKED_BYTES:
                    raise PackageError("bad_package", f"the package unpacks to more than {MAX_UNPACKED_BYTES} bytes")
                files[entry.name] = archive.extractfile(entry).read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise PackageError("bad_package", f"the package is not a gzipped tar archive: {error}") from error
    return files


def verify(data: bytes, *, digest: str, service: str, version: str) -> Package:
    """Check a package against the digest that was ordered and against its own manifest. Raises PackageError."""
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise PackageError("digest_mismatch", f"the package's digest is {found}, ordered was {digest}")
    files = _unpack(data)
    try:
        manifest = json.loads(files.pop("manifest.json"))
        listed = dict(manifest["files"])
        named = (manifest["service"], manifest["version"])
    except KeyError as error:
        raise PackageError("bad_package", f"the package lacks {error}") from error
    except (ValueError, TypeError) as error:
        raise PackageError("bad_package", f"manifest.json: {error}") from error
    if named != (service, version):
        raise PackageError("wrong_package", f"the package is {named[0]} {named[1]}, ordered was {service} {version}")
    actual = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    if actual != listed:
        differing = sorted(path for path in actual.keys() | listed.keys() if actual.get(path) != listed.get(path))
        raise PackageError("bad_package", f"files differ from the manifest: {', '.join(differing)}")
    if "behaviour.json" not in files:
        raise PackageError("bad_package", "the package lacks behaviour.json")
    Behaviour.parse(files["behaviour.json"])
    return Package(manifest, files)
