"""A shadow run: the gate that a release candidate of a shard passes, or not, before any node takes it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from trading_sim.cluster.shadow import versions
from trading_sim.cluster.shadow.compare import Unequal, as_dict, compare
from trading_sim.cluster.shadow.rules import RulesError
from trading_sim.cluster.shadow.source import Source, read_source
from trading_sim.cluster.shadow.versions import Candidate, CannotRun
from trading_sim.cluster.shadow.words import Speaker
from trading_sim.cluster.verification.findings import Unverifiable
from trading_sim.ledger.records import LedgerError
from trading_sim.shard.config import ShardConfig, ShardConfigError
from trading_sim.shard.state import StateError

IDENTICAL, DIFFERENT, NOT_JUDGED = 0, 1, 2
REPORT_VERSION = 1


def shadow_run(
    directory: Path, config_file: Path, *, package: Path | None = None, against: str | None = None
) -> dict[str, Any]:
    """Replay a replica's journal into another version. Never raises for what is wrong with the input.

    `package`: a release package of the matching service; `against`: "twin" or the folder of another version's code; neither: this version
    once more. The report: {"same": true | false | null, "why", "text", "journal", "candidate", "entries", "differences", "kinds", …}; null
    means it cannot be judged, and `why` says by what; `kinds` counts every kind of difference, in words without numbers.
    """
    started_at = time.time()
    report: dict[str, Any] = {"version": REPORT_VERSION, "same": None, "why": "", "journal": None, "candidate": None}
    try:
        config = ShardConfig.from_json(config_file.read_text(encoding="utf-8"))
        candidate = _candidate(config, package, against)
        report["candidate"] = candidate.about
        source = read_source(directory, config.shard)
        report["journal"] = _journal(config, source)
        found = compare(
            source.entries,
            versions.ours(config, source),
            versions.theirs(candidate, config, source),
            Speaker(config.symbols),
        )
        report |= {"same": found.same, **as_dict(found)}
    except (Unverifiable, Unequal, RulesError, CannotRun, ShardConfigError) as error:
        report["why"] = str(error)
    except (StateError, LedgerError) as error:
        report["why"] = f"this version cannot execute its own journal: {error}"
    except OSError as error:
        report["why"] = f"a file cannot be read: {error}"
    report |= {"text": sentence(report), "started_at": started_at, "seconds": round(time.time() - started_at, 3)}
    return report


def _candidate(config: ShardConfig, package: Path | None, against: str | None) -> Candidate:
    if package is not None:
        return versions.from_package(config, package)
    if against == "twin":
        return versions.twin(config)
    if against is not None:
        return versions.from_folder(config, Path(against))
    return Candidate({"kind": "same", "name": "this version once more"}, config)


def _journal(config: ShardConfig, source: Source) -> dict[str, Any]:
    return {
        "shard": config.shard,
        "from_entry": source.entries[0].index,
        "to_entry": source.entries[-1].index,
        "base_entry": source.base.index if source.base else 0,
        "committed": source.committed,
        "replicas": list(source.replicas),
        "sha256": source.digest(),
    }


def sentence(report: dict[str, Any]) -> str:
    """The result in one or two sentences."""
    if report["same"] is None:
        return f"Cannot be judged: {report['why']}."
    name, journal = report["candidate"]["name"], report["journal"]
    seen = (
        f"{report['entries']:,} entries with {report['commands']:,} commands, {report['events']:,} events, "
        f"{report['rejects']:,} refusals, and {report['state_hashes']:,} state hashes"
    )
    unsure = "" if journal["committed"] == "majority" else " (nobody proved that the last entries were committed)"
    if report["same"]:
        return f"{name} gives the same bytes for shard {journal['shard']}: {seen}{unsure}."
    return f"{name} differs in {report['differing_entries']:,} of {seen}{unsure}. {_telling(report)}"


def _telling(report: dict[str, Any]) -> str:
    """The first difference that customers would have seen; else the first one of the states alone."""
    listed = report["differences"]
    return next((one for one in listed if one["what"] != "state"), listed[0])["text"]


def exit_code(report: dict[str, Any]) -> int:
    """IDENTICAL, DIFFERENT or NOT_JUDGED."""
    return {True: IDENTICAL, False: DIFFERENT, None: NOT_JUDGED}[report["same"]]
