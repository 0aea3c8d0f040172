"""The set-up: every step once, each with its line; steps whose inputs did not change take no time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import checks, database, frontend, monitoring, tools, venv
from .credentials import Secrets, load_people, load_secrets
from .errors import SetupError
from .files import private_folder
from .paths import ROOT, SHARED_VAR, STAMPS, STATIC_BUILD, STATIC_ROOT, VENV_PYTHON, Instance
from .processes import run_logged
from .report import StepNote, step
from .stamps import Stamp, digest
from .surroundings import embedded_parts, process_environment, variables, write_environment


@dataclass(frozen=True)
class Prepared:
    """A set-up instance: its secrets, the variables of its parts, the environment of its processes, what is embedded."""

    instance: Instance
    secrets: Secrets
    variables: dict[str, str]
    environment: dict[str, str]
    embedded: set[str]


def setup(
    instance: Instance, *, for_tests: bool = False, for_soak: bool = False, only_shared: bool = False
) -> Prepared | None:
    """Do all steps in order. Raises SetupError with one sentence when one cannot be done; run again, it goes on there."""
    with _one_at_a_time():
        _check_machine(instance)
        with step("Python packages") as note:
            venv.ensure(note)
        if for_soak:
            with step("Packages of the soak tests (built from source once)") as note:
                venv.ensure_soak(note)
        if "prometheus" in embedded_parts() or "alertmanager" in embedded_parts() or for_tests:
            with step("Prometheus and Alertmanager") as note:
                tools.ensure_monitoring(note)
        if for_tests:
            with step("Browser and fonts for the tests") as note:
                tools.ensure_browser(note)
            with step("SSH server and client for the tests") as note:
                tools.ensure_ssh(note)
        with step("Front-end packages and bundle") as note:
            frontend.ensure(note)
        with step("Translation catalogues") as note:
            _compile_catalogues(note)
        with step("Static files") as note:
            _collect_static(note)
        with step("Compiled matching core") as note:
            _warm_numba(note)
        return None if only_shared else _prepare(instance)


def _prepare(instance: Instance) -> Prepared:
    """The steps that belong to one instance: secrets, database, packages of the cluster."""
    private_folder(instance.var / "run")
    instance.log.mkdir(parents=True, exist_ok=True)
    _link_static(instance)
    with step("Secrets and demo people"):
        secrets = load_secrets(instance)
        load_people(instance)
    given = variables(instance, secrets)
    write_environment(instance, given)
    environment = process_environment(instance, given)
    embedded = embedded_parts()
    with step("Packages of the cluster's services") as note:
        _build_packages(instance, environment, note)
    if "postgres" in embedded:
        with step("PostgreSQL data folder") as note:
            database.ensure_created(instance, secrets, note)
    with step("Database, demo people, inventory") as note:
        database.ensure_filled(instance, secrets, environment, "postgres" in embedded, note)
    if "prometheus" in embedded or "alertmanager" in embedded:
        monitoring.write_configuration(instance, given)
        _check_monitoring(instance)
    return Prepared(instance, secrets, given, environment, embedded)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two set-ups of one checkout never write at the same time; the second waits for the first."""
    SHARED_VAR.mkdir(exist_ok=True)
    with (SHARED_VAR / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check_machine(instance: Instance) -> None:
    with step("Python, tools, disk"):
        checks.check_python()
        checks.check_tools()
        first_time = not (STAMPS / "venv").exists()
        checks.check_disk(SHARED_VAR, checks.DISK_FOR_SETUP if first_time else checks.DISK_FOR_RUN)
        checks.check_disk(instance.var, checks.DISK_FOR_RUN)
        for folder in (SHARED_VAR, instance.var):
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK):
                raise SetupError(f"{folder} may not be written by this user: run as its owner.")


def _stamped(name: str, inputs: str, proof: Callable[[], bool], note: StepNote, work: Callable[[], str]) -> None:
    stamp = Stamp(STAMPS, name, inputs)
    if stamp.is_current() and proof():
        note.set("unchanged")
        return
    stamp.forget()
    note.set(work())
    stamp.write()


def _compile_catalogues(note: StepNote) -> None:
    sources = sorted((ROOT / "seeops").rglob("*.po"))

    def work() -> str:
        command = [VENV_PYTHON, "-m", "seeops.bootstrap.catalogues", *sources]
        run_logged(command, SHARED_VAR / "log" / "setup-catalogues.log", sorry="A catalogue is not valid", cwd=ROOT)
        return f"{len(sources)} compiled"

    _stamped("catalogues", digest(sources), lambda: all(po.with_suffix(".mo").exists() for po in sources), note, work)


def _collect_static(note: StepNote) -> None:
    folders = [STATIC_BUILD, *(ROOT / "seeops").glob("*/static")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    inputs = digest(ROOT / "requirements.txt", *(f"{path.relative_to(ROOT)}:{digest(path)}" for path in sorted(files)))

    def work() -> str:
        environment = {**os.environ, "SEEOPS_VAR": str(SHARED_VAR), "SEEOPS_COLLECT": "1"}
        run_logged(
            [VENV_PYTHON, ROOT / "manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
            SHARED_VAR / "log" / "setup-static.log",
            sorry="The static files could not be collected",
            env=environment,
            cwd=ROOT,
        )
        return "collected"

    _stamped("static", inputs, lambda: (STATIC_ROOT / "staticfiles.json").exists(), note, work)


def _warm_numba(note: StepNote) -> None:
    """Compile the hot loops into the cache now, so that no shard does it while orders wait."""
    folders = [ROOT / "trading_sim" / part for part in ("matching", "risk", "ledger", "shard", "surveillance")]
    sources = [path for folder in folders for path in folder.rglob("*.py")]
    cache = SHARED_VAR / "numba-cache"

    def work() -> str:
        for module, what in (("shard", "The matching core"), ("surveillance", "The surveillance")):
            run_logged(
                [VENV_PYTHON, "-m", f"trading_sim.{module}.warm"],
                SHARED_VAR / "log" / f"setup-warm-{module}.log",
                sorry=f"{what} could not be compiled",
                env={**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)},
                cwd=ROOT,
            )
        return "compiled"

    _stamped("numba", digest(sources, ROOT / "requirements.txt"), cache.is_dir, note, work)


def _link_static(instance: Instance) -> None:
    """Another instance of the same checkout serves the same static files."""
    if instance.var == SHARED_VAR:
        return
    for shared in (STATIC_BUILD, STATIC_ROOT):
        link = instance.var / shared.name
        if not link.is_symlink():
            link.symlink_to(shared, target_is_directory=True)


def _build_packages(instance: Instance, environment: dict[str, str], note: StepNote) -> None:
    folder = ROOT / "trading_sim"
    sources = [path for pattern in ("*.py", "*.yaml") for path in folder.rglob(pattern)]
    stamp = Stamp(instance.stamps, "packages", digest(sources))
    if stamp.is_current() and (instance.packages / "index.json").exists():
        note.set("unchanged")
        return
    stamp.forget()
    run_logged(
        [VENV_PYTHON, "-m", "trading_sim", "packages", "--out", instance.packages],
        instance.log / "setup-packages.log",
        sorry="The packages of the cluster's services could not be built",
        env=environment,
        cwd=ROOT,
    )
    stamp.write()
    note.set("built")


def _check_monitoring(instance: Instance) -> None:
    """Checked by their own tools when templates or rules changed; their start would only fail later and less clearly."""
    written = [instance.run / "prometheus.yml", instance.run / "alertmanager.yml"]
    stamp = Stamp(instance.stamps, "monitoring-configuration", digest([*written, *monitoring.rule_files()]))
    if not stamp.is_current():
        with step("Prometheus and Alertmanager configuration"):
            monitoring.check_configuration(instance)
        stamp.write()


def missing_sources(root: Path = ROOT) -> list[str]:
    """Parts of the checkout without which nothing can be set up."""
    return [
        name for name in ("manage.py", "requirements.txt", "trading_sim", "dashboards") if not (root / name).exists()
    ]
