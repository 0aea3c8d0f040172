"""Command line of the bootstrap; the Makefile is the usual way to it."""

from __future__ import annotations

import argparse
import shutil
import sys

from . import checks, frontend, postgres, product, setup, venv
from .errors import SetupError
from .paths import ROOT, SHARED_VAR, VENV, Instance
from .processes import members
from .report import complain, say, step


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Failures meant for people end as one sentence and status 1."""
    options = _parser().parse_args(arguments)
    instance = Instance.from_environment()
    try:
        options.command(instance, options)
    except SetupError as error:
        complain(f"\n{error}")
        return 1
    except OSError as error:
        if error.errno == 28:  # no space left on device
            complain(
                f"\nThe disk of {error.filename or SHARED_VAR} is full: free some space there, then run the same command again."
            )
            return 1
        raise
    except KeyboardInterrupt:
        complain("\nInterrupted; the same command goes on where this stopped.")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m seeops.bootstrap", description=__doc__)
    commands = parser.add_subparsers(required=True)
    add = commands.add_parser("setup", help="make everything ready, start nothing")
    add.add_argument("--tests", action="store_true", help="also what the tests need: a browser and fonts")
    add.add_argument("--soak", action="store_true", help="also what the soak tests need; built from source for minutes")
    add.set_defaults(command=_setup)
    commands.add_parser("run", help="set up and start, stay in the foreground").set_defaults(command=_run)
    commands.add_parser("down", help="stop everything").set_defaults(command=_down)
    commands.add_parser("clean", help="delete all generated state, data included").set_defaults(command=_clean)
    commands.add_parser("frontend", help="bundle the front-end").set_defaults(command=_frontend)
    commands.add_parser("become-postgres", help="used by the supervisor").set_defaults(command=_become_postgres)
    return parser


def _setup(instance: Instance, options: argparse.Namespace) -> None:
    # Tests bring up instances of their own; a product that runs keeps its database to itself.
    setup.setup(instance, for_tests=options.tests, for_soak=options.soak, only_shared=options.tests)


def _run(instance: Instance, options: argparse.Namespace) -> None:
    product.run(instance)


def _down(instance: Instance, options: argparse.Namespace) -> None:
    product.down(instance)


def _clean(instance: Instance, options: argparse.Namespace) -> None:
    if members(instance.var):
        raise SetupError("The product still runs: stop it with `make down`, then clean.")
    checks.check_python()
    for folder in (SHARED_VAR, VENV):
        with step(f"Delete {folder.relative_to(ROOT)}"):
            shutil.rmtree(folder, ignore_errors=True)
    say("A `make run` begins anew, with new people and passwords.")


def _frontend(instance: Instance, options: argparse.Namespace) -> None:
    with step("Python packages") as note:
        venv.ensure(note)
    with step("Front-end packages and bundle") as note:
        frontend.ensure(note)


def _become_postgres(instance: Instance, options: argparse.Namespace) -> None:
    postgres.replace_process(instance.var / "postgres", instance.ports["postgres"])


if __name__ == "__main__":
    sys.exit(main())
