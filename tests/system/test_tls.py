"""Every connection encrypted, by configuration alone: engines and all eight services with certificates of their own authority.

Facts flow from an extract to the audit log and to the screen over encrypted connections; plain ones, and clients that trust
somebody else, are refused everywhere.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from subprocess import run
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import trustme

from deploy import addresses, certificates, guardian
from deploy.embedded.kafka import serves
from deploy.provision.__main__ import provision
from deploy.secrets import private_file
from deploy.system import System
from deploy.waiting import wait_until
from services.commands.doctor import Line, examine
from services.runtime import metrics
from services.runtime.settings import SERVICES, load
from services.runtime.tls import Tls, trusting
from services.simulator.drive import Drive
from services.simulator.world import World
from tests.conftest import MUNICIPALITIES
from tests.system.encrypted_postgres import EncryptedEngines


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("tls")
    folder.chmod(0o711)
    servers = EncryptedEngines(folder / "engines")
    guardian.watch(servers.state, remove=True)
    engines = replace(servers.start(first=addresses.elsewhere(servers.state)), passing=True)
    found = System(folder / "state", municipalities=MUNICIPALITIES, engines=engines, encrypted=True)
    try:
        found.start()
        yield found
    finally:
        found.stop()
        servers.stop()
        servers.postgres.remove()


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """The certificate of an authority that vouches for nobody here."""
    path = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


def test_facts_flow_from_the_inbox_to_audit_and_screen(system: System, tmp_path: Path) -> None:
    drive = Drive(load("simulator", system.environment("simulator")), World(7, 300, MUNICIPALITIES), tmp_path)
    drive.history()
    drive.move(drive.clock.now() + timedelta(hours=1))

    def audited() -> bool:
        page = drive.doors.get("auditor", "audit", "/entries", verb="collection", limit=1)
        return bool(page["entries"])

    def counted() -> bool:
        return bool(drive.doors.get("operator", "monitoring", "/counts")["caught_up"])

    wait_until(audited, 60, "an audit entry of what intake collected")
    wait_until(counted, 60, "monitoring has read everything")
    assert drive.doors.get("auditor", "audit", "/verify")["ok"]


def test_the_command_line_finds_its_way(system: System) -> None:
    command = [sys.executable, "-m", "services.cli", "ledger", "--json"]
    done = run(command, env=system.environment("cli"), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_provisioning_finds_its_way_with_production_settings(system: System) -> None:
    engines, folder = system.engines, system.secrets.folder
    private_file(folder / "kafka-admin", engines.kafka_password)
    private_file(folder / "postgres-admin", urlsplit(engines.admin_url).password or "")
    production = {"SOCIALSOG_ENVIRONMENT": "production", "SOCIALSOG_CLOCK": "system"}
    assert set(provision(load("provision", system.environment("provision") | production)).values()) == {0}


def doctor(system: System) -> list[Line]:
    return [line for line in examine(system.settings("cli")) if line.finding.check == "certificate"]


def test_the_doctor_sees_until_when_each_certificate_is_good(system: System) -> None:
    assert [(line.service, line.finding.level) for line in doctor(system)] == [(name, "ok") for name in ("kafka", *SERVICES)]
    bearer = {"authorization": f"Bearer {system.token('scraper')}"}
    trusted = trusting(system.embedded.certificates.trusted)
    told = httpx.get(f"{system.http('audit')}/metrics", headers=bearer, verify=trusted, trust_env=False).text
    assert f'{metrics.CERTIFICATE_ENDS._name}{{name="doors"}}' in told


def test_a_start_replaces_certificates_that_have_ended(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(certificates, "SERVER_DAYS", -1 / 48)
        system.embedded.certificates.issue(["audit"])
    system.stop_services(["audit"])
    system.start_services(["audit"], wait=False)
    url = urlsplit(system.http("audit"))
    wait_until(lambda: not addresses.is_free(url.port or 0), 30, "its door")
    assert [(line.service, line.finding.level) for line in doctor(system) if line.finding.level != "ok"] == [("audit", "bad")]
    system.start()
    assert {line.finding.level for line in doctor(system)} == {"ok"}


def test_kafka_refuses_plain_clients_and_clients_refuse_a_stranger(system: System, stranger: Path) -> None:
    engines = system.engines
    assert serves(engines.bootstrap, engines.kafka_admin, engines.kafka_password, engines.tls)
    assert not serves(engines.bootstrap, engines.kafka_admin, engines.kafka_password, Tls())
    assert not serves(engines.bootstrap, engines.kafka_admin, engines.kafka_password, Tls(kafka=True, kafka_ca=stranger))


@pytest.mark.parametrize("options", ["?sslmode=disable", "?sslmode=verify-full&sslrootcert={stranger}"])
def test_postgres_refuses_plain_clients_and_clients_refuse_a_stranger(system: System, stranger: Path, options: str) -> None:
    url = system.engines.admin_url
    psycopg.connect(url).close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.partition("?")[0] + options.format(stranger=stranger), connect_timeout=5)


@pytest.mark.parametrize("name", SERVICES)
def test_doors_refuse_plain_clients_and_clients_refuse_a_stranger(system: System, stranger: Path, name: str) -> None:
    url = system.http(name)
    trusted = trusting(system.embedded.certificates.trusted)
    assert url.startswith("https://")
    assert httpx.get(f"{url}/live", verify=trusted, trust_env=False).status_code == 200
    with pytest.raises(httpx.TransportError):
        httpx.get(url.replace("https", "http") + "/live", trust_env=False)
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{url}/live", verify=trusting(stranger), trust_env=False)
