"""Who may do what: as declared, and as Kafka and PostgreSQL themselves say it is; as rows and as a table to read.

Kafka: topics and groups, from its access lists. PostgreSQL: every table and view of every schema, the schemas and the database,
asked of the engine for each role (so that what a role has through PUBLIC or through another role counts too).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import psycopg

from deploy.engines import Engines
from deploy.provision.kafka import admin_client, existing_rights, rights
from deploy.provision.migrations import VERSIONS
from deploy.provision.postgres import declarations
from deploy.secrets import LEDGER_READER, kafka_principals
from events.topics import declared
from services.runtime.settings import SERVICES

TABLE_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")
DATABASE_PRIVILEGES = ("CONNECT", "CREATE", "TEMPORARY")
_HELD = """
    WITH role AS (SELECT oid, rolname FROM pg_roles WHERE rolname = ANY(%(roles)s)),
        schema AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = ANY(%(schemas)s) OR nspname = 'public'),
        relation AS (SELECT c.oid, nspname || '.' || relname AS name FROM pg_class c JOIN schema ON relnamespace = schema.oid
            WHERE relkind IN ('r', 'p', 'v', 'm', 'f'))
    SELECT rolname, 'table', name, privilege FROM role, relation, unnest(%(table)s::text[]) AS privilege
        WHERE has_table_privilege(role.oid, relation.oid, privilege)
            OR privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
                AND has_any_column_privilege(role.oid, relation.oid, privilege)
    UNION ALL SELECT rolname, 'schema', nspname, privilege FROM role, schema, unnest(ARRAY['USAGE', 'CREATE']) AS privilege
        WHERE has_schema_privilege(role.oid, schema.oid, privilege)
    UNION ALL SELECT rolname, 'database', 'this', privilege FROM role, unnest(%(database)s::text[]) AS privilege
        WHERE has_database_privilege(role.oid, current_database(), privilege)
"""


class Held(NamedTuple):
    """One right that somebody has. Names are without namespace."""

    principal: str
    kind: str
    name: str
    right: str


def declared_on_kafka(codes: Sequence[str]) -> set[Held]:
    """What the topics' declaration gives."""
    found = rights(declared(codes), kafka_principals(codes), lambda name: name)
    return {Held(each.principal, each.kind.name.lower(), each.name, each.operation.name) for each in found}


def held_on_kafka(engines: Engines, namespace: str, codes: Sequence[str]) -> set[Held]:
    """What Kafka lets our principals do, of whatever kind; what is not ours keeps its whole name."""
    bare = _without(f"{namespace}." if namespace else "")
    with admin_client(engines) as client:
        found = existing_rights(client)
    ours = set(kafka_principals(codes))
    lists = ((bare(acl.principal.removeprefix("User:")), acl) for acl in found)
    return {
        Held(principal, acl.resource_pattern.resource_type.name.lower(), bare(acl.resource_pattern.resource_name), right)
        for principal, acl in lists
        for right in [acl.operation.name]
        if principal in ours
    }


def declared_in_postgres() -> set[Held]:
    """What the stores' declarations give."""
    found = set(_of_the_database())
    for store in declarations():
        found.add(Held(store.service, "schema", store.service, "USAGE"))
        found.add(Held(store.service, "table", f"{store.service}.{VERSIONS}", "SELECT"))
        for table in store.metadata.tables:
            privileges = store.privileges(table).split(", ")
            found |= {Held(store.service, "table", f"{store.service}.{table}", each) for each in privileges}
        if store.ledger:
            found.add(Held(LEDGER_READER, "schema", store.service, "USAGE"))
            found.add(Held(LEDGER_READER, "table", f"{store.service}.ledger", "SELECT"))
    return found


def _of_the_database() -> Iterator[Held]:
    for store in declarations():
        yield Held(store.service, "database", "this", "CONNECT")
        yield Held(store.service, "database", "this", "TEMPORARY")  # COPY goes through temporary tables
    yield Held(LEDGER_READER, "database", "this", "CONNECT")


def held_in_postgres(engines: Engines, namespace: str) -> set[Held]:
    """What PostgreSQL lets our roles do."""
    prefix = f"{namespace}_" if namespace else ""
    bare = _without(prefix)
    values = {
        "roles": [prefix + role for role in (*SERVICES, LEDGER_READER)],
        "schemas": [prefix + service for service in SERVICES],
        "table": list(TABLE_PRIVILEGES),
        "database": list(DATABASE_PRIVILEGES),
    }
    with psycopg.connect(engines.admin_of(engines.database)) as connection:
        rows = connection.execute(_HELD.encode(), values).fetchall()
    return {Held(bare(role), kind, bare(name), right) for role, kind, name, right in rows}


def _without(prefix: str) -> Callable[[str], str]:
    return lambda name: name.removeprefix(prefix)


def lines(held: Iterable[Held]) -> Iterator[str]:
    """The rights as text: one line per principal and object. The municipalities, who all have the same, are one line."""
    together: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for each in held:
        code = each.principal.partition("-")[2]
        name = each.name.replace(code, "<code>") if code else each.name
        if each.name.startswith("municipality.") and not code:
            name = f"municipality.<any>.{each.name.split('.', 2)[2]}"
        together["municipality-<code>" if code else each.principal, each.kind, name].add(each.right)
    for (principal, kind, name), given in sorted(together.items()):
        order = (*TABLE_PRIVILEGES, *sorted(given))
        yield f"{principal:<20} {kind:<9} {name:<42} {', '.join(sorted(given, key=order.index))}"
