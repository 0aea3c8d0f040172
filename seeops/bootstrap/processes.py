"""Running helpers of the set-up and finding every process that belongs to an instance.

Every process of an instance inherits SEEOPS_INSTANCE=<its var folder>; PostgreSQL overwrites its own environment, so it is
found by its command line. Both are read from /proc, which needs no package.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .errors import SetupError

MARK = "SEEOPS_INSTANCE"


def run_logged(
    arguments: Sequence[str | Path],
    log: Path,
    *,
    sorry: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float = 1800,
) -> None:
    """Run a program with its output appended to `log`; raise SetupError(`sorry` + where to look) when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"\n$ {' '.join(map(str, arguments))}\n".encode())
        output.flush()
        try:
            done = subprocess.run(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env) if env is not None else None,
                cwd=cwd,
                timeout=timeout_s,
                check=False,
            )
        except FileNotFoundError as error:
            raise SetupError(f"{sorry} (the program {arguments[0]} is missing).") from error
        except subprocess.TimeoutExpired as error:
            raise SetupError(f"{sorry} (no end after {timeout_s:.0f} s; see {log}).") from error
    if done.returncode:
        raise SetupError(f"{sorry} ({_last_line(log)}; full output in {log}).")


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no output"


def is_alive(pid: int) -> bool:
    """True while the process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def command_line(pid: int) -> list[str]:
    """Arguments of a process; empty when it is gone, a kernel thread or not ours to read."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def members(var: Path, spare: Sequence[int] = ()) -> list[int]:
    """Process ids of the instance whose folder is `var`, but for this process and those in `spare`."""
    mark = f"{MARK}={var}".encode()
    database = str(var / "postgres")
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or (pid := int(entry.name)) in (os.getpid(), *spare):
            continue
        marked = mark in _environment(pid).split(b"\0")
        if (marked or database in command_line(pid)) and is_alive(pid):
            found.append(pid)
    return sorted(found)


def signal_all(pids: Sequence[int], number: signal.Signals) -> None:
    """Send a signal to each; one that has just gone is no trouble."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def wait_until(condition: Callable[[], bool], timeout_s: float, interval_s: float = 0.1) -> bool:
    """Poll `condition` until it holds; False when it does not within `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval_s)
    return True


def sweep(var: Path, spare: Sequence[int] = (), patience_s: float = 10.0) -> int:
    """End every process of the instance: asked first, then killed. PostgreSQL is asked for its fast shutdown.

    Returns how many there were. Raises SetupError when one survives SIGKILL (a process stuck in the kernel).
    """
    first = members(var, spare)
    for pid in first:
        is_database = Path(command_line(pid)[0] if command_line(pid) else "").name == "postgres"
        signal_all([pid], signal.SIGINT if is_database else signal.SIGTERM)
    if not wait_until(lambda: not members(var, spare), patience_s):
        signal_all(members(var, spare), signal.SIGKILL)
        if not wait_until(lambda: not members(var, spare), patience_s):
            raise SetupError(f"Processes {members(var, spare)} do not end even when killed: restart the machine.")
    return len(first)
