"""Who may do what: as declared, and as Kafka and PostgreSQL themselves say it is; as rows and as a table to read.

Kafka: topics and groups, from its access lists, whoever an entry is for. PostgreSQL: every table and view of every schema, the
schemas, the database and where else our roles may log in, asked of the engine for each role (so that what a role has through
PUBLIC or through another role counts too), also for those of strangers. Not shown: who may do everything, which is Kafka's super
users and PostgreSQL's superusers.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import psycopg
from kafka.admin import ACL, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType

from deploy.engines import Engines
from deploy.provision.kafka import admin_client, existing_rights, rights
from deploy.provision.migrations import VERSIONS
from deploy.provision.postgres import declarations
from deploy.secrets import LEDGER_READER, kafka_principals, municipal
from events.topics import declared
from services.runtime.names import in_postgres, on_kafka
from services.runtime.settings import SERVICES

MUNICIPAL = municipal("")
TABLE_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")
DATABASE_PRIVILEGES = ("CONNECT", "CREATE", "TEMPORARY")
_HELD = """
    WITH role AS (SELECT oid, rolname FROM pg_roles WHERE rolname = ANY(%(roles)s)),
        anybody AS (SELECT oid, rolname FROM pg_roles WHERE oid IN (SELECT oid FROM role) OR rolcanlogin AND NOT rolsuper),
        schema AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = ANY(%(schemas)s) OR nspname = 'public'),
        relation AS (SELECT c.oid, nspname || '.' || relname AS name FROM pg_class c JOIN schema ON relnamespace = schema.oid
            WHERE relkind IN ('r', 'p', 'v', 'm', 'f'))
    SELECT rolname, 'table', name, privilege FROM anybody, relation, unnest(%(table)s::text[]) AS privilege
        WHERE has_table_privilege(anybody.oid, relation.oid, privilege)
            OR privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
                AND has_any_column_privilege(anybody.oid, relation.oid, privilege)
    UNION ALL SELECT rolname, 'schema', nspname, privilege FROM anybody, schema, unnest(ARRAY['USAGE', 'CREATE']) AS privilege
        WHERE has_schema_privilege(anybody.oid, schema.oid, privilege)
    UNION ALL SELECT rolname, 'database', 'this', privilege FROM role, unnest(%(database)s::text[]) AS privilege
        WHERE has_database_privilege(role.oid, current_database(), privilege)
    UNION ALL SELECT rolname, 'database', datname, 'CONNECT' FROM role, pg_database AS other
        WHERE datallowconn AND datname <> current_database() AND has_database_privilege(role.oid, other.oid, 'CONNECT')
"""


class Held(NamedTuple):
    """One right that somebody has. Names are without namespace."""

    principal: str
    kind: str
    name: str
    right: str


@dataclass(frozen=True)
class Ours:
    """The names on Kafka that are one system's. Its groups are all whose names begin so."""

    principals: frozenset[str]
    topics: frozenset[str]
    groups: frozenset[str]

    @classmethod
    def named(cls, namespace: str, codes: Sequence[str]) -> "Ours":
        """With the namespace before each."""
        named = partial(on_kafka, namespace)
        principals = [named(each) for each in kafka_principals(codes)]
        topics = frozenset(named(topic.name) for topic in declared(codes))
        return cls(frozenset(f"User:{each}" for each in principals), topics, frozenset(principals))

    def concerns(self, acl: ACL) -> bool:
        """Whether an entry of the access lists is about one of ours: whoever it is for, or whatever it is about."""
        return acl.principal in self.principals or self._touches(acl.resource_pattern)

    def _touches(self, pattern: ResourcePattern) -> bool:
        name, prefixed = pattern.resource_name, pattern.pattern_type == ACLResourcePatternType.PREFIXED
        if pattern.resource_type == ResourceType.TOPIC:
            return name == "*" or name in self.topics or prefixed and any(each.startswith(name) for each in self.topics)
        if pattern.resource_type == ResourceType.GROUP:
            return name == "*" or any(name.startswith(each) or prefixed and each.startswith(name) for each in self.groups)
        return False


def declared_on_kafka(codes: Sequence[str]) -> set[Held]:
    """What the topics' declaration gives."""
    found = rights(declared(codes), kafka_principals(codes), lambda name: name)
    return {Held(each.principal, each.kind.name.lower(), each.name, each.operation.name) for each in found}


def held_on_kafka(engines: Engines, namespace: str, codes: Sequence[str]) -> set[Held]:
    """What Kafka lets our principals do, of whatever kind, and anybody with our topics and groups. What is not ours keeps its
    whole name.
    """
    bare = _without(on_kafka(namespace, ""))
    ours = Ours.named(namespace, codes)
    with admin_client(engines) as client:
        found = filter(ours.concerns, existing_rights(client))
    return {Held(bare(acl.principal.removeprefix("User:")), _kind(acl), bare(_name(acl)), _right(acl)) for acl in found}


def _kind(acl: ACL) -> str:
    return str(acl.resource_pattern.resource_type.name.lower())


def _name(acl: ACL) -> str:
    """What an entry is about. Groups are always meant by how their names begin; where topics are, a star says so."""
    pattern = acl.resource_pattern
    begins = pattern.pattern_type == ACLResourcePatternType.PREFIXED and pattern.resource_type != ResourceType.GROUP
    return f"{pattern.resource_name}*" if begins else str(pattern.resource_name)


def _right(acl: ACL) -> str:
    refused = acl.permission_type == ACLPermissionType.DENY
    return f"no {acl.operation.name}" if refused else str(acl.operation.name)


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
    """What PostgreSQL lets our roles do, and what it lets anybody do who may log in (but its superusers) with our schemas."""
    named = partial(in_postgres, namespace)
    bare = _without(named(""))
    values = {
        "roles": [named(role) for role in (*SERVICES, LEDGER_READER)],
        "schemas": [named(service) for service in SERVICES],
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
        code = each.principal.removeprefix(MUNICIPAL) if each.principal.startswith(MUNICIPAL) else ""
        name = each.name.replace(code, "<code>") if code else each.name
        if each.name.startswith("municipality.") and not code:
            name = f"municipality.<any>.{each.name.split('.', 2)[2]}"
        together["municipality-<code>" if code else each.principal, each.kind, name].add(each.right)
    for (principal, kind, name), given in sorted(together.items()):
        order = (*TABLE_PRIVILEGES, *sorted(given))
        yield f"{principal:<20} {kind:<9} {name:<42} {', '.join(sorted(given, key=order.index))}"
