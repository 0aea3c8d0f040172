"""What a script in the sandbox can and cannot do, on this machine's real kernel."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from seeops.automation.workflows.sandbox import Ended, SandboxRefused, run_script
from tests.polling import eventually


def run(code: str, *, language: str = "python", **more: Any) -> Ended:
    limits = {"time_s": 20, "cpu_s": 10, "memory_mb": 256, "inputs": {}, **more}
    return run_script(language=language, code=code, **limits)


def test_inputs_go_in_and_a_result_comes_out():
    code = "import json, os\nx = json.load(open(os.environ['INPUTS']))\njson.dump({'n': x['n'] + 1}, open(os.environ['RESULT'], 'w'))\nprint('said')"
    ended = run(code, inputs={"n": 41})
    assert (ended.exit_code, ended.output, ended.result, ended.problem) == (0, "said\n", {"n": 42}, "")
    ended = run("echo $HOME; exit 3", language="shell")
    assert (ended.exit_code, ended.output, ended.result) == (3, "/work\n", None)
    assert ended.problem
    assert "no JSON" in run("open('result.json', 'w').write('{')").problem


def test_nothing_of_this_machine_is_seen(tmp_path, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o644)
    monkeypatch.setenv("DATABASE_PASSWORD", "x")
    here = [str(secret), str(Path(__file__)), "/etc/passwd", "/etc/shadow", "/var/log", "/home", "/sys/kernel"]
    code = f"""
import os
print([p for p in {here!r} if os.path.exists(p)], sorted(os.environ), os.getuid() != 0)
print(len([p for p in os.listdir('/proc') if p.isdigit()]) < 6, [k for k in open('/proc/self/status') if k.startswith('CapEff')])
for path in ('/usr/x', '/x', '/proc/sys/kernel/hostname'):
    try:
        open(path, 'w')
        print('wrote', path)
    except OSError:
        pass
"""
    ended = run(code)
    assert ended.problem == "", ended.output
    first, second, *others = ended.output.splitlines()
    assert first == "[] ['HOME', 'INPUTS', 'LANG', 'PATH', 'PWD', 'RESULT'] True".replace("'PWD', ", "")
    assert second == "True ['CapEff:\\t0000000000000000\\n']"
    assert others == []


def test_the_network_is_there_only_when_allowed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)\nprint('reached')"
        assert "reached" not in run(code).output
        assert "reached" in run(code, network=True).output


@pytest.mark.parametrize(
    ("code", "limits", "words"),
    [
        ("x = bytearray(200 << 20)", {"memory_mb": 64}, "status 1"),
        ("while True: pass", {"cpu_s": 1}, "SIG"),
        ("import time; time.sleep(60)", {"time_s": 0.7}, "longer than"),
        ("open('big', 'wb').write(bytes(40 << 20))", {}, "status|SIG"),
        ("import os\nn = 0\ntry:\n    while True:\n        if os.fork() == 0:\n            import time; time.sleep(9)\n        n += 1\nexcept OSError:\n    os._exit(7 if n < 100 else 1)",
         {}, "status 7"),
    ],
)  # fmt: skip
def test_limits_end_a_script(code, limits, words):
    import re

    started = time.monotonic()
    ended = run(code, **limits)
    assert re.search(words, ended.problem), ended
    assert time.monotonic() - started < 15


def test_endless_output_is_cut_and_a_stop_is_heard():
    assert len(run("import sys\nfor _ in range(50000): sys.stdout.write('x' * 40)").output) == 65536
    stop = threading.Event()
    stop.set()
    assert run("import time; time.sleep(60)", stopped=stop.is_set).problem == "stopped"


def test_the_script_dies_with_who_started_it():
    starter = (
        "from seeops.automation.workflows.sandbox import run_script\n"
        "run_script(language='shell', code='sleep 61.5', inputs={}, time_s=60, cpu_s=5, memory_mb=64)"
    )
    process = subprocess.Popen([sys.executable, "-c", starter], cwd=Path(__file__).parents[3])
    sleeping = eventually(
        lambda: [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "61.5"]],
        lambda: f"the script runs (its starter: {process.poll()})",
    )
    process.kill()
    process.wait()
    _gone, alive = psutil.wait_procs(sleeping, timeout=10)
    assert alive == []


def test_without_namespaces_nothing_is_run(monkeypatch, tmp_path):
    refusing = tmp_path / "child.py"
    refusing.write_text(
        "import os, sys\nsys.stdin.read()\nos.write(2, b'sandbox: new namespaces: Operation not permitted')\nos._exit(97)"
    )
    refusing.chmod(0o644)
    monkeypatch.setattr("seeops.automation.workflows.sandbox.CHILD", refusing)
    with pytest.raises(SandboxRefused, match="Operation not permitted"):
        run("print(1)")
    assert os.getpid()
