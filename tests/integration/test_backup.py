"""Backup and restore of the tables on a real PostgreSQL: that point and no other, with rights, on hold; or nothing at all."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.backup import BackupFailed, backup, restore
from deploy.system import System
from deploy.testing import Running
from services.delivery import store as delivery
from services.runtime import versions
from services.runtime.database import Store
from tests.conftest import new_system
from tests.integration.test_runtime import OPENED, open_store, publish


@pytest.fixture
def system(running: Running, tmp_path: Path) -> Iterator[System]:
    found = new_system(running, tmp_path / "state")
    found.prepare()
    yield found
    while OPENED:
        OPENED.pop().close()


@pytest.fixture
def file(system: System, tmp_path: Path) -> Path:
    """A backup of the moment at which one fact was published; there are two now."""
    intake, found = open_store(system, "intake"), tmp_path / "backup"
    publish(intake, 1)
    with intake.transaction() as transaction:
        transaction.execute("UPDATE outbox_position SET published = last")
    assert backup(system, found) == found.stat().st_size
    publish(intake, 2)
    return found


def facts(store: Store) -> int:
    with store.transaction() as transaction:
        return int(transaction.execute("SELECT count(*) FROM outbox").scalar_one())


def test_a_restored_system_stands_where_the_backup_stood_and_nothing_leaves(system: System, file: Path) -> None:
    assert file.stat().st_mode & 0o077 == 0, "it holds personal data"
    restore(system, file, kafka_is_empty=True)
    store = open_store(system, "intake")
    versions.check(store)
    assert facts(store) == 1
    with store.transaction() as transaction:
        assert transaction.execute("SELECT last, published FROM outbox_position").all() == [(1, 0)], "published again"
    with open_store(system, "delivery").transaction() as transaction:
        assert delivery.held(transaction)
        assert delivery.stopped(transaction)
    assert set(system.prepare().values()) == {0}, "tables, rights and ledgers are as declared"


def test_a_backup_that_is_not_whole_changes_nothing(system: System, file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(BackupFailed, match="not a whole backup"):
        restore(system, file, kafka_is_empty=True)
    assert facts(open_store(system, "intake")) == 2
    with open_store(system, "delivery").transaction() as transaction:
        assert not delivery.held(transaction)


def test_a_kafka_that_is_not_ours_must_be_said_to_be_empty(system: System, file: Path) -> None:
    with pytest.raises(BackupFailed, match="empty Kafka"):
        restore(system, file)
    assert facts(open_store(system, "intake")) == 2


SAYS = "#!/bin/sh\n{}\n"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands in for PostgreSQL's own programs."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("pg_dump", "pg_restore", "psql"):
        (folder / name).write_text(SAYS.format("exit 1"))
        (folder / name).chmod(0o755)
    monkeypatch.setenv("SOCIALSOG_POSTGRES_PROGRAMS", str(folder))
    return folder


def test_a_backup_that_fails_leaves_no_part_of_the_vault(system: System, programs: Path, tmp_path: Path) -> None:
    (programs / "pg_dump").write_text(SAYS.format("echo a part; echo why >&2; exit 1"))
    with pytest.raises(BackupFailed, match="why"):
        backup(system, tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir() if "file" in path.name] == []


def test_the_named_programs_are_used_and_get_the_password_as_it_is(
    system: System, programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (programs / "pg_dump").write_text(SAYS.format('printf "%s %s" "$PGPASSWORD" "$*"'))
    url = "postgresql://admin:a%2Fb%40c@db:5432/postgres?sslmode=verify-full"
    monkeypatch.setattr(system, "_given", replace(system.engines, admin_url=url))
    backup(system, tmp_path / "file")
    said = (tmp_path / "file").read_bytes().decode().partition("\n")[0]
    assert said.startswith("a/b@c --format=custom")
    assert said.endswith("--dbname=postgresql://admin@db:5432/socialsog?sslmode=verify-full")


def test_an_encrypted_database_needs_programs_that_encrypt_before_anything_is_stopped(
    system: System, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypted = replace(system.engines, admin_url=f"{system.engines.admin_url}?sslmode=verify-full")
    monkeypatch.setattr(system, "_given", encrypted)
    monkeypatch.setattr(system, "stop_services", lambda: pytest.fail("services were stopped"))
    for attempt in (lambda: backup(system, file.with_name("other")), lambda: restore(system, file, kafka_is_empty=True)):
        with pytest.raises(BackupFailed, match="let SOCIALSOG_POSTGRES_PROGRAMS name"):
            attempt()
    monkeypatch.setenv("SOCIALSOG_POSTGRES_PROGRAMS", str(file.parent))
    with pytest.raises(BackupFailed, match="there is no pg_dump"):
        backup(system, file.with_name("other"))
