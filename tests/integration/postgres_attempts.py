"""What one role tries in PostgreSQL: every statement for real, each undone again. Only PostgreSQL's own refusal counts as one."""

from collections.abc import Iterator
from types import TracebackType
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

DENIED = {"42501", "42809", "55000"}
"""SQLSTATE insufficient_privilege – or, for the ledger views, that a view cannot be changed or emptied at all.

Any other error came after the right was looked at, and found."""
STATEMENTS = {
    "SELECT": "SELECT * FROM {table} LIMIT 1",
    "INSERT": "INSERT INTO {table} DEFAULT VALUES",
    "UPDATE": "UPDATE {table} SET {column} = DEFAULT",
    "DELETE": "DELETE FROM {table}",
    "TRUNCATE": "TRUNCATE {table} CASCADE",
}
"""Each needs exactly the right that it is named for."""
OWNERS = (
    "DROP TABLE {table} CASCADE",
    "ALTER TABLE {table} ADD COLUMN more int",
    "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "CREATE INDEX ON {table} ({column})",
    "ALTER TABLE {table} OWNER TO CURRENT_USER",  # GRANT is no attempt: without the right it warns and does nothing
    "CREATE TRIGGER mine BEFORE INSERT ON {table} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
)
"""Nobody but the administrator may."""
MAKERS = ("CREATE TABLE {schema}.mine (a int)", "CREATE VIEW {schema}.mine AS SELECT 1", "DROP SCHEMA {schema} CASCADE")
ELSEWHERE = (
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
    "CREATE EXTENSION pg_trgm SCHEMA pg_catalog",
    "ALTER SYSTEM SET work_mem = '1MB'",
    "SELECT * FROM pg_authid",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT pg_ls_dir('.')",
    "SELECT pg_reload_conf()",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/mine'",
    "CREATE TEMPORARY TABLE mine AS SELECT lo_import('/etc/hosts')",
    "SET SESSION AUTHORIZATION {other}",
    "SET ROLE {other}",
    "ALTER ROLE {other} PASSWORD 'guessed'",
    "ALTER ROLE {other} SUPERUSER",
    "GRANT {other} TO {own}",
)
"""What belongs to the server, or to another role."""
ALONE = frozenset({"CREATE DATABASE mine", "ALTER SYSTEM SET work_mem = '1MB'"})
"""What PostgreSQL refuses within a transaction, whoever asks."""


class Attempts:
    """One role's connection. Use as a context manager."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url)

    def __enter__(self) -> "Attempts":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.connection.close()

    def _refused(self, statement: str, **names: Any) -> bool:
        self.connection.autocommit = statement in ALONE
        try:
            self.connection.execute(SQL(statement).format(**names))
        except psycopg.Error as error:
            return error.sqlstate in DENIED
        finally:
            self.connection.rollback()
        return False

    def privileges(self, table: Identifier, column: Identifier) -> Iterator[str]:
        """What it can do with a table or view."""
        for privilege, statement in STATEMENTS.items():
            if not self._refused(statement, table=table, column=column):
                yield privilege

    def owns(self, table: Identifier, column: Identifier) -> list[str]:
        """What it can do as only the owner should."""
        return [each for each in OWNERS if not self._refused(each, table=table, column=column)]

    def makes(self, schema: Identifier) -> list[str]:
        """What it can make or destroy in a schema."""
        return [each for each in MAKERS if not self._refused(each, schema=schema)]

    def reaches(self, own: Identifier, other: Identifier) -> list[str]:
        """What it can do beyond all schemas."""
        return [each for each in ELSEWHERE if not self._refused(each, own=own, other=other)]

    def sees_statements_of(self, role: str) -> list[str]:
        """Other sessions' statements that it can read."""
        query = "SELECT query FROM pg_stat_activity WHERE usename = %s AND query <> '<insufficient privilege>'"
        return [row[0] for row in self.connection.execute(query, [role])]
