"""PostgreSQL's database, roles, schemas, tables and rights, from each service's `store.py`.

A store declares `metadata` (tables without schema), and may declare `LEDGER_VIEW` (a SELECT: the body of the view `ledger`) and
`GRANTS` (table -> privileges, where they are not reading, adding and changing). The administrator owns everything; a service
may use its own tables and nothing else, and cannot define anything. `ledger_reader` reads the ledger views and nothing else.
PUBLIC has nothing. A new schema is made as declared and stamped with the newest migrations; one that exists is migrated, while
the version before may still serve.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module, util
from typing import Any

import psycopg
from sqlalchemy import Connection, Dialect, Engine, MetaData, create_engine, inspect, text
from sqlalchemy.schema import CreateIndex, CreateTable

from deploy.embedded.postgres import answers
from deploy.engines import Engines
from deploy.provision.kafka import ProvisioningFailed
from deploy.provision.migrations import VERSIONS, Migrations
from deploy.secrets import LEDGER_READER, Secrets
from services.runtime import names, versions
from services.runtime.settings import SERVICES
from services.runtime.tables import GRANTS as RUNTIME_GRANTS

USUAL = "SELECT, INSERT, UPDATE"
"""What a role may do with a table of its own whose store says nothing else."""
_OF_PUBLIC = """
    SELECT DISTINCT 'DATABASE ' || quote_ident(datname) FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
        WHERE grantee = 0
            AND (datname = current_database() OR datname IN ('postgres', 'template1') AND pg_has_role(datdba, 'USAGE'))
    UNION ALL SELECT DISTINCT 'SCHEMA public' FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner)))
        WHERE nspname = 'public' AND grantee = 0
"""
"""Of the database, its schema `public` and PostgreSQL's own databases those with which everybody may do something: PostgreSQL
gives some by itself. Its own count only where the administrator may speak for their owner: on a server of others they are theirs.
"""
END_MS = 10_000
"""How long a session may take to end."""
FORMAT = "3"
"""Raise when this module gives other rights for the same declaration: systems made before then get them too."""


@dataclass(frozen=True)
class StoreDeclaration:
    """What one service's store declares."""

    service: str
    metadata: MetaData
    ledger: str | None = None
    grants: Mapping[str, str] = field(default_factory=dict)

    def privileges(self, table: str) -> str:
        """What the service's role may do with one of its tables."""
        return {**RUNTIME_GRANTS, **self.grants}.get(table, USUAL)

    def digest(self, dialect: Dialect) -> str:
        """Digest of everything that provisioning makes of it."""
        heads = sorted(versions.expected(self.service))
        allowed = (f"{table}: {self.privileges(table)}" for table in sorted(self.metadata.tables))
        parts = [FORMAT, *heads, self.ledger or "", *allowed]
        for table in self.metadata.sorted_tables:
            parts.append(str(CreateTable(table).compile(dialect=dialect)))
            parts += sorted(str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def declarations() -> Iterator[StoreDeclaration]:
    """The stores of all services that have one."""
    for service in SERVICES:
        name = f"services.{service}.store"
        if util.find_spec(f"services.{service}") is None or util.find_spec(name) is None:
            continue
        store: Any = import_module(name)
        yield StoreDeclaration(service, store.metadata, getattr(store, "LEDGER_VIEW", None), getattr(store, "GRANTS", {}))


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


class PostgresProvisioning:
    """Provisions one system (namespace) in one database."""

    def __init__(self, engines: Engines, secrets: Secrets, namespace: str) -> None:
        self.engines = engines
        self.secrets = secrets
        self.namespace = namespace

    def named(self, name: str) -> str:
        """Name of a role or schema, with the namespace before it."""
        return names.in_postgres(self.namespace, name)

    def apply(self) -> dict[str, int]:
        """Make what is missing. Returns how many databases, roles and schemas were made or changed; all 0 when nothing was."""
        stores = list(declarations())
        made = {"databases": self._database(), "roles": 0, "schemas": 0, "migrations": 0}
        engine = create_engine(self._admin, hide_parameters=True)
        try:
            for role in [*(store.service for store in stores), LEDGER_READER]:
                with engine.begin() as connection:
                    changed = self._role(connection, role)
                if changed:
                    end_sessions(self.engines.admin_url, self.named(role))
                made["roles"] += changed
            for store in stores:
                made["migrations"] += self._migrate(engine, store)
                with engine.begin() as connection:
                    made["schemas"] += self._schema(connection, store)
        finally:
            engine.dispose()
        return made

    @property
    def _admin(self) -> str:
        return self.engines.admin_of(self.engines.database).replace("postgresql://", "postgresql+psycopg://", 1)

    def _database(self) -> int:
        """The database, with nothing for PUBLIC: also one that somebody else has made, or has given away meanwhile.

        Nor may everybody log in to the two that PostgreSQL makes by itself: a role of ours has no business there.
        """
        with psycopg.connect(self.engines.admin_url, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.engines.database]).fetchone():
                connection.execute(f"CREATE DATABASE {quoted(self.engines.database)}".encode())
        with psycopg.connect(self.engines.admin_of(self.engines.database)) as connection:
            given = _of_public(connection)
            for what in given:
                connection.execute(f"REVOKE ALL ON {what} FROM PUBLIC".encode())
            if left := _of_public(connection):  # PostgreSQL only warns of what another role has given
                mends = "; ".join(f"REVOKE ALL ON {what} FROM PUBLIC" for what in left)
                raise ProvisioningFailed(f"everybody may use the database, and its owner is another role; let them say: {mends}")
        return 1 if given else 0

    def _role(self, connection: Connection, service: str) -> int:
        """A role that can log in with the password of the secrets folder; the log-in itself is the test."""
        role, password = self.named(service), self.secrets.read(f"postgres-{service}")
        exists = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}).first()
        if exists and answers(self._url(role, password)):
            return 0
        driver: Any = connection.connection.driver_connection
        verifier = driver.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        verb = "ALTER" if exists else "CREATE"
        rights = f"{'TEMPORARY, ' if service != LEDGER_READER else ''}CONNECT"
        run(connection, f"{verb} ROLE {quoted(role)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '{verifier}'")
        run(connection, f"GRANT {rights} ON DATABASE {quoted(self.engines.database)} TO {quoted(role)}")
        run(connection, f"ALTER ROLE {quoted(role)} SET search_path = {quoted(role)}")
        return 1

    def _url(self, role: str, password: str) -> str:
        return self.engines.database_url.replace("postgresql://", f"postgresql://{role}:{password}@", 1)

    def _migrate(self, engine: Engine, store: StoreDeclaration) -> int:
        """Bring the tables of a schema that exists to where this code is; how many migrations that took."""
        schema = self.named(store.service)
        with engine.begin() as connection:
            if self._known(connection, store) in (None, store.digest(connection.dialect)):
                return 0
            if versions.beyond(store.service, self._present(connection, schema)):
                return 0
        return len(Migrations(store.service).upgrade(self._admin, schema))

    def _known(self, connection: Connection, store: StoreDeclaration) -> str | None:
        """The digest that the schema was made from; empty where it exists without one, None where it does not exist."""
        found = connection.execute(
            text("SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = :schema"),
            {"schema": self.named(store.service)},
        )
        return found.scalar()

    @staticmethod
    def _present(connection: Connection, schema: str) -> list[str]:
        """The migrations that a schema has."""
        if not inspect(connection).has_table(VERSIONS, schema):
            return []
        return list(connection.exec_driver_sql(f"SELECT version_num FROM {quoted(schema)}.{VERSIONS}").scalars())

    def _schema(self, connection: Connection, store: StoreDeclaration) -> int:
        """A service's schema as declared. Its comment holds the declaration's digest, so that a second run has nothing to do."""
        known, digest = self._known(connection, store), store.digest(connection.dialect)
        if known == digest or versions.beyond(store.service, self._present(connection, self.named(store.service))):
            return 0
        schema = quoted(self.named(store.service))
        run(connection, f"CREATE SCHEMA IF NOT EXISTS {schema}")
        run(connection, f"SET LOCAL search_path = {schema}")
        if not self._present(connection, self.named(store.service)):
            store.metadata.create_all(connection)
            Migrations(store.service).stamp(connection)
        self._refuse_differing(connection, store)
        self._rights(connection, store, schema)
        if store.ledger:
            self._ledger(connection, store.ledger, schema)
        run(connection, f"COMMENT ON SCHEMA {schema} IS '{digest}'")
        return 1

    def _ledger(self, connection: Connection, body: str, schema: str) -> None:
        run(connection, "DROP VIEW IF EXISTS ledger")
        run(connection, f"CREATE VIEW ledger AS {body}")
        reader = quoted(self.named(LEDGER_READER))
        run(connection, f"GRANT USAGE ON SCHEMA {schema} TO {reader}")
        run(connection, f"GRANT SELECT ON ledger TO {reader}")

    def _refuse_differing(self, connection: Connection, store: StoreDeclaration) -> None:
        """What is declared and not there was declared without a migration: say so instead of letting a service stumble over it.

        What is there and not declared is of a version that came before, or comes after.
        """
        schema = self.named(store.service)
        present = inspect(connection).get_multi_columns(schema=schema)
        for table in store.metadata.sorted_tables:
            found = {column["name"] for column in present.get((schema, table.name), [])}
            if missing := {column.name for column in table.columns} - found:
                raise ProvisioningFailed(
                    f"table {schema}.{table.name} lacks {sorted(missing)} after all migrations: one is missing in "
                    f"services/{store.service}/migrations (all synthetic: `make clean`)"
                )

    def _rights(self, connection: Connection, store: StoreDeclaration, schema: str) -> None:
        role = quoted(self.named(store.service))
        run(connection, f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}")
        run(connection, f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        run(connection, f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")
        for table in store.metadata.sorted_tables:
            run(connection, f"GRANT {store.privileges(table.name)} ON {quoted(table.name)} TO {role}")
        run(connection, f"GRANT SELECT ON {VERSIONS} TO {role}")


def end_sessions(admin_url: str, role: str) -> None:
    """End what a role has open: PostgreSQL asks for the password at the beginning only, and a session outlives it."""
    others = "FROM pg_stat_activity WHERE usename = %s AND pid <> pg_backend_pid()"
    with psycopg.connect(admin_url) as connection:
        connection.execute(f"SELECT pg_terminate_backend(pid, {END_MS}) {others}".encode(), [role])


def _of_public(connection: "psycopg.Connection[Any]") -> list[str]:
    """What everybody may do something with, and should not."""
    return [str(what) for (what,) in connection.execute(_OF_PUBLIC)]


def run(connection: Connection, statement: str) -> None:
    """Execute a statement made of our own declarations, with no parameters: a `:` or `%` in it is itself."""
    connection.exec_driver_sql(statement.replace("%", "%%"))
