"""Audit's tables and named queries. The log is only ever added to: the role has no other right on it, and a trigger says no.

What is searched by is computed by the database from the sealed entry itself (generated columns), so the two cannot disagree.
"""

from uuid import UUID as PythonUUID

from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    event,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from services.runtime.tables import add_runtime_tables, ledger_view

metadata = MetaData()
add_runtime_tables(metadata)


def _text(name: str) -> "Column[str]":
    return Column(name, Text, Computed(f"entry ->> '{name}'", persisted=True))


def _id(name: str) -> "Column[PythonUUID]":
    return Column(name, UUID(as_uuid=True), Computed(f"CAST(entry ->> '{name}' AS uuid)", persisted=True))


Table(
    "log",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("entry", JSONB, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("subjects", Integer, Computed("jsonb_array_length(entry -> 'subjects')", persisted=True)),
    *(_text(name) for name in ("verb", "actor", "at", "week", "municipality")),
    *(_id(name) for name in ("case_id", "run_id")),
    UniqueConstraint("source", "number"),
    *(Index(None, name, "position") for name in ("verb", "actor", "at", "week", "municipality", "case_id", "run_id")),
)
Table(
    "subject",
    metadata,
    Column("person", UUID, primary_key=True),
    Column("position", BigInteger, primary_key=True),
)
Table(
    "waiting",
    metadata,
    Column("source", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("entry", JSONB, nullable=False),
)
Table("source", metadata, Column("source", Text, primary_key=True), Column("appended", BigInteger, nullable=False))
Table(
    "sequencer",
    metadata,
    Column("id", SmallInteger, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("chain", LargeBinary, nullable=False),
)
Table("alias", metadata, Column("pseudonym", UUID, primary_key=True), Column("canonical", UUID, nullable=False, index=True))

ADDED_TO = ("log", "subject")
GRANTS = {**dict.fromkeys(ADDED_TO, "SELECT, INSERT"), "waiting": "SELECT, INSERT, DELETE"}
"""What the service's role may do where it is not reading, adding and changing. The log is only ever added to."""

_REFUSE = """
    CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege'; END $$
"""
_TRIGGER = """
    CREATE OR REPLACE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


@event.listens_for(metadata, "after_create")
def _only_added_to(target: MetaData, connection: Connection, **options: object) -> None:
    """Made together with the tables, by whoever owns them; so it binds the owner too."""
    for statement in (_REFUSE, *(_TRIGGER.format(table=table) for table in ADDED_TO)):
        connection.exec_driver_sql(statement)


LEDGER_VIEW = ledger_view("""
    SELECT NULL::text AS week, 'entries' AS measure, coalesce(max(position), 0)::bigint AS amount FROM log
    UNION ALL SELECT NULL, 'waiting', count(*)::bigint FROM waiting
""")
GAUGES = """
    SELECT 'socialsog_audit_entries', NULL, NULL, coalesce(max(position), 0)::float8 FROM log
    UNION ALL SELECT 'socialsog_audit_waiting', NULL, NULL, count(*)::float8 FROM waiting
"""

SAVE_ALIASES = """
    INSERT INTO alias (pseudonym, canonical)
    SELECT * FROM unnest(CAST(:pseudonyms AS uuid[]), CAST(:canonicals AS uuid[]))
    ON CONFLICT (pseudonym) DO UPDATE SET canonical = excluded.canonical
"""
SOURCES = """
    SELECT source, coalesce(appended, 0) AS appended, count(number) AS waiting,
        CASE WHEN count(number) > 0 THEN coalesce(appended, 0) + 1 END AS gap
    FROM unnest(CAST(:sources AS text[])) AS asked (source) LEFT JOIN source USING (source) LEFT JOIN waiting USING (source)
    GROUP BY source, appended ORDER BY source
"""
WAITING = "SELECT count(*) FROM waiting"
HEAD = "SELECT position, chain FROM sequencer"
INDEX_DISAGREES = """
    WITH listed AS (
        SELECT DISTINCT CAST(person AS uuid) AS person, position
        FROM log, jsonb_array_elements_text(entry -> 'subjects') AS person
        WHERE position <= :through
    ), indexed AS (SELECT person, position FROM subject WHERE position <= :through)
    SELECT min(position) FROM (
        (SELECT * FROM listed EXCEPT SELECT * FROM indexed) UNION ALL (SELECT * FROM indexed EXCEPT SELECT * FROM listed)) AS bad
"""
