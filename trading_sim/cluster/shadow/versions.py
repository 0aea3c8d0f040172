"""The other version of the shard: the rules of a release package, the plain Python twin, or the code of another folder."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trading_sim.cluster.shadow import child, rules
from trading_sim.cluster.shadow.child import Told
from trading_sim.cluster.shadow.source import Source
from trading_sim.risk.rules import SHARD_FIELDS, refresh_symbols
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.machine import ShardMachine
from trading_sim.shard.machine_factory import ShardMachineFactory
from trading_sim.shard.snapshots import Snapshot, encode_snapshot
from trading_sim.shard.state import ReplicatedState, StateError

WORDS_LISTED = 300
END_TIMEOUT_S = 30


class CannotRun(Exception):
    """The other version cannot execute this journal: it can neither be called equal nor different."""


@dataclass(frozen=True)
class Candidate:
    """The other version. `config`: what it is started with; `folder`: where its code lies, None for this code."""

    about: dict[str, Any]
    config: ShardConfig
    folder: Path | None = None


def from_package(config: ShardConfig, path: Path) -> Candidate:
    """This code with the rules of a release package. Raises RulesError, OSError."""
    package = rules.read_package(path)
    about = {
        "kind": "package",
        "name": f"{rules.SERVICE} {package.version}",
        "digest": package.digest,
        "notes": package.notes,
        "rules": package.rules,
    }
    return Candidate(about, rules.apply(config, package.rules))


def twin(config: ShardConfig) -> Candidate:
    """The executable specification in plain Python."""
    return Candidate({"kind": "twin", "name": "the plain Python twin"}, replace(config, engine="twin"))


def from_folder(config: ShardConfig, folder: Path) -> Candidate:
    """The code of another folder, which holds a `trading_sim`. Raises CannotRun."""
    if not (folder / "trading_sim" / "shard").is_dir():
        raise CannotRun(f"{folder} holds no trading_sim/shard: give the top folder of another version of this program")
    return Candidate({"kind": "folder", "name": str(folder)}, config, folder.resolve())


def ours(config: ShardConfig, source: Source) -> Iterator[Told]:
    """What this version makes of the entries. Raises StateError, LedgerError."""
    state = ReplicatedState(ShardMachineFactory(config))
    if source.base is not None:
        state.restore(source.base)
    return child.execute(state, source.entries, source.entries[-1].index)


def theirs(candidate: Candidate, config: ShardConfig, source: Source) -> Iterator[Told]:
    """What the other version makes of the same entries. Raises CannotRun."""
    base = None if source.base is None else _adopted(source.base, config, candidate.config)
    if candidate.folder is not None:
        return _in_a_process(candidate, base, source)
    return _guarded(_here(candidate, base, source))


def _here(candidate: Candidate, base: Snapshot | None, source: Source) -> Iterator[Told]:
    state = ReplicatedState(ShardMachineFactory(candidate.config))
    if base is not None:
        try:
            state.restore(base)
        except (StateError, ValueError) as error:
            raise CannotRun(
                f"{candidate.about['name']} cannot continue the snapshot of entry {base.index}: {error}"
            ) from error
        _put_in_force(state.machine, candidate)
    yield from child.execute(state, source.entries, source.entries[-1].index)


def _put_in_force(machine: ShardMachine, candidate: Candidate) -> None:
    """A snapshot brings the limits that were in force; those that the package changes take their place, as at a switch."""
    changed = candidate.about.get("rules", {}).get("limits", {})
    for name in changed:
        if name in SHARD_FIELDS:
            machine.desk.control[name] = changed[name]
    if changed:
        refresh_symbols(machine.desk)


def _guarded(stream: Iterator[Told]) -> Iterator[Told]:
    """A candidate that breaks over an entry cannot be judged; that is for a person to look at."""
    try:
        yield from stream
    except CannotRun:
        raise
    except Exception as error:
        raise CannotRun(f"the other version broke: {type(error).__name__}: {error}") from error


def _adopted(snapshot: Snapshot, config: ShardConfig, other: ShardConfig) -> Snapshot:
    """The snapshot as one of the other configuration: new rules continue the state that the old ones left, as at a switch."""
    old, new = config.digest().encode(), other.digest().encode()
    if old == new:
        return snapshot
    if snapshot.body.count(old) != 1:
        raise CannotRun(f"the snapshot of entry {snapshot.index} does not name its configuration")
    return Snapshot(snapshot.index, snapshot.term, snapshot.body.replace(old, new))


def _in_a_process(candidate: Candidate, base: Snapshot | None, source: Source) -> Iterator[Told]:
    with tempfile.TemporaryDirectory(prefix="shadow-") as folder:
        job = Path(folder)
        (job / "config.json").write_text(candidate.config.to_json(), encoding="utf-8")
        with (job / "entries.bin").open("wb") as file:
            for entry in source.entries:
                file.write(child.LENGTH.pack(len(entry.data)) + entry.data)
        if base is not None:
            (job / "base.bin").write_bytes(encode_snapshot(base))
        yield from _told_by(candidate, job)


def _told_by(candidate: Candidate, job: Path) -> Iterator[Told]:
    with (job / "errors").open("w+b") as errors:
        process = subprocess.Popen(
            [sys.executable, str(Path(child.__file__).resolve()), str(candidate.folder), str(job)],
            cwd=str(candidate.folder), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
        try:
            yield from child.unpack(process.stdout)
            code = process.wait(END_TIMEOUT_S)
        except (EOFError, OSError, subprocess.TimeoutExpired) as error:
            raise CannotRun(f"the other version's process broke off: {_last_words(errors) or error}") from error
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        if code:
            raise CannotRun(f"the other version's process ended with {code}: {_last_words(errors)}")


def _last_words(errors: Any) -> str:
    errors.seek(0)
    lines = [line for line in errors.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:WORDS_LISTED] if lines else ""
