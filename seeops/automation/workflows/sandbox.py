"""Runs a script apart from this machine.

What it does: new user, mount, process, message and host-name namespaces, no network unless allowed, read-only /usr and Python,
an empty /work of 32 MB in memory, nothing else of this machine's files, no environment, nobody's rights, no new privileges, limits
on memory (per process), processor time, processes, files and open files, and on the whole time; it dies with who started it.
What it does not: it filters no system calls, so it is no wall against flaws of the kernel; memory is limited per process and not
for all together; with the network allowed, all that this machine reaches can be reached. Where the machine offers no user
namespaces, scripts are refused rather than run without a sandbox.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHILD = Path(__file__).with_name("sandbox_child.py")
REFUSED = 97
LONGEST_OUTPUT = 65536
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")
NAMES = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl")


class SandboxRefused(Exception):
    """No sandbox could be made here, so nothing was run."""


@dataclass(frozen=True)
class Ended:
    """How a script ended. `result` is the JSON it wrote to $RESULT, None when it wrote none; `problem` is empty when all went well."""

    exit_code: int
    output: str
    result: Any
    problem: str


def run_script(
    *,
    language: str,
    code: str,
    inputs: dict[str, Any],
    time_s: float,
    cpu_s: int,
    memory_mb: int,
    network: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> Ended:
    """Run `code` (python or shell) with `inputs` as JSON in the file named by $INPUTS. Raises SandboxRefused."""
    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    name, argv = (
        ("script.py", [str(python), "-I", "/work/script.py"])
        if language == "python"
        else ("script.sh", ["/bin/sh", "/work/script.sh"])
    )
    binds = [*SYSTEM, *(NAMES if network else ()), *([] if sys.base_prefix.startswith("/usr") else [sys.base_prefix])]
    with tempfile.TemporaryDirectory(prefix="sandbox-") as root:
        Path(root).chmod(0o755)
        told = {
            "argv": argv, "files": {name: code, "inputs.json": json.dumps(inputs)}, "binds": binds, "network": network,
            "root": root, "drop": os.geteuid() == 0, "limits": {"cpu_s": cpu_s, "memory_mb": memory_mb},
        }  # fmt: skip
        return _watch(python, told, time_s, stopped)


def _watch(python: Path, told: dict[str, Any], time_s: float, stopped: Callable[[], bool]) -> Ended:
    """Start the sandbox and follow it until it ends, takes too long or is told to stop."""
    result_read, result_write = os.pipe()
    with os.fdopen(result_read, "rb") as results:
        child = subprocess.Popen(
            [str(python), "-I", "-S", str(CHILD), str(result_write)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={}, cwd="/", pass_fds=(result_write,), start_new_session=True,
        )  # fmt: skip
        os.close(result_write)
        try:
            output, late = _follow(child, json.dumps(told).encode(), time_s, stopped)
        finally:
            if child.poll() is None:
                os.kill(child.pid, signal.SIGKILL)  # the others die with it
            code = child.wait()
        written = results.read(LONGEST_OUTPUT + 1)
    text = output.decode("utf-8", "replace").replace("\x00", "\ufffd")
    if code == REFUSED and text.startswith("sandbox: "):
        raise SandboxRefused(text.removeprefix("sandbox: ").strip())
    if late:
        return Ended(-1, text, None, late)
    return _judged(code, text, written)


def _follow(
    child: subprocess.Popen[bytes], told: bytes, time_s: float, stopped: Callable[[], bool]
) -> tuple[bytes, str]:
    """(first part of its output, why it was ended or ""). Output beyond the limit is read and dropped."""
    assert child.stdin is not None and child.stdout is not None  # noqa: S101 - both are pipes
    child.stdin.write(told)
    child.stdin.close()
    deadline, output = time.monotonic() + time_s, bytearray()
    with selectors.DefaultSelector() as waiting, child.stdout as stream:
        waiting.register(stream, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if stopped():
                return bytes(output), "stopped"
            if not waiting.select(min(0.2, max(0.0, deadline - time.monotonic()))):
                continue
            part = os.read(stream.fileno(), 65536)
            if not part:
                return bytes(output), "" if _ends(child, deadline) else f"took longer than {time_s:g} s"
            output += part[: max(0, LONGEST_OUTPUT - len(output))]
    return bytes(output), f"took longer than {time_s:g} s"


def _ends(child: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        child.wait(timeout=max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _judged(code: int, text: str, written: bytes) -> Ended:
    try:
        result = json.loads(written) if written else None
    except ValueError as error:
        return Ended(code, text, None, f"what it wrote to $RESULT is no JSON: {error}")
    if code > 128:
        return Ended(code, text, None, f"was ended by {_signal(code - 128)}: a limit was reached, or it broke")
    return Ended(code, text, result, "" if code == 0 else f"ended with status {code}")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
