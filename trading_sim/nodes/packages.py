"""Builds the repository of release packages: five versions of every service, which only measurement tells apart, and two of the
matching service that bring rules."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from trading_sim.nodes import settings
from trading_sim.nodes.package_file import build
from trading_sim.protocol.topology_file import TopologyError, load

FIRST_VERSION = "1.0.0"


@dataclass(frozen=True)
class Edition:
    """A version of a service. `notes` and `built_at` say nothing about how well it works; `rules`: what it changes of a shard's
    rules, None for a package without a file of them."""

    version: str
    built_at: str
    notes: str
    behaviour: dict
    rules: dict | None = None


_USUAL = {"service_time_factor": 1.0, "error_rate": 0.0002, "memory_growth_bytes_per_s": 0}
EDITIONS = (
    Edition(FIRST_VERSION, "2026-01-12T09:30:00+08:00", "First release on the new platform.", _USUAL),
    Edition("1.1.0", "2026-02-09T10:05:00+08:00", "Session resumption after a reconnect; clearer log lines.", _USUAL),
    Edition("1.2.0", "2026-03-09T10:40:00+08:00", "Additional fields in audit records; library updates.", _USUAL | {"service_time_factor": 1.3}),
    Edition("1.3.0", "2026-04-13T09:55:00+08:00", "New connection pool; configuration checked at start.", _USUAL | {"error_rate": 0.02}),
    Edition("1.4.0", "2026-05-11T10:20:00+08:00", "Local read cache; faster warm-up.", _USUAL | {"memory_growth_bytes_per_s": 3 * 2**20}),
)  # fmt: skip


#: Versions of single services, behind those that every service has. 1.6.0 of matching has a digit too few in its price collar (0.5 %
#: instead of 5 %); its notes do not tell, only replaying a journal does.
OF_SERVICE = {
    "matching": (
        Edition("1.5.0", "2026-06-15T10:10:00+08:00", "Rules of the market in a file of the package.", _USUAL, {}),
        Edition("1.6.0", "2026-07-13T09:50:00+08:00", "Price collar reviewed; library updates.", _USUAL, {"limits": {"collar_ppm": 5_000}}),
    )
}  # fmt: skip


#: Versions for measuring how well a judge tells good from bad: a ladder of how bad a version is, named in its notes. Not part of the
#: product's repository: a thousand packages that nobody releases would only lengthen its start.
MEASURING = tuple(
    Edition(f"9.{number}.0", "2026-08-03T10:00:00+08:00", f"For measuring: {name}.", _USUAL | behaviour)
    for number, (name, behaviour) in enumerate(
        {
            "healthy": {},
            "slow 3 %": {"service_time_factor": 1.03},
            "slow 5 %": {"service_time_factor": 1.05},
            "slow 10 %": {"service_time_factor": 1.10},
            "slow 30 %": {"service_time_factor": 1.30},
            "failing 0.1 %": {"error_rate": 0.001},
            "failing 0.5 %": {"error_rate": 0.005},
            "failing 1 %": {"error_rate": 0.01},
            "leaking 0.3 MiB/s": {"memory_growth_bytes_per_s": 0.3 * 2**20},
            "leaking 3 MiB/s": {"memory_growth_bytes_per_s": 3 * 2**20},
        }.items()
    )
)


def editions(service: str, *, measuring: bool = False) -> tuple[Edition, ...]:
    """Every version of a service, oldest first; with `measuring` those of the ladder as well."""
    return (*EDITIONS, *OF_SERVICE.get(service, ()), *(MEASURING if measuring else ()))


def file_name(service: str, version: str) -> str:
    return f"{service}-{version}.tar.gz"


def package_bytes(service: str, edition: Edition) -> bytes:
    """The package of one service in one version; always the same bytes."""
    launcher = (
        f"#!/bin/sh\nexec trading-service --service {service} --version {edition.version} --config conf/app.conf\n"
    )
    files = {
        "behaviour.json": json.dumps(edition.behaviour, indent=1, sort_keys=True).encode() + b"\n",
        f"bin/{service}": launcher.encode(),
        "conf/app.conf": settings.default_content(service).encode(),
    }
    if edition.rules is not None:
        files["rules.json"] = json.dumps(edition.rules, sort_keys=True).encode() + b"\n"
    manifest = {
        "service": service,
        "version": edition.version,
        "built_at": edition.built_at,
        "notes": edition.notes,
        "config_schema": settings.DEFAULT_SCHEMA,
    }
    return build(manifest, files)


def write_repository(services: list[str], out: Path, *, measuring: bool = False) -> list[dict]:
    """Write every package and index.json into `out`; returns the index. What is there already with the same content stays
    untouched, so that nodes may read from the folder meanwhile. `measuring`: also the versions of MEASURING. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    index = []
    for service in services:
        for edition in editions(service, measuring=measuring):
            data, name = package_bytes(service, edition), file_name(service, edition.version)
            _write_changed(out / name, data)
            index.append(
                {
                    "service": service,
                    "version": edition.version,
                    "file": name,
                    "digest": hashlib.sha256(data).hexdigest(),
                    "size": len(data),
                    "notes": edition.notes,
                    "built_at": edition.built_at,
                }
            )
    _write_changed(out / "index.json", json.dumps(index, indent=1).encode() + b"\n")
    return index


def _write_changed(path: Path, data: bytes) -> None:
    if path.exists() and path.read_bytes() == data:
        return
    beside = path.with_name(path.name + ".tmp")
    beside.write_bytes(data)
    beside.replace(path)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("packages", help="build the repository of release packages")
    parser.add_argument("--out", required=True, type=Path, help="folder for the packages and index.json")
    parser.add_argument("--cluster", type=Path, default=None, help="cluster file (default: the bundled one)")
    parser.add_argument(
        "--measuring", action="store_true", help="also the versions that measure how well verdicts tell"
    )
    parser.add_argument("--json", action="store_true", help="print the index as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    try:
        index = write_repository(list(load(args.cluster).services), args.out, measuring=args.measuring)
    except (TopologyError, OSError) as error:
        sys.stderr.write(f"packages cannot be built: {error}\n")
        return 2
    text = json.dumps(index) if args.json else f"{len(index)} packages in {args.out.resolve()}"
    sys.stdout.write(text + "\n")
    return 0
