"""One week on three brokers: one dies while files are read, comes back, another dies before people decide. Nothing is lost.

The three are this test's own (about 350 MB each), whatever the session runs on. Run it alone: `make test-brokers`.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from deploy.engines import Engines
from deploy.testing import Choice, Running, embedded
from deploy.waiting import wait_until
from services.simulator.world import Deliverable
from tests.system.town import Town

WEEK = "2026-W38"
IN_SYNC_SECONDS = 60
INTERNAL = "__consumer_offsets"
LEAST = "min.insync.replicas"
pytestmark = [pytest.mark.timeout(500), pytest.mark.brokers]


@pytest.fixture
def brokers() -> Iterator[Running]:
    found = embedded(Choice("embedded", "three brokers are its subject"), brokers=3)
    yield found
    found.stop()


@contextmanager
def administrator(engines: Engines) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(
        bootstrap_servers=engines.bootstrap.split(","),
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=engines.kafka_admin,
        sasl_plain_password=engines.kafka_password,
    )
    try:
        yield client
    finally:
        client.close()


def partitions(engines: Engines) -> list[Mapping[str, Any]]:
    """Every partition of every topic, with its replicas and those of them in sync."""
    with administrator(engines) as client:
        return [part | {"topic": topic["name"]} for topic in client.describe_topics() for part in topic["partitions"]]


def in_sync(engines: Engines) -> bool:
    """Whether every partition has its three copies."""
    return all(len(part["isr_nodes"]) == 3 for part in partitions(engines))


def least_in_sync(engines: Engines, topics: set[str]) -> dict[str, str]:
    """The value of `min.insync.replicas` that holds for each of these topics."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic, {LEAST: None}) for topic in sorted(topics)]
    with administrator(engines) as client:
        found = client.describe_configs(asked, config_filter="all")["topic"]
    return {topic: configs[LEAST]["value"] for topic, configs in found.items()}


def test_two_of_three_brokers_die_one_after_the_other_and_the_week_is_the_truth(brokers: Running, tmp_path: Path) -> None:
    assert brokers.embedded is not None
    first, second, _ = brokers.embedded.kafka.nodes
    with Town(brokers, tmp_path) as town:
        deliver = town.drive.deliver

        def deliver_while_one_dies(files: Iterable[Deliverable]) -> None:
            files = list(files)
            for file in files[: len(files) // 2]:
                town.drive.move(file.moment)
                file.hand_over(town.settings.inbox)
            first.kill()
            deliver(files)

        town.drive.history()
        town.drive.deliver = deliver_while_one_dies
        town.drive.screen(1)
        first.start()
        wait_until(lambda: in_sync(brokers.engines), IN_SYNC_SECONDS, "all copies in sync again")
        town.drive.deliver = deliver
        second.kill()
        town.drive.after_run(1)
        town.drive.decide(1)
        town.drive.settle(WEEK)
        assert town.untruths([WEEK]) == []
        assert town.drive.doors.get("auditor", "audit", "/verify")["ok"]
        assert town.violations() == []
        copies = partitions(brokers.engines)
        assert {len(part["replica_nodes"]) for part in copies} == {3}
        least = least_in_sync(brokers.engines, {part["topic"] for part in copies})
        assert INTERNAL in least
        assert set(least.values()) == {"2"}
