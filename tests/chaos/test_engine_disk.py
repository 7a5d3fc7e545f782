"""A full disk under Kafka and under PostgreSQL: what cannot be written waits, and goes on when there is room again."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.embedded.reach import account, data_folder
from deploy.engines import EmbeddedEngines
from deploy.waiting import wait_until
from services.runtime.errors import is_transient
from tests.chaos.counting import Counting
from tests.chaos.engine_disk import refused, sizes
from tests.chaos.small_disk import SmallDisk, Unavailable

NOTICE_SECONDS = 60
MOST_FACTS = 20_000
"""Far more than fit into what PostgreSQL has set aside beforehand (16 MiB of journal)."""
pytestmark = pytest.mark.engines


@contextmanager
def small_disk(folder: Path, megabytes: int, stop: Callable[[], object], start: Callable[[], None]) -> Iterator[SmallDisk]:
    """An engine's folder on a small disk. Where none can be had the test fails in CI; elsewhere it is skipped, and says why."""
    stop()
    disk = SmallDisk(folder, megabytes)
    try:
        disk.__enter__()
    except Unavailable as reason:
        start()
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no small file system can be mounted here: {reason}")
    try:
        start()
        yield disk
    finally:
        stop()
        disk.__exit__()
        start()


def test_kafka_s_disk_is_full(counting: Counting, servers: EmbeddedEngines) -> None:
    kafka = servers.kafka.nodes[0]
    with (
        small_disk(kafka.folder, 128, kafka.stop, kafka.start) as disk,
        counting.relaying(),
        counting.consuming(),
    ):
        counting.write(50)
        counting.wait()
        before = sizes(kafka.logs)
        assert disk.fill()
        assert not refused("kafka", kafka.logs, before)
        counting.write(500)
        wait_until(lambda: kafka.process.pid is None, NOTICE_SECONDS, "Kafka ends, because it has no disk left")
        assert refused("kafka", kafka.logs, before)
        disk.free()
        kafka.start()
        counting.wait()
    assert counting.each_once()


def test_postgres_disk_is_full(counting: Counting, servers: EmbeddedEngines) -> None:
    postgres = servers.postgres
    folder = data_folder(servers.state, account())
    with (
        small_disk(folder, 512, postgres.stop, postgres.start) as disk,
        counting.relaying(),
        counting.consuming(),
    ):
        counting.write(50)
        counting.wait()
        assert disk.fill()
        refusal = written_until_refused(counting)
        assert is_transient(refusal)
        disk.free()
        postgres.start()
        counting.write(50)
        counting.wait()
    assert counting.each_once()


def written_until_refused(counting: Counting) -> Exception:
    """Write until the database refuses; what it said."""
    for _ in range(MOST_FACTS):
        try:
            counting.write(1)
        except Exception as error:
            counting.written -= 1
            return error
    raise AssertionError("the disk never got full")
