"""Which statements of a migration the version before could not live with: the rule of *expand, then contract*.

A migration runs while the version before still serves. So it only adds what that version need not know: a table, a column that
may be empty or has a constant default, an index made CONCURRENTLY, how eagerly a table is vacuumed. What takes away (a column,
a constraint, a name) is for a later release, when nobody uses it any more, in a migration that says `contract = True`.
"""

import re
from collections.abc import Iterator
from io import StringIO

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script

_HARMLESS = re.compile(
    r"CREATE TABLE .*|(CREATE (UNIQUE )?INDEX|DROP INDEX) CONCURRENTLY .*|COMMENT ON .*|SET lock_timeout .*|BEGIN|COMMIT"
    r"|ALTER TABLE \w+ SET \(autovacuum_\w+ = [\d.-]+\)"
)
_COLUMN = re.compile(r"ALTER TABLE \w+ ADD COLUMN \w+ (.*)")
_BINDING = re.compile(r"UNIQUE|PRIMARY|REFERENCES|GENERATED|CHECK|DEFAULT.*\(")
"""Of a new column: what reads the whole table, or fails for what the version before writes."""
_INDEX = re.compile(r"CREATE (?:UNIQUE )?INDEX \w+ ON (\w+)")
_TABLE = re.compile(r"CREATE TABLE (\w+)")


def refused(migration: Script) -> list[str]:
    """The statements of this migration that must wait for a later release; none of one that says that it contracts."""
    if getattr(migration.module, "contract", False):
        return []
    said = list(statements(migration))
    made = {table for statement in said for table in _TABLE.findall(statement)}
    return [statement for statement in said if not _harmless(statement, made)]


def _harmless(statement: str, made: set[str]) -> bool:
    if column := _COLUMN.fullmatch(statement):
        kind = column[1]
        return not _BINDING.search(kind) and ("NOT NULL" not in kind or "DEFAULT" in kind)
    index = _INDEX.match(statement)
    return bool(_HARMLESS.fullmatch(statement)) or (index is not None and index[1] in made)


def statements(migration: Script) -> Iterator[str]:
    """What a migration would say to the database, each statement on one line; data in it stay as they are."""
    written = StringIO()
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": written})
    with Operations.context(context):
        migration.module.upgrade()
    for statement in written.getvalue().split(";"):
        if text := " ".join(statement.replace('"', "").split()):
            yield text
