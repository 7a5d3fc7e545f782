"""Messages that come broken, compressed otherwise, or with bytes that nobody understands: set aside, and the rest goes on."""

import asyncio
from contextlib import closing
from uuid import uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from litestar.testing import TestClient

from deploy.provision.kafka import admin_client
from deploy.system import System
from deploy.testing import Running
from events import topics
from events.envelope import Envelope
from services import ledger
from services.runtime import broker
from services.runtime.dead_letters import DeadLetters
from services.runtime.errors import Poison
from services.runtime.events import Decoder
from services.runtime.http import application
from services.runtime.service import Service, operator_doors
from tests.chaos.engine_log import batches
from tests.integration.test_runtime import Screening, extract, open_store, publish, relay, system, threads, until

__all__ = ["system"]


def test_a_broken_message_is_one_dead_letter_however_often_it_comes_and_no_missing_fact(system: System) -> None:
    intake, screening = open_store(system, "intake"), Screening(system)
    sender = broker.producer(system.settings("intake"))
    for payload in (b"broken", b"broken", b"otherwise broken", b"broken"):
        sender.send(system.settings("intake").kafka_name(topics.EXTRACT.name), payload).get(timeout=20)
    sender.close()
    publish(intake, 1)
    with threads(relay(system, intake).run, screening.consumer.run):
        until(lambda: "1461-00001" in screening.applied)
    letters = DeadLetters(screening.store, lambda transaction, row: None).list()
    assert len(letters) == 2
    amounts = {each.name: each.amount for each in ledger.read(system.settings("screening")) if each.service == "screening"}
    assert amounts[f"set_aside:{topics.EXTRACT.name}"] == 2
    assert f"dead:{topics.EXTRACT.name}" not in amounts


def at_position(position: int) -> bytes:
    """An event of intake in which nothing is wrong but perhaps its position."""
    fact, kind = extract(7), topics.EXTRACT.type
    return msgspec.json.encode(Envelope(uuid4(), "/intake", kind, fact.extract_id, fact.covers_until, 1, position, "", fact))


BROKEN = [
    (b"\x00\x01", b"{ not json"),
    (b"\xff\x00", b""),
    (b"1461-00007", b'{"nested":' + b"[" * 100_000),
    *[(b"1461-00007", at_position(position)) for position in (0, 2**63 - 1, 2**64 - 1)],
]


def test_whatever_bytes_come_they_are_set_aside_and_what_follows_is_handled(system: System) -> None:
    intake, screening = open_store(system, "intake"), Screening(system)
    sender = broker.producer(system.settings("intake"))
    for key, payload in BROKEN:
        sender.send(system.settings("intake").kafka_name(topics.EXTRACT.name), payload, key).get(timeout=20)
    sender.close()
    publish(intake, 1)
    with threads(relay(system, intake).run, screening.consumer.run):
        until(lambda: "1461-00001" in screening.applied)
    assert set(screening.applied) == {"1461-00001"}
    letters = DeadLetters(screening.store, lambda transaction, row: None).list()
    assert [letter.key for letter in letters][:2] == ["\ufffd\x01", "\ufffd\ufffd"]
    assert [letter.reason for letter in letters][2:] == ["Poison: nested_too_deeply", *["Poison: position_out_of_range"] * 3]
    with screening.store.transaction() as transaction:
        assert transaction.execute("SELECT count(position) FROM dead_letter").scalar_one() == 0


@pytest.mark.parametrize("position", [-1, 0, 2**63 - 1, 2**64 - 1])
def test_a_position_that_no_range_can_hold_is_poison(position: int) -> None:
    with pytest.raises(Poison, match="position_out_of_range"):
        Decoder(topics.EXTRACT).decode(at_position(position), None)
    assert Decoder(topics.EXTRACT).decode(at_position(2**63 - 2), None).position == 2**63 - 2


async def send_elsewise(system: System, compression: str, payloads: list[bytes]) -> None:
    """Send one batch as a producer does that is not ours, with a compression that our own client does not know."""
    settings, user = system.settings("intake"), broker.login(system.settings("intake"))
    sender = AIOKafkaProducer(
        bootstrap_servers=user["bootstrap_servers"],
        security_protocol=user["security_protocol"],
        sasl_mechanism=user["sasl_mechanism"],
        sasl_plain_username=user["sasl_plain_username"],
        sasl_plain_password=user["sasl_plain_password"],
        compression_type=compression,
    )
    await sender.start()
    batch = sender.create_batch()
    for payload in payloads:
        assert batch.append(key=None, value=payload, timestamp=None)
    batch.close()
    await (await sender.send_batch(batch, settings.kafka_name(topics.EXTRACT.name), partition=0))
    await sender.stop()


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_whatever_a_producer_compresses_with_is_read(system: System, compression: str) -> None:
    screening = Screening(system)
    asyncio.run(send_elsewise(system, compression, [at_position(1)]))
    with threads(screening.consumer.run):
        until(lambda: set(screening.applied) == {"1461-00007"})


def test_what_lies_there_in_an_unknown_compression_is_set_aside_and_the_rest_goes_on(system: System) -> None:
    name = system.settings("intake").kafka_name(topics.EXTRACT.name)
    with closing(admin_client(system.engines)) as client:
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"compression.type": "producer"})])
    intake, screening = open_store(system, "intake"), Screening(system)
    asyncio.run(send_elsewise(system, "zstd", [at_position(1), at_position(2), at_position(3)]))
    publish(intake, 1)
    with threads(relay(system, intake).run, screening.consumer.run):
        until(lambda: set(screening.applied) == {"1461-00001"})
    with screening.store.transaction() as transaction:
        found = transaction.execute("SELECT topic, partition, kafka_offset, reason, payload FROM dead_letter ORDER BY id").all()
    assert found == [(topics.EXTRACT.name, 0, offset, "UnsupportedCodecError", None) for offset in range(3)]


class Garbled(str):
    """A header's name that is no UTF-8."""

    def encode(self, *_: object) -> bytes:
        return b"\xff"


def test_a_batch_that_our_client_does_not_understand_is_set_aside_and_the_rest_goes_on(system: System) -> None:
    intake, screening = open_store(system, "intake"), Screening(system)
    sender, name = broker.producer(system.settings("intake")), system.settings("intake").kafka_name(topics.EXTRACT.name)
    named: list[list[tuple[str, bytes]]] = [[], [(Garbled("x"), b"")], []]
    sent = [sender.send(name, at_position(number), headers=headers) for number, headers in enumerate(named, 1)]
    sender.flush()
    assert [future.get(timeout=20).offset for future in sent] == [0, 1, 2]
    sender.close()
    publish(intake, 1)
    with threads(relay(system, intake).run, screening.consumer.run):
        until(lambda: set(screening.applied) == {"1461-00007", "1461-00001"})
    with screening.store.transaction() as transaction:
        found = transaction.execute("SELECT kafka_offset, reason FROM dead_letter ORDER BY id").all()
    assert found == [(1, "CorruptRecordError"), (2, "CorruptRecordError")]


def damage(running: Running, name: str, number: int) -> None:
    """Alter a byte of one of a topic's batches on the broker's disk."""
    assert running.embedded is not None
    (node,) = running.embedded.kafka.nodes
    (segment,) = (node.node.data / f"{name}-0").glob("*.log")
    place = [end for _, end in batches(segment)][number] - 1
    content = segment.read_bytes()
    with segment.open("r+b") as file:
        file.seek(place)
        file.write(bytes([content[place] ^ 0xFF]))


@pytest.mark.parametrize(("sizes", "damaged", "lost"), [((1, 1, 1), 1, [2]), ((1, 1, 1), 2, [3]), ((3, 1), 0, [1, 2, 3])])
def test_what_the_broker_s_disk_has_damaged_is_published_again(
    system: System, running: Running, sizes: tuple[int, ...], damaged: int, lost: list[int]
) -> None:
    if running.embedded is None:
        pytest.skip("the broker's files are out of reach")
    intake, screening, sending = (
        Service(system.settings("intake")),
        Screening(system),
        relay(system, open_store(system, "intake")),
    )
    numbers = iter(range(1, sum(sizes) + 1))
    for size in sizes:
        for _ in range(size):
            publish(intake.store, next(numbers))
        assert sending.lease.hold()
        assert sending.step()
    damage(running, system.settings("intake").kafka_name(topics.EXTRACT.name), damaged)
    letters = DeadLetters(screening.store, lambda transaction, row: None)
    with threads(screening.consumer.run):
        until(lambda: len(screening.applied) + len(letters.list()) == sum(sizes))
    found = letters.list()
    assert [(each.reason, each.lacks) for each in found] == [("CorruptRecordError", lost[0])] * len(lost)
    last = intake.publish_again(topics.EXTRACT.name, 0, lost[0], "operator")
    assert last == sum(sizes)
    for through in (None, last):
        with pytest.raises(Poison, match="not_come_again"):
            letters.redrive(found[-1].id, "operator", through)
    with threads(sending.run, screening.consumer.run):
        until(lambda: len(screening.applied) == sum(sizes))
    assert letters.redrive(found[-1].id, "operator", last)
    assert letters.list() == [], "with the last one those before it are settled"
    assert all(versions == [1] for versions in screening.applied.values())
    intake.store.close()


def test_only_what_a_service_writes_itself_and_may_repeat_is_published_again(system: System) -> None:
    delivery = Service(system.settings("delivery"))
    with delivery.store.transaction() as transaction:
        transaction.publish(topics.DELIVERY, "key", 1, {})
        transaction.publish(topics.municipal_notification("101"), "key", 1, {})
    place = {"topic": topics.DELIVERY.name, "partition": topics.DELIVERY.partition("key"), "first": 1}
    refused = [
        ({"topic": topics.municipal_notification("101").name, "partition": 0}, 404),
        ({"topic": topics.EXTRACT.name, "partition": 0}, 404),
        ({"topic": topics.AUDIT["delivery"].name, "partition": 0}, 404),
        ({"first": 0}, 400),
        ({"partition": 40_000}, 400),
    ]
    with TestClient(application(system.settings("delivery"), operator_doors(delivery), list)) as doors:
        doors.headers["authorization"] = f"Bearer {system.token('operator')}"
        for otherwise, status in refused:
            assert doors.post("/outbox/again", json={**place, **otherwise}).status_code == status
        assert doors.post("/outbox/again", json=place).json() == {"through": 1}
        assert doors.post("/dead-letters/1/redrive", params={"through": 1}).status_code == 404
    with delivery.store.transaction() as transaction:
        assert transaction.execute("SELECT count(*) FROM outbox WHERE topic LIKE 'audit.%'").scalar_one() == 1
    delivery.store.close()
