"""Hosts on loopback that are reached by SSH: a server, a key, a folder and a supervised service each, no agent."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seeops.bootstrap import tools
from seeops.environment import BASE_DIR
from tests.embedded import free_port
from tests.polling import eventually

PLAYBOOKS = BASE_DIR / "playbooks"
# The service: writes a line when it starts and waits. Its supervisor starts it again whenever it ends.
SERVICE = "import pathlib, signal\npathlib.Path('starts').open('a').write('x')\nsignal.pause()\n"
SUPERVISOR = """import pathlib, signal, subprocess, sys
child = None
def begin():
    global child
    child = subprocess.Popen([sys.executable, '-S', '-E', '-c', pathlib.Path('service.py').read_text()])
    pathlib.Path('pid').write_text(str(child.pid))
def stop(*_):
    child.kill()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
begin()
while True:
    child.wait()
    begin()
"""
# What restarts it, as the module is told to: ends the process and waits until another one runs.
RESTART = """import os, pathlib, sys, time
root = pathlib.Path(sys.argv[1])
before = (root / 'pid').read_text()
os.kill(int(before), 9)
ends = time.monotonic() + 20
while (root / 'pid').read_text() in ('', before):
    if time.monotonic() > ends:
        sys.exit('the supervisor does not start the service')
    time.sleep(0.02)
"""
# Started by root, the server wants a user and a folder that only its package would make; they exist in its own view alone.
OWN_VIEW = 'mount -t tmpfs none /run && mkdir /run/sshd && mount --bind "$0" /etc/passwd && exec "$@"'


@dataclass
class Host:
    name: str
    port: int
    root: Path

    @property
    def starts(self) -> int:
        return len((self.root / "starts").read_text())

    @property
    def version(self) -> str:
        return (self.root / "current").readlink().name


@dataclass
class Site:
    """`sockets` is a short path of its own: a socket's address has room for about 100 characters."""

    folder: Path
    hosts: list[Host]
    sockets: Path

    def inventory(self, **variables: object) -> Path:
        """Everything that the playbook needs of each host; `{name}` in a value stands for the host's name."""
        path = self.folder / "inventory.json"
        common = {
            "ansible_host": "127.0.0.1", "ansible_user": getpass.getuser(), "ansible_python_interpreter": sys.executable,
            "ansible_ssh_executable": str(tools.ssh_program("ssh")),
            "ansible_ssh_private_key_file": str(self.folder / "user_key"),
            "ansible_ssh_common_args": f"-F /dev/null -o StrictHostKeyChecking=yes -o UserKnownHostsFile={self.folder / 'known_hosts'}",
            "ansible_control_path_dir": str(self.sockets), "ansible_remote_tmp": str(self.folder / "remote"),
        }  # fmt: skip
        listed = {}
        for host in self.hosts:
            restart = [sys.executable, str(self.folder / "restart.py"), str(host.root)]
            own = {"ansible_port": host.port, "release_root": str(host.root), "release_restart_command": restart}
            filled = {k: v.format(name=host.name) if isinstance(v, str) else v for k, v in variables.items()}
            listed[host.name] = common | own | filled
        path.write_text(json.dumps({"all": {"hosts": listed}}))
        return path

    def command(self, inventory: Path) -> tuple[list[str], dict[str, str]]:
        """How the playbook of releases is started, and in which environment."""
        environment = os.environ | tools.ssh_env() | {
            "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"), "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            "ANSIBLE_STDOUT_CALLBACK": "recording", "RECORDING": str(self.folder / "recorded"),
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "recording"), "ANSIBLE_NOCOLOR": "1",
            "HOME": str(self.folder),
        }  # fmt: skip
        program = str(Path(sys.executable).parent / "ansible-playbook")
        return [program, "-i", str(inventory), "-f", "10", str(PLAYBOOKS / "release.yml")], environment

    def play(self, **variables: object) -> dict[str, tuple[str, dict]]:
        """Run it to its end; host → (ok, failed or unreachable; what the module said)."""
        command, environment = self.command(self.inventory(**variables))
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)
        lines = [json.loads(line) for line in (self.folder / "recorded").read_text().splitlines()]
        assert lines[-1][0] == "custom", done.stdout + done.stderr
        return {
            host: (kind, data)
            for kind, host, task, data in lines
            if kind in ("ok", "failed", "unreachable") and "Bring the node" in task
        }


@contextlib.contextmanager
def ssh_site(folder: Path, count: int) -> Iterator[Site]:
    """`count` hosts with strict host keys; everything lies in `folder`, everything is ended at the end."""
    folder.chmod(0o700)
    for name in ("user_key", "host_key"):
        generate = [str(tools.ssh_program("ssh-keygen")), "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(generate, check=True, timeout=30, env=os.environ | tools.ssh_env())
    (folder / "authorized").write_text((folder / "user_key.pub").read_text())
    (folder / "restart.py").write_text(RESTART)
    with contextlib.ExitStack() as running:
        hosts = [_host(folder, f"host-{number:02d}", running) for number in range(1, count + 1)]
        key = " ".join((folder / "host_key.pub").read_text().split()[:2])
        (folder / "known_hosts").write_text("".join(f"[127.0.0.1]:{host.port} {key}\n" for host in hosts))
        sockets = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="cp-")))
        site = Site(folder, hosts, sockets)
        for host in hosts:
            eventually(lambda host=host: (host.root / "starts").exists(), f"the service of {host.name} runs", 30)
        yield site


def _host(folder: Path, name: str, running: contextlib.ExitStack) -> Host:
    root, port = folder / name, free_port()
    root.mkdir()
    (root / "service.py").write_text(SERVICE)
    config = folder / f"{name}.conf"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nAuthorizedKeysFile {folder}/authorized\nPidFile none\n"
        "UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
        f"StrictModes no\nMaxStartups 100\nSetEnv LD_LIBRARY_PATH={tools.ssh_env().get('LD_LIBRARY_PATH', '')}\n"
    )
    server = [str(tools.ssh_program("sshd")), "-D", "-e", "-f", str(config)]
    if os.geteuid() == 0:
        (folder / "passwd").write_text(
            f"{Path('/etc/passwd').read_text()}sshd:x:64000:65534::/run/sshd:/usr/sbin/nologin\n"
        )
        server = ["unshare", "-m", "sh", "-c", OWN_VIEW, str(folder / "passwd"), *server]
    log = running.enter_context((folder / f"{name}.log").open("wb"))
    for command, where in ((server, folder), ([sys.executable, "-S", "-E", "-c", SUPERVISOR], root)):
        process = subprocess.Popen(command, cwd=where, stdout=log, stderr=log, env=os.environ | tools.ssh_env())
        running.callback(process.wait, 10)
        running.callback(process.terminate)
    eventually(lambda: _answers(port), f"the server of {name} answers", 30)
    return Host(name, port, root)


def _answers(port: int) -> bool:
    """Whether an SSH server says hello there; before it does, its port may also be given to another host."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
