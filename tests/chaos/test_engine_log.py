"""A Kafka that lost its log, or the tail of it: what was published is published again, and whoever reads misses nothing."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from deploy.embedded.kafka import KafkaServer
from deploy.system import System
from deploy.testing import Choice, Running, embedded
from tests.chaos.counting import Counting
from tests.chaos.engine_log import lose_tail

_numbers = count(1)


@pytest.fixture(scope="module")
def own() -> Iterator[Running]:
    """Engines that may be struck."""
    found = embedded(Choice("embedded", "it is struck"))
    yield found
    found.stop()


@pytest.fixture
def counting(own: Running, tmp_path: Path) -> Iterator[Counting]:
    system = System(tmp_path, f"c{next(_numbers)}", ("101",), own.engines)
    system.prepare()
    found = Counting(system)
    yield found
    found.close()


@pytest.fixture
def kafka(own: Running) -> KafkaServer:
    assert own.embedded is not None
    (node,) = own.embedded.kafka.nodes
    return node


def republished(counting: Counting) -> None:
    """The log holds twenty facts twice, each in a batch of its own, and the consumer has read both."""
    for _ in range(20):
        counting.write(1)
        counting.publish()
    with counting.intake.transaction() as transaction:
        transaction.execute("UPDATE outbox_position SET published = 0")
    counting.publish()
    counting.write(5)
    counting.publish()
    with counting.consuming():
        counting.wait()


def test_who_was_away_while_the_log_lost_its_tail_and_grew_again_misses_nothing(counting: Counting, kafka: KafkaServer) -> None:
    republished(counting)
    assert lose_tail(kafka, counting.topic, 0, 10) == 10
    kafka.start()
    counting.write(15)
    counting.relay._reset()
    counting.publish()
    with counting.consuming():
        counting.wait()
    assert set(counting.applied.values()) == {1}
