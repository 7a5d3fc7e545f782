"""Encryption by configuration, and credentials that are replaced: what settings and files mean, before anything is started."""

import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from joserfc.jwk import KeySet

from deploy.certificates import Certificates
from deploy.containers import make_administrator
from deploy.engines import Engines, given
from deploy.provision.__main__ import kafka_serves
from deploy.secrets import Secrets
from services.runtime.credentials import Credentials
from services.runtime.errors import Fatal
from services.runtime.settings import load
from services.runtime.tls import Tls, trusting

CODES = ("101",)


def test_nothing_set_is_plain_and_an_authority_encrypts() -> None:
    plain = load("intake", {})
    assert (plain.tls.kafka_protocol, plain.url("audit").partition(":")[0]) == ("SASL_PLAINTEXT", "http")
    encrypted = load("intake", {"SOCIALSOG_KAFKA_CA": "/ca.pem", "SOCIALSOG_HTTP_CA": "/ca.pem"})
    assert (encrypted.tls.kafka_protocol, encrypted.url("audit").partition(":")[0]) == ("SASL_SSL", "https")
    assert load("intake", {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}).tls.kafka_ca is None


@pytest.mark.parametrize(
    ("environ", "mend"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}, "KAFKA_SECURITY_PROTOCOL"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SOCIALSOG_KAFKA_CA": "/ca.pem"}, "nothing would be encrypted"),
        ({"SOCIALSOG_HTTP_CERTIFICATE": "/a.crt"}, "SOCIALSOG_HTTP_KEY"),
    ],
)
def test_half_a_setting_is_refused(environ: dict[str, str], mend: str) -> None:
    with pytest.raises(Fatal, match=mend):
        load("intake", environ)


VERIFIED = "postgresql://db/socialsog?sslmode=verify-full&sslrootcert=/ca.pem"
ENCRYPTED = {
    "KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092,kafka-2:9092",
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "DATABASE_URL": VERIFIED,
    "SOCIALSOG_IDENTITY_URL": "https://identity:8701",
    "SOCIALSOG_HTTP_HOST": "0.0.0.0",
    "SOCIALSOG_HTTP_CERTIFICATE": "/intake.crt",
    "SOCIALSOG_HTTP_KEY": "/intake.key",
}
PLAIN = [
    ({"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, "KAFKA_SECURITY_PROTOCOL"),
    ({"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9392,kafka-2:9092"}, "KAFKA_SECURITY"),
    ({"DATABASE_URL": "postgresql://db/socialsog"}, "DATABASE_URL"),
    ({"DATABASE_URL": VERIFIED.replace("verify-full", "require")}, "DATABASE_URL"),
    ({"SOCIALSOG_IDENTITY_URL": "http://identity:8701"}, "SOCIALSOG_IDENTITY_URL"),
    ({"SOCIALSOG_HTTP_CERTIFICATE": "", "SOCIALSOG_HTTP_KEY": ""}, "SOCIALSOG_HTTP_CERTIFICATE"),
]


@pytest.mark.parametrize(("changed", "mend"), PLAIN)
def test_production_refuses_what_would_leave_this_machine_unencrypted(changed: dict[str, str], mend: str) -> None:
    load("intake", ENCRYPTED)
    with pytest.raises(Fatal, match=mend):
        load("intake", ENCRYPTED | changed)
    load("intake", ENCRYPTED | changed | {"SOCIALSOG_CLOSED_NETWORK": "on"})
    load("intake", ENCRYPTED | changed | {"SOCIALSOG_ENVIRONMENT": "embedded"})


REMOTE = {name: ENCRYPTED[name] for name in ("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SECURITY_PROTOCOL", "DATABASE_URL")}


@pytest.mark.parametrize(("changed", "mend"), PLAIN[:4])
def test_no_administrator_logs_in_elsewhere_over_a_plain_connection(changed: dict[str, str], mend: str) -> None:
    given(REMOTE)
    with pytest.raises(Fatal, match=mend):
        given(REMOTE | changed)
    given(REMOTE | changed | {"SOCIALSOG_CLOSED_NETWORK": "on"})


def test_only_in_a_closed_network_the_administrator_enters_by_a_password_that_kafka_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    engines, entered = Engines("127.0.0.1:9392", "admin", "secret", "postgresql://127.0.0.1/postgres"), list[Engines]()
    monkeypatch.setattr("deploy.provision.__main__.serves", lambda *_: False)
    monkeypatch.setattr("deploy.provision.__main__.make_administrator", lambda found: not entered.append(found))
    assert not kafka_serves(engines, closed_network=False)
    assert not entered
    assert kafka_serves(engines, closed_network=True)


def test_the_administrator_of_a_new_container_says_nothing_before_the_connection_is_encrypted(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    certificates.make()
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        bootstrap = f"127.0.0.1:{listener.getsockname()[1]}"
        trust = Tls(kafka=True, kafka_ca=certificates.trusted)
        entering = pool.submit(make_administrator, Engines(bootstrap, "admin", "secret", "postgresql://", tls=trust))
        connection, _ = listener.accept()
        listener.close()  # or the next attempt would wait for somebody who never answers
        with connection:
            assert connection.recv(1) == b"\x16", "TLS's first record"
    assert not entering.result()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_on_this_machine_production_may_be_plain(host: str) -> None:
    urls = {"SOCIALSOG_IDENTITY_URL": f"http://{host}:8701", "DATABASE_URL": f"postgresql://{host}/socialsog"}
    load("intake", urls | {"KAFKA_BOOTSTRAP_SERVERS": f"{host}:9392,{host}:9393", "SOCIALSOG_HTTP_HOST": host.strip("[]")})


def test_an_authority_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match=r"missing\.pem"):
        trusting(tmp_path / "missing.pem")


def test_the_database_url_keeps_how_it_is_encrypted_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "postgres-intake").write_text("secret")
    url = "postgresql://db:5432/socialsog?sslmode=verify-full&sslrootcert=/ca.pem&options=-csearch_path%3Dpublic"
    found = load("intake", {"DATABASE_URL": url, "SOCIALSOG_SECRETS": str(tmp_path)}).database_url("intake")
    assert found == "postgresql+psycopg://intake:secret@db:5432/socialsog?sslmode=verify-full&sslrootcert=%2Fca.pem"


def test_while_a_token_is_replaced_both_are_good(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "secrets")
    secrets.make_all(CODES, tmp_path / "keys")
    credentials = Credentials(secrets.folder / "credentials.json")

    def known(token: str) -> bool:
        return credentials.of(f"Bearer {token}") is not None

    old = secrets.read("http-operator")
    secrets.add_token("operator", CODES)
    new = secrets.read("http-operator")
    assert old != new
    assert (known(old), known(new)) == (True, True)
    secrets.make_all(CODES, tmp_path / "keys")
    assert (known(old), known(new)) == (True, True), "a start in between changes nothing"
    secrets.drop_token("operator", CODES)
    assert (known(old), known(new)) == (False, True)


def test_a_replacement_that_is_begun_again_leaves_the_token_good_that_everybody_holds(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "secrets")
    secrets.make_all(CODES, tmp_path / "keys")
    credentials = Credentials(secrets.folder / "credentials.json")
    tokens = [secrets.read("http-operator")]
    for _ in range(2):
        secrets.add_token("operator", CODES)
        secrets.make_all(CODES, tmp_path / "keys")  # as every rotation does before anything restarts
        tokens.append(secrets.read("http-operator"))
    assert [credentials.of(f"Bearer {token}") is not None for token in tokens] == [True, True, True]
    secrets.drop_token("operator", CODES)
    assert [credentials.of(f"Bearer {token}") is not None for token in tokens] == [False, False, True]


def test_what_an_engine_will_remember_is_on_the_disk_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = Secrets(tmp_path / "secrets")
    secrets.make_all(CODES, tmp_path / "keys")
    synced: list[str] = []

    def sync(descriptor: int) -> None:
        synced.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")

    monkeypatch.setattr(os, "fsync", sync)
    for act in (secrets.renew, secrets.propose, secrets.adopt, secrets.extend):
        synced.clear()
        act("kafka-intake")
        assert synced == (["folder"] if act == secrets.adopt else ["file", "folder"])


def test_a_new_municipal_key_stands_before_the_older_ones_and_is_the_public_one(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "secrets")
    secrets.make_all(CODES, tmp_path / "keys")
    secrets.add_municipal_key("101", tmp_path / "keys")
    held = KeySet.import_key_set(msgspec.json.decode((secrets.folder / "municipality-101.jwk").read_bytes()))
    assert [key.kid for key in held.keys] == ["101-2", "101-1"]
    public = msgspec.json.decode((tmp_path / "keys" / "101.json").read_bytes())
    assert public["kid"] == "101-2"
    assert "d" not in public
    secrets.drop_municipal_keys("101")
    assert [key["kid"] for key in msgspec.json.decode((secrets.folder / "municipality-101.jwk").read_bytes())["keys"]] == [
        "101-2"
    ]


def test_while_the_authority_is_replaced_both_are_trusted(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    certificates.make()
    certificates.new_authority()
    certificates.trust_also_present()
    assert len(trusting(certificates.trusted).get_ca_certs()) == 2
    certificates.trust_only_present()
    assert len(trusting(certificates.trusted).get_ca_certs()) == 1
    assert certificates.key("kafka").stat().st_mode & 0o077 == 0
