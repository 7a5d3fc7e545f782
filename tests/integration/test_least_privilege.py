"""Who may do what, completely: every principal tries everything with every topic, group, schema and table, on real engines.

What succeeds must be exactly what is declared – neither more nor less – and so must what the engines say about rights when they
are asked, which is what `make rights` prints.
"""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.sql import Identifier

from deploy.engines import Engines
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
