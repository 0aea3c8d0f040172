"""Programs outside Python that the product and its tests use, unpacked below var/tools: where they are, how to run them."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from xml.sax.saxutils import escape

from . import debian
from .errors import SetupError
from .files import write_atomic
from .paths import STAMPS, TOOLS
from .report import StepNote
from .stamps import Stamp, digest

MONITORING_PACKAGES = ("prometheus", "prometheus-alertmanager")
SSH_PACKAGES = ("openssh-server", "openssh-client")
BROWSER_PACKAGES = ("chromium", "fonts-wqy-microhei", "fonts-dejavu-core")
MONITORING = TOOLS / "monitoring"
BROWSER = TOOLS / "browser"
SSH = TOOLS / "ssh"
_SYSTEM_SSH = {"sshd": "/usr/sbin/sshd", "ssh": "/usr/bin/ssh", "ssh-keygen": "/usr/bin/ssh-keygen"}
SYSTEM_CHROMIUM = Path("/usr/bin/chromium")


def prometheus(program: str = "prometheus") -> Path:
    """Path of prometheus, promtool, prometheus-alertmanager or amtool: ours, else the system's own."""
    ours = MONITORING / "usr" / "bin" / program
    system = Path("/usr/bin") / program
    if ours.exists() or not system.exists():
        return ours
    return system


def ensure_monitoring(note: StepNote) -> None:
    """Unpack Prometheus and Alertmanager."""
    _ensure("monitoring", MONITORING_PACKAGES, MONITORING, prometheus(), note, with_dependencies=False)


def relocate_alertmanager(content: bytes) -> bytes:
    """Debian's Alertmanager looks for its templates below /usr/share, where only root can put them. Without the leading slash
    it looks below its working directory, which is the folder that it was unpacked into. The length stays the same.

    Raises SetupError when the program is not the one that this is known to fit.
    """
    literal = b"/usr/share/prometheus/alertmanager"
    uses = [at.start() for at in re.finditer(literal + b"(?!/)", content)]
    if len(uses) != 1:
        raise SetupError(
            "This Debian's Alertmanager cannot be run unpacked: install the package prometheus-alertmanager,"
            " or set ALERTMANAGER_URL to one that runs."
        )
    return content[: uses[0]] + literal[1:] + b"/" + content[uses[0] + len(literal) :]


def _relocate(folder: Path) -> None:
    program = folder / "usr" / "bin" / "prometheus-alertmanager"
    if not Path("/usr/share/prometheus/alertmanager/default.tmpl").exists():
        program.write_bytes(relocate_alertmanager(program.read_bytes()))


def ensure_browser(note: StepNote) -> None:
    """Unpack Chromium, what it needs, and fonts with Chinese characters, for the tests; nothing when the system has it."""
    if SYSTEM_CHROMIUM.exists() and _system_has_cjk_font():
        note.set("the system's own")
        return
    _ensure("browser", BROWSER_PACKAGES, BROWSER, BROWSER / "usr/lib/chromium/chromium", note, with_dependencies=True)
    _write_font_configuration()


def ensure_ssh(note: StepNote) -> None:
    """Unpack the SSH server and client, for the tests; nothing when the system has both."""
    if all(Path(place).exists() for place in _SYSTEM_SSH.values()):
        note.set("the system's own")
        return
    _ensure("ssh", SSH_PACKAGES, SSH, SSH / "usr/sbin/sshd", note, with_dependencies=True)


def ssh_program(name: str) -> Path:
    """Path of sshd, ssh or ssh-keygen: the system's own, else the unpacked one. Raises SetupError when there is neither."""
    system = Path(_SYSTEM_SSH[name])
    for candidate in (system, SSH / system.relative_to("/")):
        if candidate.exists():
            return candidate
    raise SetupError(f"No {name} for the tests: run `python3 -m seeops.bootstrap setup --tests`.")


def ssh_env() -> dict[str, str]:
    """Environment in which unpacked SSH programs find their libraries; the system's own need nothing."""
    triplet = f"{platform.machine()}-linux-gnu"
    libraries = [SSH / "usr/lib" / triplet, SSH / "lib" / triplet]
    return {"LD_LIBRARY_PATH": ":".join(str(path) for path in libraries)} if (SSH / "usr").exists() else {}


def _ensure(
    name: str, packages: tuple[str, ...], folder: Path, proof: Path, note: StepNote, *, with_dependencies: bool
) -> None:
    stamp = Stamp(STAMPS, name, digest(*packages, platform.machine(), "relocated"))
    if stamp.is_current() and proof.exists():
        note.set("unchanged")
        return
    stamp.forget()
    archives = debian.unpack(packages, folder, with_dependencies=with_dependencies)
    if name == "monitoring":
        _relocate(folder)
    if not proof.exists():
        raise SetupError(f"Debian's packages {', '.join(packages)} hold no {proof.name}: this needs Debian 12.")
    stamp.write()
    note.set(f"{len(archives)} packages unpacked")


def _system_has_cjk_font() -> bool:
    return any(Path("/usr/share/fonts").glob("**/*wqy*")) or any(Path("/usr/share/fonts").glob("**/*CJK*"))


def chromium_path() -> Path:
    """The browser for tests. Raises SetupError when neither the system nor the set-up has one."""
    ours = BROWSER / "usr/lib/chromium/chromium"
    for candidate in (ours, SYSTEM_CHROMIUM):
        if candidate.exists():
            return candidate
    raise SetupError("No browser for the tests: run `python3 -m seeops.bootstrap setup --tests`.")


def chromium_env() -> dict[str, str]:
    """Environment in which `chromium_path()` finds its libraries and fonts."""
    environment = dict(os.environ)
    if chromium_path() == SYSTEM_CHROMIUM:
        return environment
    triplet = f"{platform.machine()}-linux-gnu"
    libraries = [BROWSER / "usr/lib" / triplet, BROWSER / "lib" / triplet, BROWSER / "usr/lib/chromium"]
    inner = [path for path in (BROWSER / "usr/lib" / triplet).glob("*") if path.is_dir() and any(path.glob("*.so*"))]
    environment["LD_LIBRARY_PATH"] = ":".join(str(path) for path in [*libraries, *inner] if path.is_dir())
    environment["FONTCONFIG_FILE"] = str(TOOLS / "fonts.conf")
    environment["XDG_DATA_DIRS"] = f"{BROWSER / 'usr/share'}:/usr/local/share:/usr/share"
    return environment


def _write_font_configuration() -> None:
    """Fonts of the unpacked packages before the system's; families that pages ask for by their kind."""
    folders = "".join(
        f"<dir>{escape(str(path))}</dir>" for path in (BROWSER / "usr/share/fonts", Path("/usr/share/fonts"))
    )
    families = "".join(
        f"<alias><family>{kind}</family><prefer><family>{latin}</family><family>WenQuanYi Micro Hei</family></prefer></alias>"
        for kind, latin in (
            ("sans-serif", "DejaVu Sans"),
            ("sans", "DejaVu Sans"),
            ("system-ui", "DejaVu Sans"),
            ("serif", "DejaVu Serif"),
            ("monospace", "DejaVu Sans Mono"),
        )
    )
    write_atomic(
        TOOLS / "fonts.conf",
        '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">\n'
        f"<fontconfig>{folders}<cachedir>{escape(str(TOOLS / 'font-cache'))}</cachedir>{families}"
        '<match target="pattern"><edit name="family" mode="append_last"><string>DejaVu Sans</string></edit></match>'
        "</fontconfig>\n",
    )
