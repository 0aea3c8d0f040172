"""Writes every callback as a line of JSON to the file named by RECORDING: what a strategy did, in its order."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: recording
type: stdout
short_description: Every callback as a line of JSON
description: For comparing strategies.
"""
# What differs from run to run whatever the strategy.
CHANGING = {
    "start",
    "end",
    "delta",
    "ansible_job_id",
    "results_file",
    "exception",
    "invocation",
    "pid",
    "started_at",
    "finished_at",
}


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "recording"

    def __init__(self):
        super().__init__()
        self._file = Path(os.environ["RECORDING"]).open("w")  # noqa: SIM115 - open until the last callback

    def _write(self, kind, host, task, data):
        self._file.write(json.dumps([kind, host, task, _stable(data)], sort_keys=True, default=str) + "\n")
        self._file.flush()

    def _result(self, kind, result, **more):
        self._write(kind, result.host.name, result.task.get_name(), dict(result.result) | more)

    def v2_runner_on_start(self, host, task):
        self._write("start", host.name, task.get_name(), {})

    def v2_runner_on_ok(self, result):
        self._result("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result("failed", result, ignored=ignore_errors)

    def v2_runner_on_unreachable(self, result):
        self._result("unreachable", result)

    def v2_runner_on_skipped(self, result):
        self._result("skipped", result)

    def v2_runner_item_on_ok(self, result):
        self._result("item ok", result)

    def v2_runner_item_on_failed(self, result):
        self._result("item failed", result)

    def v2_runner_item_on_skipped(self, result):
        self._result("item skipped", result)

    def v2_runner_retry(self, result):
        self._result("retry", result)

    def v2_on_file_diff(self, result):
        self._result("diff", result)

    def v2_playbook_on_notify(self, handler, host):
        self._write("notify", host.name, handler.get_name(), {})

    def v2_playbook_on_play_start(self, play):
        self._write("play", "", play.get_name(), {})

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._write("task", "", task.get_name(), {})

    def v2_playbook_on_handler_task_start(self, task):
        self._write("handler", "", task.get_name(), {})

    def v2_playbook_on_no_hosts_remaining(self):
        self._write("no hosts remaining", "", "", {})

    def v2_playbook_on_include(self, included_file):
        for host in included_file._hosts:
            self._write("include", host.name, "", {})

    def v2_playbook_on_stats(self, stats):
        for host in sorted(stats.processed):
            self._write("stats", host, "", stats.summarize(host))
        self._write("custom", "", "", dict(stats.custom))
        self._file.close()


def _stable(value):
    if isinstance(value, dict):
        return {key: _stable(item) for key, item in value.items() if key not in CHANGING}
    if isinstance(value, list):
        return [_stable(item) for item in value]
    return value
