# SPDX-License-Identifier: GPL-3.0-or-later
"""The event stream for ansible-runner, slim: whole events inside the output, results in groups.

Ansible-runner loads the stdout callback `awx_display` from AWX_LIB_DIRECTORY and understands events that are hidden in the
output between escape sequences. Its own callback writes a file per event; this one writes none and sends up to BATCH results
as one event `runner_batch`: {"results": [{"h": host, "t": task, "s": status, "c": changed, "m": message, "d": data, "at": s}]}.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import signal
import sys
import time
import uuid

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: awx_display
type: stdout
short_description: Slim event stream for ansible-runner
description: Sends results in groups inside the output.
"""

BATCH = 50
OLDEST_S = 0.25
LARGEST_DATA = 16_000
NOT_BEGUN = "seeops_not_begun"  # what the fleet strategy calls hosts that a spent budget kept from being begun
_PR_SET_PDEATHSIG = 1
_CHECKS = frozenset({"validate_argument_spec", "ansible.builtin.validate_argument_spec"})
_HIDDEN = frozenset({"invocation", "ansible_facts", "exception", "_ansible_no_log", "diff"})


def _die_with_parent() -> None:
    """Whoever starts the playbook owns it: when that process is killed, neither the playbook nor a worker lives on."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if os.environ.get("SEEOPS_RUN_ID"):
    _die_with_parent()
    os.register_at_fork(after_in_child=_die_with_parent)


def _token(value: dict) -> None:
    text = base64.b64encode(json.dumps(value, separators=(",", ":"), default=str).encode()).decode()
    sys.stdout.write(f"\x1b[K{text}\x1b[{len(text)}D\x1b[K")


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "awx_display"

    def __init__(self) -> None:
        super().__init__()
        self._results: list[dict] = []
        self._sent = time.monotonic()

    def _send(self, event: str, data: dict) -> None:
        _token({"event": event, "uuid": str(uuid.uuid4()), "created": time.time(), "event_data": data})
        _token({})
        sys.stdout.flush()

    def _flush(self) -> None:
        if self._results:
            results, self._results = self._results, []
            self._send("runner_batch", {"results": results})
        self._sent = time.monotonic()

    def _note(self, status: str, result) -> None:
        answer = result._result
        if answer.get("_ansible_no_log"):
            data: dict = {"censored": True}
        else:
            data = {
                key: value for key, value in answer.items() if key not in _HIDDEN and not key.startswith("_ansible")
            }
        message = data.pop("msg", "")
        if len(json.dumps(data, default=str)) > LARGEST_DATA:
            data = {"cut": f"more than {LARGEST_DATA} characters"}
        self._results.append(
            {
                "h": result._host.name, "t": result._task.get_name(), "s": status, "c": bool(answer.get("changed")),
                "m": message if isinstance(message, str) else json.dumps(message, default=str), "d": data,
                "at": time.time(),
            }
        )  # fmt: skip
        if len(self._results) >= BATCH or time.monotonic() - self._sent > OLDEST_S:
            self._flush()

    def v2_runner_on_ok(self, result) -> None:
        # That options are valid is worth a line only when they are not.
        if result._task.action not in _CHECKS:
            self._note("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False) -> None:
        self._note("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result) -> None:
        self._note("unreachable", result)

    def v2_runner_on_skipped(self, result) -> None:
        self._note("skipped", result)

    def v2_playbook_on_play_start(self, play) -> None:
        self._flush()
        self._send("playbook_on_play_start", {"play": play.get_name().strip()})

    def v2_playbook_on_task_start(self, task, is_conditional) -> None:
        self._flush()
        self._send("playbook_on_task_start", {"task": task.get_name()})

    def v2_playbook_on_no_hosts_matched(self) -> None:
        self._send("playbook_on_no_hosts_matched", {})

    def v2_playbook_on_stats(self, stats) -> None:
        self._flush()
        summary = {host: stats.summarize(host) for host in sorted(stats.processed)}
        bad = [host for host, counts in summary.items() if counts["failures"] or counts["unreachable"]]
        not_begun = set(stats.custom.get("_run", {}).get(NOT_BEGUN, ()))
        finished = [host for host in summary if host not in not_begun]
        self._send("playbook_on_stats", {"hosts": len(summary), "failed": len(bad), "finished": finished})
