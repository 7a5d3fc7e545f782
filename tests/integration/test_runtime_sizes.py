"""A fact that no topic takes is refused where it is written: who caused it is set aside, and everything else goes on."""

import base64
import os
from collections.abc import Sequence
from functools import partial

import msgspec
import pytest

from deploy.system import System
from events import topics
from events.extract import Extract
from events.topics import LARGEST_FACT_BYTES
from services.runtime.database import Store
from services.runtime.dead_letters import DeadLetters
from services.runtime.errors import Poison
from services.runtime.events import Event
from services.runtime.service import Service
from services.runtime.transaction import Transaction
from services.runtime.work import Effects, Worker, WorkItem
from tests.integration.test_runtime import Screening, extract, open_store, publish, relay, system, threads, until

__all__ = ["system"]


def publish_large(transaction: Transaction, topic: topics.Topic, number: int, size: int) -> None:
    """A fact with so many bytes of what compresses as badly as an encrypted letter."""
    content = base64.b64encode(os.urandom(size))[:size].decode()
    fact = msgspec.structs.replace(extract(number), district=content)
    transaction.publish(topic, fact.extract_id, 1, fact)


def room(store: Store) -> int:
    """How much of the largest fact is not taken up by what the one fact in the outbox says anyway."""
    with store.transaction() as transaction:
        return LARGEST_FACT_BYTES - int(transaction.execute("SELECT octet_length(payload) FROM outbox").scalar_one())


def test_the_largest_fact_arrives_and_a_larger_one_is_refused(system: System) -> None:
    intake, screening = open_store(system, "intake"), Screening(system)
    with intake.transaction() as transaction:
        publish_large(transaction, topics.EXTRACT, 1, 0)
    most = room(intake)
    with intake.transaction() as transaction:
        publish_large(transaction, topics.EXTRACT, 2, most)
    refused = rf"fact_too_large {topics.EXTRACT.name} {LARGEST_FACT_BYTES + 1}_bytes"
    with pytest.raises(Poison, match=refused), intake.transaction() as transaction:
        publish_large(transaction, topics.EXTRACT, 3, most + 1)
    publish(intake, 4)
    with threads(relay(system, intake).run, screening.consumer.run):
        until(lambda: set(screening.applied) == {"1461-00001", "1461-00002", "1461-00004"})
    with screening.store.transaction() as transaction:
        assert transaction.execute("SELECT CAST(seen AS text) FROM received").scalar_one() == "{[1,4)}"


class Verbose(Screening):
    """Answers one message with more than a topic takes."""

    def handle(self, transaction: Transaction, events: Sequence[Event[Extract]]) -> None:
        super().handle(transaction, events)
        for event in events:
            size = LARGEST_FACT_BYTES if event.key == "1461-00002" else 1
            publish_large(transaction, topics.RUN, event.data.sequence, size)


def test_a_message_whose_effects_no_topic_takes_is_set_aside_and_the_rest_goes_on(system: System) -> None:
    intake, screening = open_store(system, "intake"), Verbose(system)
    for number in (1, 2, 3):
        publish(intake, number)
    with threads(relay(system, intake).run, screening.consumer.run):
        until(lambda: "1461-00003" in screening.applied and bool(DeadLetters(screening.store, redrive).list()))
    (letter,) = DeadLetters(screening.store, redrive).list()
    assert letter.key == "1461-00002"
    assert letter.reason.startswith(f"Poison: fact_too_large {topics.RUN.name} ")
    with screening.store.transaction() as transaction:
        assert transaction.execute("SELECT key FROM outbox ORDER BY position").scalars().all() == ["1461-00001", "1461-00003"]


def redrive(transaction: Transaction, row: object) -> None:
    raise NotImplementedError


def test_work_whose_effects_no_topic_takes_is_set_aside(system: System) -> None:
    store = open_store(system, "intake")

    def do(item: WorkItem) -> Effects:
        return lambda transaction: publish_large(transaction, topics.EXTRACT, 1, LARGEST_FACT_BYTES)

    with store.transaction() as transaction:
        transaction.enqueue("read", "extract", {})
    assert Worker(store, {"read": do}).step()
    (letter,) = DeadLetters(store, redrive).list()
    assert letter.reason.startswith(f"Poison: fact_too_large {topics.EXTRACT.name} ")
    with store.transaction() as transaction:
        assert transaction.execute("SELECT count(*) FROM outbox").scalar_one() == 0


def test_what_is_repeated_and_writes_more_than_a_topic_takes_ends_no_service(system: System) -> None:
    service, tries = Service(system.settings("intake")), list[int]()

    def too_much() -> None:
        tries.append(1)
        with service.store.transaction() as transaction:
            publish_large(transaction, topics.EXTRACT, 1, LARGEST_FACT_BYTES)

    with threads(partial(service._repeat, "scan", 0.05, too_much)):
        until(lambda: len(tries) > 1)
    service.store.close()
