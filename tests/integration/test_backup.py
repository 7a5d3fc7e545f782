"""Backup and restore of the tables on a real PostgreSQL: that point and no other, with rights, on hold; or nothing at all."""

from collections.abc import Iterator
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
