"""The virtual environment with exactly the pinned packages, made by uv where it installs, else by pip."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from . import debian
from .errors import SetupError
from .paths import LOGS, ROOT, SHARED_VAR, STAMPS, TOOLS, VENV, VENV_PYTHON
from .processes import run_logged
from .report import StepNote
from .stamps import Stamp, digest

REQUIREMENTS = ROOT / "requirements.txt"
SOAK_REQUIREMENTS = Path(__file__).with_name("requirements-soak.txt")
CONSTRAINTS = Path(__file__).with_name("constraints.txt")
LOG = LOGS / "setup-venv.log"
NO_REGISTRY = "The Python packages could not be installed: check that the package registry (PyPI) can be reached, then run the same command again"

NO_BUILD = "QuickFIX could not be built: it needs a C++ compiler (Debian package g++) and the package registry"


def ensure(note: StepNote) -> None:
    """Make `.venv` hold what requirements.txt pins; does nothing when it already does."""
    stamp = Stamp(STAMPS, "venv", digest(REQUIREMENTS, CONSTRAINTS, sys.version))
    if stamp.is_current() and VENV_PYTHON.exists():
        note.set("unchanged")
        return
    stamp.forget()
    _create()
    note.set(_install(REQUIREMENTS, NO_REGISTRY))
    stamp.write()


def ensure_soak(note: StepNote) -> None:
    """What only the soak tests need: packages that are built from source for minutes, which nobody else should wait for."""
    stamp = Stamp(STAMPS, "venv-soak", digest(REQUIREMENTS, SOAK_REQUIREMENTS, CONSTRAINTS, sys.version))
    if stamp.is_current():
        note.set("unchanged")
        return
    stamp.forget()
    note.set(_install(SOAK_REQUIREMENTS, NO_BUILD))
    stamp.write()


def _install(requirements: Path, sorry: str) -> str:
    environment = {**os.environ, "VIRTUAL_ENV": str(VENV), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    uv = _uv(environment)
    if uv:
        command = [uv, "pip", "install", "--python", VENV_PYTHON, "--compile-bytecode"]
    else:
        command = [VENV_PYTHON, "-m", "pip", "install"]
    run_logged([*command, "-r", requirements, "-c", CONSTRAINTS], LOG, sorry=sorry, env=environment)
    return "installed with uv" if uv else "installed with pip"


def _create() -> None:
    if VENV_PYTHON.exists() and subprocess.run([VENV_PYTHON, "-c", "pass"], check=False, timeout=60).returncode == 0:
        return
    if importlib.util.find_spec("venv") is None:
        raise SetupError(f"{sys.executable} lacks the module venv: install the Debian package python3-venv.")
    run_logged(
        [sys.executable, "-m", "venv", "--clear", "--without-pip", VENV],
        LOG,
        sorry=f"The virtual environment {VENV} could not be made",
    )


def _uv(environment: dict[str, str]) -> Path | None:
    """Path of uv in the environment; None when it does not install here."""
    uv = VENV / "bin" / "uv"
    if not uv.exists():
        _ensure_pip(environment)
        pins = ["-c", str(CONSTRAINTS)]
        done = subprocess.run(
            [VENV_PYTHON, "-m", "pip", "install", "--quiet", "uv", *pins],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=600,
            check=False,
        )
        if done.returncode:
            with LOG.open("ab") as log:
                log.write(done.stdout + done.stderr)
            return None
    return uv


def _ensure_pip(environment: dict[str, str]) -> None:
    """Bring pip into the environment: from Python itself, or, where Debian split it off, from Debian's pip wheel."""
    if (
        subprocess.run([VENV_PYTHON, "-m", "pip", "--version"], capture_output=True, check=False, timeout=60).returncode
        == 0
    ):
        return
    if importlib.util.find_spec("ensurepip") is not None:
        run_logged(
            [VENV_PYTHON, "-m", "ensurepip", "--upgrade"], LOG, sorry="pip could not be installed", env=environment
        )
        return
    debian.unpack(["python3-pip-whl"], TOOLS / "pip")
    wheels = sorted((TOOLS / "pip" / "usr" / "share" / "python-wheels").glob("pip-*.whl"))
    if not wheels:
        raise SetupError("Debian's package python3-pip-whl holds no pip: install the Debian package python3-venv.")
    run_logged(
        [VENV_PYTHON, f"{wheels[-1]}/pip", "install", "pip"],
        LOG,
        sorry=NO_REGISTRY,
        env=environment,
        cwd=SHARED_VAR,
    )
