"""`socialsog doctor` on a running system: well at first, then each thing that is broken is named, with what mends it.

The same system shows that every service can be measured, by nobody but the scraper.
"""

import dataclasses
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from click.testing import CliRunner, Result
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    ResourcePattern,
    ResourceType,
)
from prometheus_client.parser import text_string_to_metric_families

from deploy.doctor import administrator as administrator_sees
from deploy.provision import kafka as provisioning
from deploy.system import System
from deploy.testing import Running
from deploy.waiting import wait_until
from events import topics
from services.cli import main
from services.runtime import broker, metrics
from services.runtime.settings import SERVICES
from tests.conftest import new_system

DEADLINE_SECONDS = 60
Lines = list[dict[str, str]]


@pytest.fixture(scope="module")
def system(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    found = new_system(running, tmp_path_factory.mktemp("doctor"))
    found.prepare()
    found.start_services()
    yield found
    found.stop_services()


def run(system: System, *options: str) -> Result:
    return CliRunner(env=system.environment("cli")).invoke(main, ["doctor", *options])


def unwell(system: System) -> tuple[int, Lines]:
    """Exit code, and the lines that are not well."""
    result = run(system, "--json")
    lines: Lines = msgspec.json.decode(result.stdout)
    assert all(bool(line["mend"]) == (line["level"] != "ok") for line in lines), "what is not well names what mends it"
    return result.exit_code, [line for line in lines if line["level"] != "ok"]


def only(system: System) -> tuple[int, str, str, dict[str, str]]:
    """Exit code, service and check of the one line that is not well, and the line."""
    code, lines = unwell(system)
    assert len(lines) == 1, lines
    return code, lines[0]["service"], lines[0]["check"], lines[0]


def becomes_well(system: System) -> bool:
    return unwell(system)[0] == 0


def test_all_is_well_and_each_line_says_of_what(system: System) -> None:
    wait_until(lambda: becomes_well(system), DEADLINE_SECONDS, "all is well")
    result = run(system)
    assert result.exit_code == 0, result.output
    for check in (
        "kafka",
        "topics",
        "copies",
        "rights",
        "schema",
        "clock",
        "secrets",
        "keys",
        "disk",
        "lag",
        "dead letters",
        "alarms",
    ):
        assert f" {check} " in result.output
    assert all(f" {service} " in result.output for service in SERVICES)


def test_a_service_that_does_not_run(system: System) -> None:
    system.kill("audit")
    code, service, check, line = only(system)
    assert (code, service, check, line["mend"]) == (2, "audit", "door", "make start  # starts what does not run")
    system.start_services(["audit"])
    assert becomes_well(system)


def test_a_municipality_without_a_key_and_a_private_key_in_its_place(system: System) -> None:
    path = system.state / "keys" / "147.json"
    public = path.read_bytes()
    path.unlink()
    code, service, check, line = only(system)
    assert (code, service, check, line["mend"]) == (1, "delivery", "keys", f"cp PUBLIC_KEY.jwk {path}")
    path.write_bytes((system.secrets.folder / "municipality-147.jwk").read_bytes())
    code, service, check, line = only(system)
    assert (code, check, line["what"]) == (2, "keys", "no public key: 147")
    path.write_bytes(public)
    assert becomes_well(system)


def test_a_secret_that_others_can_read_and_the_command_that_mends_it(system: System) -> None:
    (system.secrets.folder / "pseudonym-key").chmod(0o644)
    code, service, check, line = only(system)
    assert (code, service, check) == (1, "intake", "secrets")
    subprocess.run(shlex.split(line["mend"]), check=True)
    assert becomes_well(system)


def test_a_message_that_nobody_understands(system: System) -> None:
    settings = system.settings("intake")
    producer = broker.producer(settings)
    producer.send(settings.kafka_name(topics.EXTRACT.name), b"{ not json", b"key").get(timeout=20)
    producer.close()
    wait_until(lambda: not becomes_well(system), DEADLINE_SECONDS, "screening has set it aside")
    code, service, check, line = only(system)
    assert (code, service, check) == (1, "screening", "dead letters")
    assert "DecodeError" in line["what"]
    assert line["mend"].startswith("socialsog dead-letters redrive screening ")
    assert value(system, "screening", "socialsog_messages_total", topic=topics.EXTRACT.name, fate="dead") == 1
    wait_until(
        lambda: value(system, "screening", "socialsog_dead_letters", origin=topics.EXTRACT.name) == 1,
        DEADLINE_SECONDS,
        "it counts",
    )
    with administrator(system) as connection:
        connection.execute("DELETE FROM dead_letter")
    assert becomes_well(system)


def test_work_that_nobody_does(system: System) -> None:
    with administrator(system) as connection:
        connection.execute(
            "INSERT INTO work (kind, key, payload, next_attempt_at) VALUES ('odd', 'k', '', clock_timestamp() - interval '2 min')"
        )
    code, service, check, line = only(system)
    assert (code, service, check) == (2, "screening", "work")
    assert "1 odd wait" in line["what"]
    with administrator(system) as connection:
        connection.execute("DELETE FROM work")
    assert becomes_well(system)


@pytest.mark.parametrize(
    ("reason", "mend"),
    [
        ("had_perhaps_left", "socialsog restore settle MESSAGE --left"),
        ("sending_is_stopped", "socialsog resume-sending  # after a restore: socialsog restore reconcile"),
    ],
)
def test_work_that_waits_for_a_person(system: System, reason: str, mend: str) -> None:
    with administrator(system) as connection:
        connection.execute(
            "INSERT INTO work (kind, key, payload, next_attempt_at, attempts, last_error) "
            "VALUES ('odd', 'k', '', clock_timestamp() + interval '1 h', 9, %s)",
            [reason],
        )
    code, service, check, line = only(system)
    assert (code, service, check) == (1, "screening", "work")
    assert line["mend"].startswith(mend)
    with administrator(system) as connection:
        connection.execute("DELETE FROM work")
    assert becomes_well(system)


def test_a_right_too_few_and_one_too_many_are_mended_by_provisioning(system: System) -> None:
    named = system.settings("audit").kafka_name
    rights = provisioning.rights([topics.AUDIT["intake"]], [], named)
    lost = next(right for right in rights if right.principal == named("audit"))
    surplus = dataclasses.replace(lost, operation=ACLOperation.WRITE)
    with closing(provisioning.admin_client(system.engines)) as client:
        client.delete_acls([provisioning._exactly(lost.acl())])
        wait_until(lambda: not becomes_well(system), DEADLINE_SECONDS, "the right is gone")
        code, lines = unwell(system)
        assert (code, {(line["service"], line["check"]) for line in lines}) == (2, {("audit", "topics"), ("audit", "rights")})
        assert all(line["mend"].startswith("make start") for line in lines)
        assert [each.check for each in administrator_sees(system) if each.level == "bad"] == ["rights"]
        client.create_acls([lost.acl(), surplus.acl()])
        wait_until(lambda: "more than declared" in str(unwell(system)[1]), DEADLINE_SECONDS, "the surplus is seen")
    system.prepare()
    wait_until(lambda: becomes_well(system), DEADLINE_SECONDS, "provisioning has mended it")


def first_is(system: System, level: str) -> bool:
    return next(administrator_sees(system)).level == level


def test_a_topic_that_keeps_longer_than_declared(system: System) -> None:
    """Services may not see how long topics keep; the administrator does."""
    assert {each.level for each in administrator_sees(system)} == {"ok"}
    name = system.settings("audit").kafka_name(topics.CASE.name)
    with closing(provisioning.admin_client(system.engines)) as client:
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "-1"})])
    wait_until(partial(first_is, system, "bad"), DEADLINE_SECONDS, "it is seen")
    do(system, next(administrator_sees(system)).mend)
    wait_until(partial(first_is, system, "ok"), DEADLINE_SECONDS, "it is mended")


def do(system: System, mend: str) -> None:
    """What a person does who reads it."""
    told = {**os.environ, "KAFKA_ADMIN_PASSWORD": system.engines.kafka_password}
    command = mend.replace(".venv/bin/python", shlex.quote(sys.executable))
    subprocess.run(command, shell=True, check=True, env=told, capture_output=True)


def test_a_stranger_who_may_write_what_is_ours(system: System) -> None:
    name = system.settings("audit").kafka_name(topics.CASE.name)
    about = ResourcePattern(ResourceType.TOPIC, name[:-1], ACLResourcePatternType.PREFIXED)
    given = ACL("User:stranger", "*", ACLOperation.WRITE, ACLPermissionType.ALLOW, about)
    with closing(provisioning.admin_client(system.engines)) as client:
        client.create_acls([given])
    wait_until(lambda: rights_are(system, "warn"), DEADLINE_SECONDS, "it is seen")
    (finding,) = [each for each in administrator_sees(system) if each.level == "warn"]
    assert f"stranger WRITE {name[:-1]}" in finding.what
    do(system, finding.mend)
    wait_until(lambda: rights_are(system, "ok"), DEADLINE_SECONDS, "it is mended")


def rights_are(system: System, level: str) -> bool:
    return {each.level for each in administrator_sees(system) if each.check == "rights"} == {level}


def test_a_relay_that_does_not_advance(system: System) -> None:
    """Its lease is held by a copy that does nothing, as one that hangs would."""
    with administrator(system) as connection:
        connection.execute("UPDATE lease SET holder = gen_random_uuid(), expires_at = 'infinity' WHERE name = 'relay'")
    wait_until(
        lambda: value(system, "screening", "socialsog_lease_held", name="relay") == 0, DEADLINE_SECONDS, "it lost its lease"
    )
    with administrator(system) as connection:
        connection.execute("INSERT INTO outbox_position VALUES ('screening.run.v1', 0, 3, 0)")
    code, service, check, line = only(system)
    assert (code, service, check) == (2, "screening", "relay")
    assert "does not advance" in line["what"]
    with administrator(system) as connection:
        connection.execute("DELETE FROM outbox_position WHERE topic = 'screening.run.v1'")
        connection.execute("UPDATE lease SET expires_at = clock_timestamp() WHERE name = 'relay'")
    wait_until(lambda: becomes_well(system), DEADLINE_SECONDS, "it advances again")


@contextmanager
def administrator(system: System) -> Iterator[psycopg.Connection[Any]]:
    """Screening's schema with all rights."""
    engines = system.engines
    with psycopg.connect(engines.admin_of(engines.database)) as connection:
        connection.execute(f"SET search_path = {system.namespace}_screening".encode())
        yield connection


# Metrics


def scrape(system: System, service: str, principal: str | None = "scraper") -> httpx.Response:
    headers = {"authorization": f"Bearer {system.token(principal)}"} if principal else {}
    return httpx.get(f"{system.http(service)}/metrics", headers=headers, trust_env=False)


def value(system: System, service: str, metric: str, /, **labels: str) -> float | None:
    families = text_string_to_metric_families(scrape(system, service).text)
    samples = [sample for family in families for sample in family.samples]
    return next((each.value for each in samples if each.name == metric and each.labels == labels), None)


def test_only_the_scraper_reads_metrics_and_it_opens_no_other_door(system: System) -> None:
    assert scrape(system, "intake", None).status_code == 401
    assert scrape(system, "intake", "operator").status_code == 403
    headers = {"authorization": f"Bearer {system.token('scraper')}"}
    for door in ("/extracts", "/dead-letters", "/doctor"):
        assert httpx.get(f"{system.http('intake')}{door}", headers=headers, trust_env=False).status_code == 403
    assert value(system, "intake", "socialsog_http_requests_total", method="GET", door="/doctor", status="403") == 1


def test_each_service_exports_what_is_declared_and_nothing_else(system: System) -> None:
    """No sample is undeclared, and no label is an id or a number of anybody."""
    declared, seen = metrics.declared(), set()
    for service in SERVICES:
        answer = scrape(system, service)
        assert answer.headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                assert sample.name.startswith("process_") or set(sample.labels) == set(declared[sample.name]), sample
                seen.add(sample.name)
                assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-|\d{6}-?\d{4}", " ".join(sample.labels.values())), sample
        assert "process_resident_memory_bytes" in answer.text
    assert {"socialsog_clock_offset_seconds", "socialsog_sending_stopped", "socialsog_identities_waiting"} <= seen
    assert {"socialsog_audit_entries", "socialsog_disk_free_ratio", "socialsog_consumer_lag_messages"} <= seen
