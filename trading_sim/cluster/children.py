"""The processes of a cluster: started, watched, started again when they die, and gone when their supervisor is."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)
PR_SET_PDEATHSIG = 1
FIRST_DELAY_S = 0.3
LONGEST_DELAY_S = 5.0
STEADY_AFTER_S = 10.0
STOP_WAIT_S = 8.0
LOG_LIMIT_BYTES = 8 * 2**20
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    """Runs in the child before its program: the kernel kills it when the supervisor dies, however that happens."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass
class Child:
    """One process. `held_until` (monotonic) keeps it down after a kill; `delay_s` grows while it dies young."""

    name: str
    argv: list[str]
    log_file: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    started_at: float = 0.0
    began: float = 0.0
    restarts: int = -1
    delay_s: float = FIRST_DELAY_S
    held_until: float = 0.0
    paused: bool = False
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    def describe(self) -> dict:
        held = max(0.0, self.held_until - time.monotonic())
        return {
            "pid": self.process.pid if self.running() else None, "running": self.running(), "paused": self.paused,
            "restarts": max(self.restarts, 0), "started_at": self.started_at, "held_s": round(held, 1),
            "last_exit": None if self.process is None else self.process.returncode, "log": str(self.log_file),
        }  # fmt: skip

    async def start(self) -> None:
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_LIMIT_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        with self.log_file.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *self.argv, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                env=os.environ | self.environment, preexec_fn=_die_with_parent,
            )  # fmt: skip
        self.paused, self.restarts = False, self.restarts + 1
        self.started_at, self.began = time.time(), time.monotonic()

    def signal(self, number: int) -> bool:
        """Send a signal; False when the process is not running."""
        if not self.running():
            return False
        try:
            self.process.send_signal(number)
        except ProcessLookupError:
            return False
        return True


class Family:
    """Keeps children running until `stop`."""

    def __init__(self, children: list[Child]):
        self.children = {child.name: child for child in children}
        self.stopping = False
        self._keepers: list[asyncio.Task] = []
        self._resumes: dict[str, asyncio.TimerHandle] = {}

    def start(self) -> None:
        self._keepers = [asyncio.create_task(self._keep(child)) for child in self.children.values()]

    async def _keep(self, child: Child) -> None:
        while not self.stopping:
            await child.start()
            code = await child.process.wait()
            if self.stopping:
                return
            lived = time.monotonic() - child.began
            child.delay_s = FIRST_DELAY_S if lived > STEADY_AFTER_S else min(child.delay_s * 2, LONGEST_DELAY_S)
            log.warning("%s ended with %s after %.1f s; it is started again", child.name, code, lived)
            wait = max(child.delay_s, child.held_until - time.monotonic())
            child.wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.wake.wait(), wait)

    def kill(self, child: Child, hold_s: float) -> bool:
        """kill -9; the process stays down for `hold_s` seconds or until `resume`."""
        child.held_until = time.monotonic() + hold_s
        return child.signal(signal.SIGKILL)

    def pause(self, child: Child, lease_s: float) -> bool:
        """Stop the process (SIGSTOP) for at most `lease_s` seconds."""
        if not child.signal(signal.SIGSTOP):
            return False
        child.paused = True
        self._forget_resume(child)
        self._resumes[child.name] = asyncio.get_running_loop().call_later(lease_s, self.resume, child)
        return True

    def resume(self, child: Child) -> bool:
        """End a pause or a hold."""
        self._forget_resume(child)
        child.held_until, child.paused = 0.0, False
        child.wake.set()
        return child.signal(signal.SIGCONT)

    def _forget_resume(self, child: Child) -> None:
        handle = self._resumes.pop(child.name, None)
        if handle:
            handle.cancel()

    async def stop(self) -> None:
        """Ask all children to end, then make those that do not."""
        self.stopping = True
        for child in self.children.values():
            child.signal(signal.SIGCONT)
            child.signal(signal.SIGTERM)
            child.wake.set()
        _, late = await asyncio.wait(self._keepers, timeout=STOP_WAIT_S) if self._keepers else (set(), set())
        if late:
            for child in self.children.values():
                if child.signal(signal.SIGKILL):
                    log.warning("%s did not end within %.0f s and was killed", child.name, STOP_WAIT_S)
            await asyncio.wait(late, timeout=STOP_WAIT_S)
        for keeper in self._keepers:
            if keeper.done() and not keeper.cancelled() and keeper.exception():
                log.error("keeper failed", exc_info=keeper.exception())
