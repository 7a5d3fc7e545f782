"""Who may do what, completely: every principal tries everything with every topic, group, schema and table, on real engines.

What succeeds must be exactly what is declared – neither more nor less – and so must what the engines say about rights when they
are asked, which is what `make rights` prints.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlsplit

import psycopg
import pytest
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType
from psycopg.sql import Identifier

from deploy.engines import Engines
from deploy.provision.kafka import _exactly as exactly
from deploy.provision.kafka import admin_client, existing_rights
from deploy.rights import (
    Held,
    declared_in_postgres,
    declared_on_kafka,
    held_in_postgres,
    held_on_kafka,
    lines,
)
from deploy.secrets import LEDGER_READER, kafka_principals
from deploy.system import System
from deploy.testing import Running
from deploy.waiting import wait_until
from events.topics import declared
from services.runtime.settings import SERVICES
from tests.integration.kafka_attempts import Attempts as KafkaAttempts
from tests.integration.postgres_attempts import Attempts as PostgresAttempts

CODES = ("101", "751")
NAMESPACE = "rights"
TOPICS = declared(CODES)
PRINCIPALS = kafka_principals(CODES)
ROLES = (*(service for service in SERVICES if service != "monitoring"), LEDGER_READER)


@pytest.fixture(scope="module")
def system(running: Running, tmp_path_factory: pytest.TempPathFactory) -> System:
    found = System(tmp_path_factory.mktemp("rights"), NAMESPACE, CODES, running.engines)
    found.prepare()
    return found


@pytest.fixture(scope="module")
def filled(system: System) -> System:
    """With a message in every topic, so that whoever may read gets something."""
    for principal in PRINCIPALS:
        with KafkaAttempts(system.settings("cli"), principal) as attempts:
            attempts.writes([topic for topic in TOPICS if topic.writer == principal])
            wait_until(attempts.knows_coordinator, 30, "the groups' coordinator")
    return system


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_on_kafka_everybody_can_do_what_is_declared_and_nothing_else(filled: System, principal: str) -> None:
    granted = {each for each in declared_on_kafka(CODES) if each.principal == principal}
    with KafkaAttempts(filled.settings("cli"), principal) as attempts:
        can = {Held(principal, "topic", name, "WRITE") for name in attempts.writes(TOPICS)}
        can |= {Held(principal, "topic", name, "READ") for name in attempts.reads(TOPICS)}
        groups = [group for group in PRINCIPALS if attempts.uses_group(group, TOPICS[0])]
        governed = attempts.governs(TOPICS[0], next(each for each in PRINCIPALS if each != principal))
        governed += attempts.governs(next((each for each in TOPICS if each.writer == principal), TOPICS[0]), principal)
    assert can | {Held(principal, "group", group, "READ") for group in groups} == granted
    assert governed == []


def test_kafka_says_the_same_of_everybody(system: System) -> None:
    assert held_on_kafka(system.engines, NAMESPACE, CODES) == declared_on_kafka(CODES)


STRANGERS = {
    Held("stranger", "topic", "screening.candidate.v1", "READ"),
    Held("stranger", "topic", "intake.*", "WRITE"),
    Held("stranger", "topic", "*", "DESCRIBE"),
    Held("*", "group", "delivery", "READ"),
    Held("audit", "topic", "intake.*", "no READ"),
}


def strangers_acls() -> list[ACL]:
    """What gives these rights, and some that have nothing to do with us."""

    def acl(who: str, operation: str, kind: str, name: str, pattern: str = "LITERAL", permission: str = "ALLOW") -> ACL:
        about = ResourcePattern(ResourceType[kind], name, ACLResourcePatternType[pattern])
        return ACL(f"User:{who}", "*", ACLOperation[operation], ACLPermissionType[permission], about)

    return [
        acl("stranger", "READ", "TOPIC", f"{NAMESPACE}.screening.candidate.v1"),
        acl("stranger", "WRITE", "TOPIC", f"{NAMESPACE}.intake.", "PREFIXED"),
        acl("stranger", "DESCRIBE", "TOPIC", "*"),
        acl("*", "READ", "GROUP", f"{NAMESPACE}.delivery"),
        acl(f"{NAMESPACE}.audit", "READ", "TOPIC", f"{NAMESPACE}.intake.", "PREFIXED", "DENY"),
        acl("stranger", "READ", "TOPIC", "theirs"),
        acl("stranger", "READ", "GROUP", "theirs", "PREFIXED"),
    ]


def test_what_strangers_may_do_with_our_topics_and_groups_is_said_too(system: System) -> None:
    acls = strangers_acls()
    with closing(admin_client(system.engines)) as client:
        client.create_acls(acls)
        try:
            wait_until(lambda: set(acls) <= existing_rights(client), 30, "rights in force")
            assert held_on_kafka(system.engines, NAMESPACE, CODES) - declared_on_kafka(CODES) == STRANGERS
        finally:
            client.delete_acls([exactly(each) for each in acls])
            wait_until(lambda: not set(acls) & existing_rights(client), 30, "rights taken away")


def relations(engines: Engines) -> Iterator[tuple[str, str, str]]:
    """Schema, name and first column of every table and view of this system."""
    query = (
        "SELECT table_schema, table_name, column_name FROM information_schema.columns "
        "WHERE table_schema LIKE %s AND ordinal_position = 1"
    )
    with psycopg.connect(engines.admin_of(engines.database)) as connection:
        yield from connection.execute(query, [f"{NAMESPACE}\\_%"])


@pytest.fixture(scope="module")
def attempting(system: System) -> Callable[[str], PostgresAttempts]:
    settings = system.settings("cli")
    return lambda role: PostgresAttempts(settings.database_url(role).replace("+psycopg", ""))


@pytest.mark.parametrize("role", ROLES)
def test_in_postgres_every_role_can_do_what_is_declared_and_nothing_else(
    system: System, attempting: Callable[[str], PostgresAttempts], role: str
) -> None:
    can, governed = set(), []
    schemas = {schema for schema, _, _ in relations(system.engines)}
    other = "audit" if role != "audit" else "intake"
    with attempting(role) as attempts:
        for schema, name, column in relations(system.engines):
            table = Identifier(schema, name)
            bare = f"{schema.removeprefix(f'{NAMESPACE}_')}.{name}"
            can |= {Held(role, "table", bare, each) for each in attempts.privileges(table, Identifier(column))}
            governed += [f"{bare}: {each}" for each in attempts.owns(table, Identifier(column))]
        for schema in [*schemas, "public"]:
            governed += [f"{schema}: {each}" for each in attempts.makes(Identifier(schema))]
        governed += attempts.reaches(Identifier(f"{NAMESPACE}_{role}"), Identifier(f"{NAMESPACE}_{other}"))
    assert can == {each for each in declared_in_postgres() if each.principal == role and each.kind == "table"}
    assert governed == []


def test_postgres_says_the_same_of_every_role(system: System) -> None:
    assert held_in_postgres(system.engines, NAMESPACE) == declared_in_postgres()


@pytest.mark.parametrize("database", ["postgres", "template1"])
@pytest.mark.parametrize("role", ROLES)
def test_no_role_logs_in_to_a_database_of_postgres_own(system: System, role: str, database: str) -> None:
    settings = system.settings("cli")
    url = urlsplit(settings.database_url(role).replace("+psycopg", ""))._replace(path=f"/{database}")
    with pytest.raises(psycopg.OperationalError, match="does not have CONNECT privilege"):
        psycopg.connect(url.geturl()).close()


def test_what_strangers_may_do_in_our_schemas_is_said_too(system: System) -> None:
    stranger, intake = f"stranger_{NAMESPACE}", f"{NAMESPACE}_intake"
    with psycopg.connect(system.engines.admin_of(system.engines.database), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {stranger} LOGIN".encode())
        try:
            connection.execute(f"GRANT USAGE ON SCHEMA {intake} TO {stranger}".encode())
            connection.execute(f"GRANT SELECT (position) ON {intake}.outbox TO {stranger}".encode())
            assert held_in_postgres(system.engines, NAMESPACE) - declared_in_postgres() == {
                Held(stranger, "schema", "intake", "USAGE"),
                Held(stranger, "table", "intake.outbox", "SELECT"),
            }
        finally:
            connection.execute(f"DROP OWNED BY {stranger}".encode())
            connection.execute(f"DROP ROLE {stranger}".encode())


def test_no_role_reads_what_another_is_asking(attempting: Callable[[str], PostgresAttempts]) -> None:
    with attempting("identity") as asking, attempting("screening") as curious:
        asking.connection.execute("SELECT 'a question about somebody'")
        assert curious.sees_statements_of(f"{NAMESPACE}_identity") == []
        assert asking.sees_statements_of(f"{NAMESPACE}_identity"), "the search finds nothing"


def test_the_printed_matrix_names_every_principal_and_every_object() -> None:
    held = declared_on_kafka(CODES) | declared_in_postgres()
    text = "\n".join(lines(held))
    print(text)

    for each in held:
        if "101" not in each.name + each.principal and "751" not in each.name + each.principal:
            assert any(line.split()[:3] == [each.principal, each.kind, each.name] for line in text.splitlines())
    assert "municipality-<code>  topic     municipality.<code>.notification.v1" in text
    (line,) = lines({Held("a-stranger", "topic", "*", "no READ")})
    assert line.split(maxsplit=3) == ["a-stranger", "topic", "*", "no READ"]
