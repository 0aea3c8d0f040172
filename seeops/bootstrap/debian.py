"""Programs from Debian's packages without root and without installing them: download, check, unpack into a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import SetupError
from .paths import LOGS, TOOLS
from .processes import run_logged

LOG = LOGS / "setup-debian.log"
STATE = TOOLS / "apt"
NO_MIRROR = "Debian's packages could not be fetched: check that the package mirror can be reached, then run the same command again"


def unpack(packages: Sequence[str], folder: Path, *, with_dependencies: bool = False) -> list[str]:
    """Unpack packages into `folder`, replacing it; with dependencies: also those that this machine lacks.

    Returns the file names of the packages. apt checks their digests. Raises SetupError when the mirror does not answer.
    """
    downloads = folder.with_name(f"{folder.name}.download")
    fresh = folder.with_name(f"{folder.name}.new")
    for place in (downloads, fresh):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    try:
        _download(packages, downloads, with_dependencies)
        archives = sorted(downloads.glob("*.deb"))
        if not archives:
            raise SetupError(f"{NO_MIRROR} (nothing came for {', '.join(packages)}; see {LOG}).")
        for archive in archives:
            run_logged(["dpkg", "-x", archive, fresh], LOG, sorry=f"{archive.name} could not be unpacked")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.replace(folder)
    finally:
        shutil.rmtree(downloads, ignore_errors=True)
        shutil.rmtree(fresh, ignore_errors=True)
    return [archive.name for archive in archives]


def _download(packages: Sequence[str], downloads: Path, with_dependencies: bool) -> None:
    """Try with the package lists of the machine (root only, they may be old); then with lists of our own."""
    if os.geteuid() == 0 and any(Path("/var/lib/apt/lists").glob("*_Packages*")):
        try:
            _fetch(packages, downloads, with_dependencies, [])
            return
        except SetupError as error:
            with LOG.open("a") as log:
                log.write(f"The machine's own package lists do not serve ({error}); fetching fresh ones.\n")
    options = own_state_options(STATE)
    run_logged(["apt-get", *options, "update"], LOG, sorry=NO_MIRROR, timeout_s=600)
    _fetch(packages, downloads, with_dependencies, options)


def own_state_options(state: Path) -> list[str]:
    """apt options that keep lists and caches in `state`, so that no root is needed; what is installed stays known."""
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True, exist_ok=True)
    settings = {
        "Dir::State": state,
        "Dir::State::lists": state / "lists",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": state / "cache",
        "Debug::NoLocking": "1",
    }
    return [argument for name, value in settings.items() for argument in ("-o", f"{name}={value}")]


def _fetch(packages: Sequence[str], downloads: Path, with_dependencies: bool, options: list[str]) -> None:
    names = missing_closure(packages, options) if with_dependencies else list(packages)
    # The user that apt drops to may not be allowed into our folder; it then warns and fetches as root.
    sandbox = ["-o", f"APT::Sandbox::User={'root' if os.geteuid() == 0 else ''}"]
    run_logged(["apt-get", *options, *sandbox, "download", *names], LOG, sorry=NO_MIRROR, cwd=downloads, timeout_s=1200)


def missing_closure(packages: Sequence[str], options: Sequence[str]) -> list[str]:
    """The packages and all dependencies of them that are not installed on this machine, as apt would install them."""
    done = subprocess.run(
        [
            "apt-get",
            *options,
            "--simulate",
            "--no-install-recommends",
            "-o",
            "Debug::NoLocking=1",
            "install",
            *packages,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    if done.returncode:
        raise SetupError(f"{NO_MIRROR} ({(done.stderr.strip().splitlines() or ['no answer'])[-1]}).")
    return parse_simulation(done.stdout) or list(packages)


def parse_simulation(text: str) -> list[str]:
    """Names on the `Inst` lines of `apt-get --simulate install`."""
    return [line.split()[1] for line in text.splitlines() if line.startswith("Inst ")]
