"""A Kafka that lost its log, or the tail of it: what was published is published again, and whoever reads misses nothing."""

import time

from deploy.embedded.kafka import KafkaServer
from tests.chaos.counting import Counting
from tests.chaos.engine_log import lose_log, lose_tail


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


def test_a_relay_that_publishes_before_it_looks_notices_the_lost_tail_by_the_offset_it_gets(
    counting: Counting, kafka: KafkaServer
) -> None:
    for _ in range(20):
        counting.write(1)
        counting.publish()
    counting.relay._reset()  # a new producer: the broker cannot tell by its numbers that something is missing
    counting.relay.check_log()
    assert lose_tail(kafka, counting.topic, 0, 15) == 15
    kafka.start()
    counting.relay._checked = time.monotonic() + 600
    counting.write(10)
    counting.publish()
    counting.relay._checked = 0.0
    with counting.relaying(), counting.consuming():
        counting.wait()
    assert set(counting.applied.values()) == {1}


def test_a_lost_log_is_published_again_as_soon_as_the_new_cluster_is_provisioned(counting: Counting, kafka: KafkaServer) -> None:
    with counting.relaying(), counting.consuming():
        counting.write(20)
        counting.wait()
        before = kafka.cluster_id
        lose_log(kafka)
        counting.write(5)
        kafka.start()
        assert kafka.cluster_id != before
        made = counting.system.prepare()
        assert min(made["users"], made["topics"], made["rights"]) > 0
        counting.write(5)
        counting.wait()
    assert set(counting.applied.values()) == {1}
    with counting.intake.transaction() as transaction:
        clusters = transaction.execute("SELECT DISTINCT cluster FROM publication").scalars().all()
    assert clusters == [kafka.cluster_id]
