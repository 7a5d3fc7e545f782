"""deploy without servers: secrets, ports, processes, the jar lock, and the rights that follow from the declaration."""

import hashlib
import json
import os
import socket
import stat
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from kafka.admin import ACLOperation, ResourceType

from deploy import addresses
from deploy.__main__ import main
from deploy.containers import environment_name
from deploy.embedded import cluster, jars, java
from deploy.embedded.kafka_settings import Node, server_properties
from deploy.engines import Engines
from deploy.pids import Command, Process
from deploy.provision.kafka import KafkaProvisioning, rights
from deploy.provision.postgres import PostgresProvisioning
from deploy.rights import Ours
from deploy.secrets import Secrets, kafka_principals
from deploy.system import MARK, claim
from deploy.waiting import wait_until
from events.topics import declared
from events.weeks import start
from services.runtime.credentials import Credentials
from services.runtime.settings import load

CODES = ("101", "751")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_for_the_owner_only_and_never_made_anew(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "secrets")
    secrets.make_engines()
    secrets.make_all(CODES, tmp_path / "keys")
    before = {path.name: path.read_bytes() for path in secrets.folder.iterdir()}
    secrets.make_all(CODES, tmp_path / "keys")
    assert {path.name: path.read_bytes() for path in secrets.folder.iterdir()} == before
    assert mode(secrets.folder) == 0o700
    assert {mode(path) for path in secrets.folder.iterdir()} == {0o600}


def test_credentials_hold_digests_and_say_who_it_is(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "secrets")
    secrets.make_all(CODES, tmp_path / "keys")
    token = secrets.read("http-reviewer-1461")
    assert token not in (secrets.folder / "credentials.json").read_text()
    found = Credentials(secrets.folder / "credentials.json").of(f"Bearer {token}")
    assert found is not None
    assert (found.kind, found.districts) == ("reviewer", ["1461"])
    assert found.sha256 == hashlib.sha256(token.encode()).hexdigest()


def test_only_the_public_half_of_a_municipality_key_leaves_the_secrets(tmp_path: Path) -> None:
    Secrets(tmp_path / "secrets").make_all(CODES, tmp_path / "keys")
    private = msgspec.json.decode((tmp_path / "secrets" / "municipality-101.jwk").read_bytes())["keys"][0]
    public = msgspec.json.decode((tmp_path / "keys" / "101.json").read_bytes())
    assert "d" in private
    assert public == {name: value for name, value in private.items() if name != "d"}


def command(state: Path, name: str) -> Result:
    return CliRunner(env={"SOCIALSOG_STATE": str(state)}).invoke(main, [name])


def test_only_what_we_made_is_ours_to_remove(tmp_path: Path) -> None:
    for state in (tmp_path / "new", tmp_path):
        assert command(state, "stop").output == "nothing was running\n"
        assert (state / MARK).exists()
        assert command(state, "clean").output == f"removed {state}\n"
        assert not state.exists()


@pytest.mark.parametrize("name", ["start", "stop", "migrate", "demo", "clean"])
def test_a_folder_of_somebody_else_is_neither_used_nor_removed(tmp_path: Path, name: str) -> None:
    (tmp_path / "thesis").touch()
    refused = command(tmp_path, name)
    assert refused.exit_code == 1
    assert str(tmp_path) in refused.output
    assert os.listdir(tmp_path) == ["thesis"]


def test_a_block_of_ports_avoids_what_is_taken() -> None:
    with socket.create_server((addresses.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert not addresses.is_free(port)
        assert addresses.free_block(port, 1) > port


def test_the_state_folder_remembers_how_many_brokers_it_was_made_for(tmp_path: Path) -> None:
    def nothing(name: str) -> bool:
        return False

    made = addresses.choose(tmp_path, nothing, brokers=3)
    assert len({port for pair in made.of_brokers() for port in pair}) == 6
    assert not {made.postgres, made.services} & {port for pair in made.of_brokers() for port in pair}
    assert addresses.choose(tmp_path, nothing) == made
    with pytest.raises(addresses.AnotherSize, match="BROKERS=3.*make clean"):
        addresses.choose(tmp_path, nothing, brokers=1)


def test_of_three_nodes_each_knows_the_quorum_and_keeps_two_copies_in_step(tmp_path: Path) -> None:
    nodes = cluster.build(tmp_path, addresses.Addresses(brokers=3), "a", "b").nodes
    files = [dict(line.split("=", 1) for line in server_properties(node.node).splitlines()) for node in nodes]
    assert [each["node.id"] for each in files] == ["1", "2", "3"]
    assert {each["controller.quorum.voters"] for each in files} == {"1@127.0.0.1:9393,2@127.0.0.1:9395,3@127.0.0.1:9397"}
    assert {each["min.insync.replicas"] for each in files} == {"2"}
    assert len({each["log.dirs"] for each in files}) == 3


def test_a_process_whose_id_now_belongs_to_a_stranger_is_left_alone(tmp_path: Path) -> None:
    process = Process(tmp_path / "pids", "sleeper")
    pid = process.start(Command([sys.executable, "-c", "import signal; signal.pause()"], tmp_path / "log"))
    record = process.path.read_text()
    process.path.write_text(json.dumps({"pid": pid, "started": "long ago"}))
    assert process.pid is None
    assert not process.send(15)
    process.path.write_text(record)
    assert process.pid == pid
    assert process.stop(seconds=10)
    assert process.pid is None


@pytest.mark.skipif(sys.platform != "linux", reason="zombies are told apart by /proc")
def test_a_process_has_not_ended_before_the_last_of_its_threads(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "end")
    begin, end = "threading.Thread(target=open, args=sys.argv[1:]).start()", "ctypes.CDLL(None).pthread_exit(None)"
    program = f"import ctypes, sys, threading; {begin}; {end}"
    process = Process(tmp_path / "pids", "half")
    pid = process.start(Command([sys.executable, "-c", program, str(tmp_path / "end")], tmp_path / "log"))
    wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z", 10, "first thread ended")
    assert process.pid == pid
    (tmp_path / "end").write_text("")
    assert process.wait_gone(10)


def test_a_damaged_jar_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[str] = []
    monkeypatch.setenv("SOCIALSOG_CACHE", str(tmp_path))
    monkeypatch.setattr(jars, "_fetch_all", lambda pool, missing, *rest: wanted.extend(jar.artifact for jar in missing))
    asked = [jars.Jar("g", "re2j", "1", hashlib.sha256(b"good").hexdigest()), jars.Jar("g", "jspecify", "1", "0" * 64)]
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "re2j-1.jar").write_bytes(b"good")
    (tmp_path / "jars" / "jspecify-1.jar").write_bytes(b"bad")
    assert jars.provide(asked, "Apache Kafka") == [tmp_path / "jars" / "re2j-1.jar", tmp_path / "jars" / "jspecify-1.jar"]
    assert wanted == ["jspecify"]


def test_the_lock_names_one_version_of_every_jar() -> None:
    locked = jars.locked(java.LOCK.read_text())
    assert len({(jar.group, jar.artifact) for jar in locked}) == len(locked)
    assert {jar.version for jar in locked if jar.group == "org.apache.kafka"} == {"4.3.1"}
    assert all(len(jar.sha256) == 64 for jar in locked)


def test_no_listener_of_kafka_is_open_or_beyond_loopback(tmp_path: Path) -> None:
    lines = server_properties(Node(1, 2, tmp_path, "a", "b")).splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    assert all("://127.0.0.1:" in each for each in properties["listeners"].split(","))
    assert set(properties["listener.security.protocol.map"].split(",")) == {"CLIENT:SASL_PLAINTEXT", "CONTROLLER:SASL_PLAINTEXT"}
    assert properties["allow.everyone.if.no.acl.found"] == "false"


def test_rights_are_those_of_the_declaration_and_no_more() -> None:
    topics = declared(CODES)
    found = rights(topics, kafka_principals(CODES), lambda name: f"t1.{name}")
    writers = {right.name: right.principal for right in found if right.operation == ACLOperation.WRITE}
    assert writers == {f"t1.{topic.name}": f"t1.{topic.writer}" for topic in topics}
    of_101 = {right.name for right in found if right.principal == "t1.municipality-101" and right.kind == ResourceType.TOPIC}
    assert of_101 == {"t1.municipality.101.notification.v1", "t1.municipality.101.receipt.v1"}
    assert {right.operation for right in found} == {ACLOperation.READ, ACLOperation.WRITE}


@pytest.mark.parametrize(("namespace", "topic", "schema"), [("", "a.v1", "intake"), ("t1", "t1.a.v1", "t1_intake")])
def test_services_provisioning_and_the_rights_matrix_call_things_the_same(
    tmp_path: Path, namespace: str, topic: str, schema: str
) -> None:
    engines, secrets = Engines("k:9092", "admin", "", "postgresql://p/postgres"), Secrets(tmp_path)
    kafka = KafkaProvisioning(engines, secrets, namespace, CODES, tmp_path / "users")
    settings = load("intake", {"SOCIALSOG_NAMESPACE": namespace})
    assert {kafka.named("a.v1"), settings.kafka_name("a.v1")} == {topic}
    assert {PostgresProvisioning(engines, secrets, namespace).named("intake"), settings.database_name("intake")} == {schema}
    ours = Ours.named(namespace, CODES)
    assert ours.topics == {kafka.named(each.name) for each in kafka.topics}
    assert ours.principals == {f"User:{kafka.named(each)}" for each in kafka.principals}


def test_settings_become_the_image_s_variables() -> None:
    assert environment_name("listener.name.client.scram-sha-512.sasl.jaas.config") == (
        "KAFKA_LISTENER_NAME_CLIENT_SCRAM___SHA___512_SASL_JAAS_CONFIG"
    )


def test_a_week_starts_on_monday_in_copenhagen() -> None:
    assert start("2026-W44").isoformat() == "2026-10-26T00:00:00+01:00"
    assert start("2026-W38").isoformat() == "2026-09-14T00:00:00+02:00"


PUT_BACK = ("secrets", "keys", "dispatch", "inbox")


@pytest.mark.parametrize(("there", "ours"), [((), True), (PUT_BACK, True), (("secrets", "thesis"), False), (("thesis",), False)])
def test_a_folder_is_ours_that_is_empty_or_holds_what_was_put_back(tmp_path: Path, there: tuple[str, ...], ours: bool) -> None:
    for name in there:
        (tmp_path / name).mkdir()
    assert claim(tmp_path) == ours
    assert (tmp_path / MARK).exists() == ours
