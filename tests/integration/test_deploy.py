"""deploy on real servers: provisioning twice, who may do what, and what survives kill -9."""

import ssl
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from kafka.admin import ConfigResource, ConfigResourceType

from deploy import addresses
from deploy.__main__ import main
from deploy.certificates import SERVER_DAYS
from deploy.embedded.postgres import answers
from deploy.engines import EmbeddedEngines
from deploy.provision.kafka import admin_client
from deploy.provision.postgres import PostgresProvisioning
from deploy.rotation.logins import KafkaAdmin, PostgresAdmin
from deploy.secrets import Secrets, logins
from deploy.system import System
from deploy.testing import Running
from events import topics
from services.runtime import broker
from services.runtime.errors import Fatal

CODES = ("101", "751")
DENIED = "42501"
"""PostgreSQL's SQLSTATE insufficient_privilege."""


@pytest.fixture(scope="module")
def system(running: Running, tmp_path_factory: pytest.TempPathFactory) -> System:
    found = System(tmp_path_factory.mktemp("deploy"), "deploytest", CODES, running.engines)
    found.prepare()
    return found


def connect(system: System, role: str) -> psycopg.Connection[tuple[object, ...]]:
    url = system.settings("cli").database_url(role).replace("+psycopg", "")
    return psycopg.connect(url, autocommit=True)


def test_the_second_provisioning_changes_nothing(system: System) -> None:
    assert set(system.prepare().values()) == {0}


def test_provisioning_needs_log_ins_and_no_other_secret(system: System, tmp_path: Path) -> None:
    for name in logins(CODES):
        (tmp_path / name).write_text(system.secrets.read(name))
    alone = System(system.state, system.namespace, CODES, system.engines)
    alone.secrets = Secrets(tmp_path)
    made = alone.kafka().apply() | PostgresProvisioning(system.engines, alone.secrets, system.namespace).apply()
    assert set(made.values()) == {0}


def test_no_session_outlives_the_password_that_opened_it(system: System) -> None:
    with closing(connect(system, "audit")) as stolen, closing(connect(system, "intake")) as another:
        system.secrets.renew("postgres-audit")
        assert system.prepare()["roles"] == 1
        with pytest.raises(psycopg.errors.AdminShutdown):
            stolen.execute("SELECT 1")
        another.execute("SELECT 1")
    connect(system, "audit").close()


@pytest.mark.parametrize("configs", [{"compression.type": "producer"}, {"max.message.bytes": "500000"}])
def test_a_topic_that_is_set_otherwise_is_altered(system: System, configs: dict[str, str]) -> None:
    name = system.settings("cli").kafka_name(topics.CASE.name)
    with closing(admin_client(system.engines)) as client:
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs)])
    assert system.prepare()["topics"] == 1
    assert set(system.prepare().values()) == {0}


def test_what_everybody_was_given_since_is_taken_away_again(system: System) -> None:
    name = system.engines.database
    with psycopg.connect(system.engines.admin_of(name)) as connection:
        connection.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO PUBLIC".encode())
        connection.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
        connection.execute("GRANT CONNECT ON DATABASE template1 TO PUBLIC")
    assert system.prepare()["databases"] == 1
    with psycopg.connect(system.engines.admin_of(name)) as connection:
        held = "SELECT bool_or(has_database_privilege('public', datname, 'CONNECT')) FROM pg_database WHERE datallowconn"
        assert connection.execute(held).fetchone() == (False,)
        made = "SELECT has_schema_privilege('public', 'public', 'CREATE')"
        assert connection.execute(made).fetchone() == (False,)
    assert set(system.prepare().values()) == {0}


@pytest.mark.parametrize(
    "statement",
    [
        b"CREATE TABLE mine (a int)",
        b"CREATE SCHEMA mine",
        b"SELECT * FROM deploytest_intake.outbox",
        b"SELECT * FROM pg_authid",
        b"DELETE FROM deploytest_audit.log",
        b"UPDATE deploytest_audit.log SET source = source",
        b"ALTER ROLE deploytest_audit SUPERUSER",
    ],
)
def test_a_service_may_use_its_own_tables_only(system: System, statement: bytes) -> None:
    with connect(system, "audit") as connection, pytest.raises(psycopg.Error) as refusal:
        connection.execute(statement)
    assert refusal.value.sqlstate == DENIED


def test_the_ledger_reader_reads_ledgers_and_nothing_else(system: System) -> None:
    with connect(system, "ledger_reader") as connection:
        assert connection.execute("SELECT count(*) FROM deploytest_audit.ledger").fetchone() is not None
        with pytest.raises(psycopg.Error) as refusal:
            connection.execute("SELECT * FROM deploytest_audit.outbox")
    assert refusal.value.sqlstate == DENIED


@pytest.mark.parametrize(
    ("principal", "reads", "writes"),
    [
        ("delivery", [topics.RECORD], []),
        ("screening", [], [topics.RECORD]),
        ("municipality-101", [topics.municipal_notification("751")], []),
        ("municipality-101", [], [topics.municipal_receipt("751")]),
    ],
)
def test_a_principal_that_lacks_a_right_is_told_which(
    system: System,
    principal: str,
    reads: list[topics.Topic],
    writes: list[topics.Topic],
) -> None:
    asking = broker.Broker(system.settings("cli"), principal)
    try:
        with pytest.raises(Fatal, match=f"{principal} may not"):
            asking.check_rights(reads, writes)
    finally:
        asking.close()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[EmbeddedEngines]:
    found = EmbeddedEngines(tmp_path / "state")
    yield found
    found.stop()
    found.postgres.remove()


def test_both_servers_keep_their_data_over_kill_9(servers: EmbeddedEngines) -> None:
    system = System(servers.state, municipalities=CODES)
    system.start_engines()
    system.prepare()
    with connect(system, "audit") as connection:
        connection.execute("INSERT INTO lease VALUES ('kept', gen_random_uuid(), 1, now())")
    sending = broker.producer(system.settings("intake"))
    sending.send(topics.RECORD.name, key=b"kept", value=b"kept", partition=0).get(10)
    sending.close()
    servers.kafka.kill()
    servers.postgres.kill()
    system.start_engines()
    with connect(system, "audit") as connection:
        assert connection.execute("SELECT name FROM lease").fetchall() == [("kept",)]
    asking = broker.Broker(system.settings("intake"))
    place = broker.partition(system.settings("intake"), topics.RECORD, 0)
    assert asking.end_offsets([place]) == {place: 1}
    asking.close()
    assert set(system.prepare().values()) == {0}


@pytest.mark.parametrize("was_set", [True, False])
def test_the_start_after_an_interrupted_rotation_finds_the_password_that_is_good(servers: EmbeddedEngines, was_set: bool) -> None:
    system = System(servers.state, municipalities=CODES)
    system.start_engines()
    changes = (PostgresAdmin(system), KafkaAdmin(system))
    before = {change.name: system.secrets.read(change.name) for change in changes}
    noted = {change.name: system.secrets.propose(change.name) for change in changes}
    for change in changes if was_set else ():
        change.set(noted[change.name])
    servers.stop()
    system.start_engines()
    assert {name: system.secrets.read(name) for name in before} == (noted if was_set else before)
    assert {name: system.secrets.noted(name) for name in before} == (dict.fromkeys(before) if was_set else noted)
    assert answers(system.engines.admin_url)
    assert servers.kafka.nodes[0].serves()


def test_a_start_gives_kafka_a_new_certificate_before_its_own_ends(servers: EmbeddedEngines) -> None:
    system = System(servers.state, municipalities=CODES, encrypted=True)
    system.start_engines()

    def shown() -> str:
        return ssl.get_server_certificate((addresses.HOST, servers.addresses.kafka), ca_certs=str(servers.certificates.trusted))

    before = shown()
    system.renew_certificates()
    assert servers.running("kafka")
    system.renew_certificates(within=timedelta(days=SERVER_DAYS + 1))
    system.start_engines()
    assert shown() != before


def test_a_rotation_starts_the_engines_and_says_what_does_not_run(
    servers: EmbeddedEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    place = {"SOCIALSOG_STATE": str(servers.state), "SOCIALSOG_MUNICIPALITIES": ",".join(CODES)}
    rotated = CliRunner(env=place).invoke(main, ["rotate", "kafka-intake"])
    assert rotated.exit_code == 0, rotated.output
    assert rotated.output.startswith("done; not running: intake, identity, ")
    assert rotated.output.endswith("(`make start`)\n")
