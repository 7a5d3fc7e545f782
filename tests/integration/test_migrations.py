"""Migrations on a real database: they make what is declared, take over what was there before them, and hold nobody up."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event as Signal
from threading import Thread

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine

from deploy.provision.migrations import Migrations
from deploy.provision.postgres import declarations
from deploy.system import System
from deploy.testing import Running
from events import topics
from events.topics import DOMAIN_SERVICES
from services.runtime import versions
from services.runtime.database import Store
from services.runtime.errors import Fatal
from tests.conftest import new_system
from tests.integration.test_runtime import OPENED, Screening, open_store, publish, relay, threads, until

CATALOGUE = """
    SELECT 'column', c.relname || '.' || a.attname,
        format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || CAST(a.attgenerated AS text) ||
        coalesce(' ' || (SELECT collname FROM pg_collation WHERE oid = a.attcollation), '') ||
        coalesce(' ' || pg_get_expr(d.adbin, d.adrelid), '') || coalesce(' ' || col_description(c.oid, a.attnum), '')
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (c.oid, a.attnum)
    WHERE c.relnamespace = to_regnamespace(%(schema)s) AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT 'constraint', c.relname || '.' || k.conname, pg_get_constraintdef(k.oid)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE c.relnamespace = to_regnamespace(%(schema)s)
    UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = %(schema)s
    UNION ALL SELECT 'trigger', c.relname || '.' || t.tgname, pg_get_triggerdef(t.oid)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = to_regnamespace(%(schema)s) AND NOT tgisinternal
    UNION ALL SELECT 'option', relname, CAST(reloptions AS text)
    FROM pg_class WHERE relnamespace = to_regnamespace(%(schema)s) AND reloptions IS NOT NULL
    UNION ALL SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = to_regnamespace(%(schema)s)
"""
"""Everything about the tables of a schema; more than Alembic compares (checks, triggers, collations, options)."""


@pytest.fixture
def system(running: Running, tmp_path: Path) -> Iterator[System]:
    found = new_system(running, tmp_path)
    found.prepare()
    yield found
    while OPENED:
        OPENED.pop().close()


def admin(system: System) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(system.engines.admin_of(system.engines.database), autocommit=True)


def url(system: System) -> str:
    return system.engines.admin_of(system.engines.database).replace("postgresql://", "postgresql+psycopg://", 1)


def tables(system: System, schema: str) -> set[tuple[object, ...]]:
    with admin(system) as connection:
        rows = connection.execute(CATALOGUE.encode(), {"schema": schema}).fetchall()
    return {tuple(str(value).replace(f"{schema}.", "") for value in row) for row in rows}


def test_all_migrations_together_make_what_is_declared(system: System) -> None:
    for store in declarations():
        declared, migrated = system.settings("cli").database_name(store.service), f"{system.namespace}_migrated"
        with admin(system) as connection:
            connection.execute(f"CREATE SCHEMA {migrated}".encode())
        try:
            assert set(Migrations(store.service).upgrade(url(system), migrated)) >= versions.expected(store.service)
            assert tables(system, migrated) == tables(system, declared)
            engine = create_engine(url(system), poolclass=NullPool, connect_args={"options": f"-c search_path={migrated}"})
            with engine.connect() as connection:
                differences = compare_metadata(MigrationContext.configure(connection), store.metadata)
            assert [each for each in differences if each[0] != "remove_table"] == []
        finally:
            with admin(system) as connection:
                connection.execute(f"DROP SCHEMA {migrated} CASCADE".encode())


def test_a_system_from_before_migrations_is_taken_over_and_keeps_its_data_rights_and_ledger(system: System) -> None:
    schemas = {service: system.settings("cli").database_name(service) for service in DOMAIN_SERVICES}
    declared = {service: tables(system, schema) for service, schema in schemas.items()}
    as_before_migrations(system, schemas["intake"])
    assert system.prepare()["schemas"] == 1
    assert {service: tables(system, schema) for service, schema in schemas.items()} == declared
    store = open_store(system, "intake")
    versions.check(store)
    with store.transaction() as transaction:
        assert transaction.execute("SELECT count(*) FROM outbox").scalar_one() == 1
    reader = psycopg.connect(system.settings("cli").database_url("ledger_reader").replace("+psycopg", ""))
    with reader as connection:
        assert connection.execute(f"SELECT count(*) > 0 FROM {schemas['intake']}.ledger".encode()).fetchone() == (True,)
    assert set(system.prepare().values()) == {0}


def as_before_migrations(system: System, schema: str) -> None:
    """Intake's schema as the version before migrations made it, with one fact in its outbox."""
    line = Migrations("intake")
    with admin(system) as connection:
        connection.execute(f"DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}; SET search_path = {schema}".encode())
        for revision in line.baseline:
            connection.execute(line.script.get_revision(revision).module.TABLES)
        connection.execute("INSERT INTO outbox VALUES ('intake.extract.v1', 0, 1, 'key', 'payload')")
        connection.execute("INSERT INTO outbox_position VALUES ('intake.extract.v1', 0, 1)")
        connection.execute(f"COMMENT ON SCHEMA {schema} IS 'of an earlier version'".encode())


def test_a_service_refuses_tables_that_are_older_than_it(system: System) -> None:
    store = open_store(system, "intake")
    with admin(system) as connection:
        connection.execute(f"DELETE FROM {system.namespace}_intake.alembic_version WHERE version_num LIKE 'runtime%'".encode())
    with pytest.raises(Fatal, match="older than this version .runtime_.*make migrate"):
        versions.check(store)


EXPAND = """
from alembic import op
import sqlalchemy as sa
revision, down_revision = "intake_9001", "{head}"
def upgrade():
    op.add_column("outbox", sa.Column("trace", sa.Text))
    op.add_column("outbox_position", sa.Column("tries", sa.Integer, nullable=False, server_default="0"))
"""
INDEX = """
from services.runtime.indexes import create_concurrently
revision, down_revision = "intake_9002", "intake_9001"
def upgrade():
    create_concurrently("ix_outbox_key", "outbox", "key")
"""


def test_a_migration_under_load_loses_nothing_and_waits_in_front_of_nobody(system: System, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "intake_9001_trace.py").write_text(EXPAND.format(head=versions.head("intake")))
    (more / "intake_9002_key.py").write_text(INDEX)
    intake, screening, done = open_store(system, "intake"), Screening(system), []
    sent: list[int] = []

    def load(stop: Signal) -> None:
        while not stop.is_set():
            publish(intake, len(sent) + 1)
            sent.append(len(sent) + 1)

    def migrate() -> None:
        done.extend(Migrations("intake", (more,)).upgrade(url(system), f"{system.namespace}_intake"))

    migrating = Thread(target=migrate)
    with threads(load, relay(system, intake).run, screening.consumer.run):
        until(lambda: len(screening.applied) > 20)
        with admin(system) as long_reader, long_reader.transaction():
            long_reader.execute(f"SELECT count(*) FROM {system.namespace}_intake.outbox".encode())
            migrating.start()
            until(lambda: waits_for_a_lock(system))
            before = len(sent)
            until(lambda: len(sent) > before + 50)
            assert done == [], "it cannot have got its lock while a transaction reads"
        migrating.join()
        before = len(sent)
        until(lambda: len(sent) > before + 20)  # the version before goes on with the new tables
    with threads(relay(system, intake).run, screening.consumer.run):
        until(lambda: len(screening.applied) == len(sent))
    assert done == ["intake_9001", "intake_9002"]
    assert all(given == [1] for given in screening.applied.values())
    assert seen(screening.store) == f"{{[1,{len(sent) + 1})}}", "gapless: none lost, none twice"
    the_new_version_works(intake)


def waits_for_a_lock(system: System) -> bool:
    with admin(system) as connection:
        waiting = (
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = to_regclass(%s) AND mode = 'AccessExclusiveLock'"
        )
        row = connection.execute(waiting.encode(), [f"{system.namespace}_intake.outbox"]).fetchone()
    return row is not None and bool(row[0])


def seen(store: Store) -> str:
    with store.transaction() as transaction:
        query = "SELECT CAST(seen AS text) FROM received WHERE topic = :topic"
        return str(transaction.execute(query, {"topic": topics.EXTRACT.name}).scalar_one())


def the_new_version_works(intake: Store) -> None:
    with intake.transaction() as transaction:
        assert transaction.execute("SELECT count(trace) FROM outbox").scalar_one() == 0
        assert transaction.execute("UPDATE outbox_position SET tries = 1 RETURNING tries").scalar_one() == 1
        valid = transaction.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_outbox_key')")
        assert valid.scalar_one()
