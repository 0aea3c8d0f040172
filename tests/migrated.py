"""A database with all migrations that nobody works in: what the databases of the workers are copied from."""

from __future__ import annotations

from django.db import DEFAULT_DB_ALIAS, connections


def migrate_template(name: str) -> None:
    """Create the database `name`, replacing what an interrupted attempt left, and run all migrations in it.

    Nobody may connect to it afterwards: PostgreSQL copies no database that is in use, and the copies must be alike.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    settings, tested = connection.settings_dict, connection.settings_dict["TEST"]
    names = settings["NAME"], tested["NAME"]
    tested["NAME"] = name
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    finally:
        connection.close()
        settings["NAME"], tested["NAME"] = names
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {connection.ops.quote_name(name)} WITH ALLOW_CONNECTIONS false")
