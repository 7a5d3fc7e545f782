"""A Kafka that lost its log, or the tail of it: what was published is published again, and whoever reads misses nothing."""

import time
from contextlib import closing
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from deploy.embedded.kafka import KafkaServer
from deploy.system import System
from deploy.testing import Running
from deploy.waiting import wait_until
from events.envelope import Envelope
from events.municipal import Notification
from events.topics import RECORD, RUN, municipal_notification
from services.runtime import broker
from services.runtime.database import Store
from services.runtime.errors import Fatal
from services.runtime.relay import Relay, written_by
from tests.chaos.counting import ARRIVE_SECONDS, Counting, running
from tests.chaos.engine_log import lose_log, lose_tail
from tests.integration.test_delivery import Desk
from tests.owned_store import OwnedStore

pytestmark = pytest.mark.engines


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
    assert counting.each_once()


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
    counting.relay.broker.close()  # its connection went with the broker
    counting.relay._checked = time.monotonic() + 600
    counting.write(10)
    counting.publish()
    counting.relay._checked = 0.0
    with counting.relaying(), counting.consuming():
        counting.wait()
    assert counting.each_once()


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
    assert counting.each_once()
    with counting.intake.transaction() as transaction:
        clusters = transaction.execute("SELECT DISTINCT cluster FROM publication").scalars().all()
    assert clusters == [kafka.cluster_id]


def test_who_starts_while_kafka_is_being_provisioned_waits_for_its_rights(own: Running, tmp_path: Path) -> None:
    system = System(tmp_path, "early", ("101",), own.engines)
    system.secrets.make_all(system.municipalities, tmp_path / "keys")
    asking = broker.Broker(system.settings("screening"))
    with running(lambda stop: broker.wait_for_rights(asking, [RECORD], [RUN], ARRIVE_SECONDS)):
        system.prepare()
    with pytest.raises(Fatal, match="may not WRITE"):
        broker.wait_for_rights(asking, [RECORD], [RECORD], deadline_s=0)
    asking.close()


def test_a_municipality_gets_again_only_what_it_has_not_answered(own: Running, kafka: KafkaServer, tmp_path: Path) -> None:
    system = System(tmp_path / "state", "delivering", ("101",), own.engines)
    system.prepare()
    store = OwnedStore(system, "delivery")
    desk = Desk(store, tmp_path / "public")
    relay = Relay(system.settings("delivery"), store, written_by("delivery", ("101",)), desk.sender.offer_everything_unanswered)
    for _ in range(2):
        desk.approve(desk.decision())
    desk.run()
    first, second = (message.message_id for message in desk.messages())
    with closing(store), running(relay.run):
        wait_until(lambda: on_topic(system) == [first, second], ARRIVE_SECONDS, "both messages")
        desk.answer(desk.messages()[0], "received")
        lose_log(kafka)
        kafka.start()
        system.prepare()
        wait_until(lambda: second in on_topic(system), ARRIVE_SECONDS, "the message without receipt, again")
        wait_until(lambda: not waiting(store), ARRIVE_SECONDS, "everything published")
    assert set(on_topic(system)) == {second}, "by the same id, at least once"


def on_topic(system: System) -> list[UUID]:
    """Ids of the messages that lie ready for the municipality."""
    settings = system.settings("simulator")
    client = broker.consumer(settings, "municipality-101")
    try:
        client.assign([broker.partition(settings, municipal_notification("101"), 0)])
        client.seek_to_beginning()
        polled = client.poll(timeout_ms=2_000).values()
    finally:
        client.close(autocommit=False)
    found = [msgspec.json.decode(each.value, type=Envelope[Notification]) for messages in polled for each in messages]
    return [each.data.message_id for each in found]


def waiting(store: Store) -> int:
    """Partitions with facts that are not published."""
    with store.transaction() as transaction:
        return int(transaction.execute("SELECT count(*) FROM outbox_position WHERE published < last").scalar_one())
