"""What all tests share: servers behind Django, a whole product, a browser."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import django
import hypothesis
import pytest
from django.conf import settings

from seeops.bootstrap.paths import SHARED_VAR
from tests import chromium
from tests.embedded import Servers
from tests.migrated import MigratedRows, has_transactions_of_its_own, migrate_template
from tests.order import longest_first
from tests.product import Product

# Django reads its settings when it is set up, so the servers' addresses must be in the environment first; and the conftest
# files of single folders, loaded after this one, may import models.
SERVERS = Servers.claim()
django.setup()
# Hundreds of tests make people, and the rounds of the product's hash would be most of their time.
settings.PASSWORD_HASHERS = ["tests.hashing.OneRound"]
# Four workers share two cores: an example may take long, and the time limit of the whole test stands.
hypothesis.settings.register_profile("unhurried", parent=hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("unhurried")
MIGRATED_ROWS = pytest.StashKey[MigratedRows]()


def pytest_unconfigure(config: pytest.Config) -> None:
    SERVERS.release()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever uses a whole product runs serially, after the others; files that take long begin first."""
    for item in items:
        if "product" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.product)
    longest_first(items)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_use_migrations: bool, django_db_blocker: Any
) -> None:
    """Start the servers with the first test that uses the database, and have Django copy a migrated one.

    Django still migrates the copy, which finds nothing to do.
    """
    from django.db import DEFAULT_DB_ALIAS, connections

    SERVERS.ensure_postgres()
    SERVERS.ensure_valkey()
    if django_db_use_migrations:
        with django_db_blocker.unblock():
            template = SERVERS.template(migrate_template)
        connections.settings[DEFAULT_DB_ALIAS]["TEST"]["TEMPLATE"] = template


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any, request: pytest.FixtureRequest) -> None:
    """As pytest-django does it; and what the migrations inserted is remembered while the database is fresh."""
    request.config.stash[MIGRATED_ROWS] = MigratedRows(django_db_blocker)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Whichever test comes next finds what migrations inserted; so tests may run in any order."""
    ended = yield
    rows = item.config.stash.get(MIGRATED_ROWS, None)
    if rows is not None and nextitem is not None and has_transactions_of_its_own(item):
        rows.put_back()
    return ended


@pytest.fixture(scope="session")
def valkey_url() -> str:
    """Address of a running Valkey, the one in settings.VALKEY_URL."""
    SERVERS.ensure_valkey()
    return settings.VALKEY_URL


@pytest.fixture(scope="session")
def product() -> Iterator[Product]:
    """A whole running product with 1,200 nodes, begun from an empty folder, running whenever a test begins, ended with the session.

    While writing tests, start one yourself and name it: SEEOPS_TEST_PRODUCT=FOLDER:BASE_PORT; it is left running.
    """
    if own := os.environ.get("SEEOPS_TEST_PRODUCT"):
        folder, base = own.rsplit(":", 1)
        yield Product(Path(folder).resolve(), int(base))
        return
    running = Product(SHARED_VAR / "test-product").start(clean=True)
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _product_runs(request: pytest.FixtureRequest) -> None:
    """A test may end with a stopped product; whichever uses it next starts it."""
    if "product" in request.fixturenames:
        request.getfixturevalue("product").ensure_running()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium for the tests of one file: those of the next may run a loop of their own."""
    with chromium.running() as found:
        yield found
