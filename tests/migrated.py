"""What migrations leave in a database: the template that workers' databases are copied from, and the rows that come with it."""

from __future__ import annotations

import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from pytest_django import DjangoDbBlocker
from pytest_django.fixtures import validate_django_db

# Django itself brings these back after it has emptied all tables.
BROUGHT_BACK = ("django_migrations", "django_content_type", "auth_permission")


def migrate_template(name: str) -> None:
    """Create the database `name`, replacing what an interrupted attempt left, and run all migrations in it.

    Nobody may connect to it afterwards: PostgreSQL copies no database that is in use, and the copies must be alike.
    """
    origin = connections[DEFAULT_DB_ALIAS]
    settings, tested = origin.settings_dict, origin.settings_dict["TEST"]
    names = settings["NAME"], tested["NAME"]
    tested["NAME"] = name
    try:
        origin.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    finally:
        origin.close()
        settings["NAME"], tested["NAME"] = names
    with origin._nodb_cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {origin.ops.quote_name(name)} WITH ALLOW_CONNECTIONS false")


class MigratedRows:
    """The rows that migrations insert (grants, approval rules, freezes): a test with transactions of its own ends with empty
    tables, and whichever test comes next must find them."""

    def __init__(self, blocker: DjangoDbBlocker) -> None:
        """Remember them; the database must be fresh."""
        self._blocker = blocker
        self._copies: dict[str, bytes] = {}
        with blocker.unblock(), connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                if table not in BROUGHT_BACK:
                    with cursor.copy(f'COPY "{table}" TO STDOUT') as rows:
                        copied = b"".join(bytes(part) for part in rows)
                    if copied:
                        self._copies[table] = copied

    @property
    def tables(self) -> set[str]:
        return set(self._copies)

    def put_back(self) -> None:
        """Insert them again as they were, past triggers, into those tables that are empty."""
        with self._blocker.unblock(), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            for table, copied in self._copies.items():
                cursor.execute(f'SELECT 1 FROM "{table}" LIMIT 1')
                if cursor.fetchone() is None:
                    with cursor.copy(f'COPY "{table}" FROM STDIN') as rows:
                        rows.write(copied)


def has_transactions_of_its_own(item: pytest.Item) -> bool:
    """Whether all tables are emptied after a test, by the rules of pytest-django."""
    if {"transactional_db", "live_server"} & set(getattr(item, "fixturenames", ())):
        return True
    marker = item.get_closest_marker("django_db")
    if marker is None:
        return False
    transactional, resets_sequences, *_ = validate_django_db(marker)
    return transactional or resets_sequences
