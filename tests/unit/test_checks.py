"""What a service finds when it looks at itself, as far as files and words go: secrets in either form, and what mends them."""

import ast
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.addresses import free_block
from services.commands.doctor import examine
from services.delivery.sealing import Keys
from services.runtime.checks import database, files, kafka, mends
from services.runtime.settings import SERVICES, load

ROOT = Path(__file__).parents[2]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "kafka-intake"
    path.touch(0o600)
    return path


def look(secret: Path) -> tuple[str, str]:
    found = files.secrets(secret.parent, [secret.name])
    return found.level, found.mend


def test_a_secret_of_ours_is_for_us_alone(secret: Path) -> None:
    assert look(secret) == ("ok", "")
    for mode in (0o640, 0o604):
        secret.chmod(mode)
        level, mend = look(secret)
        assert level == "warn"
        subprocess.run(shlex.split(mend), check=True)
        assert look(secret) == ("ok", "")


def test_a_mounted_secret_is_read_by_the_group_that_the_container_was_given(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCIALSOG_ENVIRONMENT", "production")
    monkeypatch.setattr(os, "geteuid", lambda: secret.stat().st_uid + 1)
    secret.chmod(0o440)
    assert look(secret) == ("ok", "")
    for mode in (0o444, 0o460):
        secret.chmod(mode)
        assert look(secret) == ("warn", "make up  # closes it")
    assert look(secret.with_name("gone"))[1].startswith("make up  # makes it, or mount ")


@pytest.mark.parametrize(("environment", "up", "anew"), [("embedded", "start", "stop start"), ("production", "up", "down up")])
def test_what_mends_is_said_in_the_words_of_the_form(
    environment: str, up: str, anew: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCIALSOG_ENVIRONMENT", environment)
    assert kafka.provision() == f"make {up}  # provisions what is missing"
    assert kafka.unreachable("k:9092").mend == f"make {up}  # or set KAFKA_BOOTSTRAP_SERVERS"
    assert database.unreachable().mend == f"make {up}  # or set DATABASE_URL"
    assert mends.restart("audit").startswith(f"make {anew}  # begins audit anew")


def test_a_container_is_mended_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folders are its own, and read only: what is wrong with them is mended where `docker compose` is called."""
    gone = tmp_path / "gone"
    assert files.disk("inbox", gone).mend == f"mkdir -p {gone}  # or mount it"
    assert Keys(tmp_path).check(["751"]).mend == f"cp PUBLIC_KEY.jwk {tmp_path}/751.json"
    monkeypatch.setattr(files, "WARN_FREE", 2.0)
    assert files.disk("state", tmp_path).mend.startswith(f"df -h {tmp_path}  # ")
    monkeypatch.setenv("SOCIALSOG_ENVIRONMENT", "production")
    assert files.disk("inbox", gone).mend == "make up  # mounts it"
    assert Keys(tmp_path).check(["751"]).mend.startswith("cp PUBLIC_KEY.jwk .containers/keys/751.json  # ")
    assert files.disk("state", tmp_path).mend.startswith("docker system df  # ")


@pytest.mark.parametrize(("environ", "up"), [({"SOCIALSOG_ENVIRONMENT": "embedded"}, "start"), ({}, "up")])
def test_the_command_line_speaks_of_the_form_that_it_asks(tmp_path: Path, environ: dict[str, str], up: str) -> None:
    """`make up` leaves an environment without a word of it, which is production's."""
    (tmp_path / "http-operator").write_text("token")
    port = free_block(18700, len(SERVICES))
    places = {"SOCIALSOG_SECRETS": str(tmp_path), "SOCIALSOG_BASE_PORT": str(port)}
    lines = examine(load("cli", environ | places))
    assert {line.finding.mend for line in lines} == {f"make {up}  # starts what does not run"}
    assert {line.service for line in lines} == set(SERVICES)


def test_what_mends_is_said_in_one_place() -> None:
    """So it is right in both forms wherever it is printed: by the doctor, in a log, at the end of a command."""
    told = [f"{path}: {text}" for path in sources() for text in said(path) if FORMS.search(text)]
    assert told == []


FORMS = re.compile(r"\bmake (start|stop|up|down|migrate)\b")


def sources() -> Iterator[Path]:
    """What runs in both forms. The simulator and its clock are of one only."""
    for folder in ("services", "deploy/provision"):
        yield from (path.relative_to(ROOT) for path in (ROOT / folder).rglob("*.py") if not OF_ONE_PLACE & {*path.parts})


OF_ONE_PLACE = frozenset({"mends.py", "simulator", "clock.py"})


def said(path: Path) -> list[str]:
    """All texts of a module but what it says of itself."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    own = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in own]
    return [node.value for node in texts if isinstance(node.value, str)]


def test_the_command_line_speaks_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOCIALSOG_ENVIRONMENT", raising=False)
    assert mends.migrate() == "make migrate"
