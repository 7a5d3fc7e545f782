"""`make up` and `make down`, with a `docker` that only notes what it was asked: what they ask of it, print and remember."""

import os
import subprocess
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from deploy.compose.__main__ import copies_of, main
from services.runtime.settings import SERVICES

ROOT = Path(__file__).parents[2]
DOCKER = """#!/bin/sh
for last; do :; done
case "$*" in
    *" port "*) echo "127.0.0.1:$last";;
    *) echo "$*" >> "${0%/*}/said";;
esac
"""
"""A published port is the same outside as inside."""


@pytest.fixture
def shell(tmp_path: Path) -> CliRunner:
    docker = tmp_path / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.defpath}"
    return CliRunner(env={"PATH": path, "SOCIALSOG_CONTAINERS": str(tmp_path / "containers"), "SOCIALSOG_MUNICIPALITIES": "101"})


def said(tmp_path: Path) -> list[list[str]]:
    """What docker was asked to do."""
    return [line.split() for line in (tmp_path / "said").read_text().splitlines()]


def test_up_starts_all_services_waits_and_prints_where_they_are(shell: CliRunner, tmp_path: Path) -> None:
    done = shell.invoke(main, ["up", "--scale", "screening=3", "--scale", "audit=2"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    folder = tmp_path / "containers"
    compose = f"compose --env-file {folder}/compose.env --project-name socialsog --file {ROOT}/docker-compose.yml"
    assert said(tmp_path) == [
        ["image", "inspect", "socialsog:local"],
        f"{compose} up --detach --wait --no-build --scale screening=3 --scale audit=2".split() + list(SERVICES),
    ]
    printed = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if not line.startswith("ready after"))
    doors = {name: f"http://127.0.0.1:{8700 + number}" for number, name in enumerate(SERVICES)}
    assert printed == {
        "Kafka": "127.0.0.1:9392 (SASL_PLAINTEXT, SCRAM-SHA-512)",
        "PostgreSQL": "127.0.0.1:5632",
        **doors,
        **{name: f"{folder}/{name}" for name in ("inbox", "secrets")},
        "socialsog": f"{folder}/client.env",
    }
    remembered = dict(line.split("=", 1) for line in (folder / "client.env").read_text().splitlines())
    assert remembered == {
        **{f"SOCIALSOG_{name.upper()}_URL": door for name, door in doors.items()},
        "SOCIALSOG_SECRETS": f"{folder}/secrets",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9392",
        "DATABASE_URL": "postgresql://127.0.0.1:5632/socialsog",
    }


def test_down_stops_what_up_has_started_and_nothing_where_nothing_was(shell: CliRunner, tmp_path: Path) -> None:
    assert "nothing was ever started" in shell.invoke(main, ["down"], catch_exceptions=False).output
    assert not (tmp_path / "said").exists()
    shell.invoke(main, ["up"], catch_exceptions=False)
    assert shell.invoke(main, ["down"], catch_exceptions=False).exit_code == 0
    assert said(tmp_path)[-1][-2:] == ["down", "--remove-orphans"]
    assert (tmp_path / "containers" / "secrets").is_dir()


def test_a_docker_without_compose_is_named(shell: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "docker").write_text('#!/bin/sh\ntest "$1" = image\n')
    done = shell.invoke(main, ["up"])
    assert done.exit_code == 1
    assert "Docker has no compose plugin on this machine: install it" in done.output
    assert not (tmp_path / "containers" / "client.env").exists()


def test_copies_are_asked_for_by_name_and_number() -> None:
    assert copies_of(()) == {}
    assert copies_of(("screening=3", "audit=10", "intake=1")) == {"screening": 3, "audit": 10, "intake": 1}


@pytest.mark.parametrize(
    "wrong", ["screening", "screening=", "screening=0", "screening=11", "screening=-1", "screening=x", "kafka=3", "=3"]
)
def test_what_cannot_be_so_many_copies_is_refused(wrong: str) -> None:
    with pytest.raises(click.BadParameter, match="write a service's name, =, and 1 to 10"):
        copies_of(("audit=2", wrong))


def test_each_service_has_a_port_for_each_copy_that_may_be_asked_for() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for number, name in enumerate(SERVICES):
        digits = f"127.0.0.1:${{SOCIALSOG_DOORS:-87}}{number}"
        assert services[name]["ports"] == [f"{digits}0-{digits.removeprefix('127.0.0.1:')}9:{8700 + number}"]


def test_make_hands_the_copies_on() -> None:
    environment = os.environ | {"SCALE": "screening=3 audit=2"}
    done = subprocess.run(["make", "-n", "up"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert "-m deploy.compose up --scale screening=3 --scale audit=2\n" in done.stdout
