"""What a service finds when it looks at itself, as far as files and words go: secrets in either form, and what mends them."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from services.runtime.checks import database, files, kafka, mends


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


def test_the_command_line_speaks_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOCIALSOG_ENVIRONMENT", raising=False)
    assert mends.migrate() == "make migrate"
