"""What the runtime owes to copies that pause, to a database or a broker that is away, and to a log that was lost."""

from dataclasses import dataclass
from datetime import datetime
from threading import Event as Signal

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import KafkaError, KafkaTimeoutError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from deploy.system import System
from events import topics
from services.runtime import broker, work
from services.runtime import relay as relays
from services.runtime.consumer import MAX_STARTS
from services.runtime.database import Store
from services.runtime.dead_letters import DeadLetters
from services.runtime.errors import Fatal, Transient, is_transient
from services.runtime.work import MAX_CRASHES, Effects, Worker, WorkItem
from tests.integration.test_runtime import Screening, open_store, publish, relay, run_until, system, threads, until

__all__ = ["system"]


def test_work_under_way_keeps_its_claim(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "RENEW_SECONDS", 0.1)
    store = open_store(system, "intake")
    done: list[int] = []

    def slow(item: WorkItem) -> Effects:
        first = claimed_until(store)
        until(lambda: claimed_until(store) > first)
        assert Worker(store, {"read": slow})._claim() is None
        return lambda transaction: done.append(item.attempts)

    with store.transaction() as transaction:
        transaction.enqueue("read", "extract", {})
    with threads(Worker(store, {"read": slow}).run):
        until(lambda: done == [1])


def claimed_until(store: Store) -> datetime:
    """When the claim on the one piece of work runs out."""
    with store.transaction() as transaction:
        found: datetime = transaction.execute("SELECT next_attempt_at FROM work").scalar_one()
    return found


def test_what_a_dead_worker_has_claimed_is_taken_over_once_the_claim_has_run_out(system: System) -> None:
    store = open_store(system, "intake")
    done: list[int] = []
    alive = Worker(store, {"read": lambda item: lambda transaction: done.append(item.attempts)})
    with store.transaction() as transaction:
        transaction.enqueue("read", "extract", {})
    Worker(store, alive.doers)._claim()  # and dies
    assert not alive.step()
    assert crashes(store) == 0
    assert alive.step()
    assert done == [2]


def crashes(store: Store) -> int:
    """How many deaths the one piece of work is blamed for; it is due again then."""
    with store.transaction() as transaction:
        return int(transaction.execute("UPDATE work SET next_attempt_at = clock_timestamp() RETURNING crashes").scalar_one())


def test_work_that_meets_a_database_that_is_away_has_killed_nobody(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(system, "intake")
    done: list[int] = []

    def do(item: WorkItem) -> Effects:
        return lambda transaction: done.append(item.crashes)

    with store.transaction() as transaction:
        transaction.enqueue("read", "extract", {})
    worker = Worker(store, {"read": do})
    with monkeypatch.context() as away:
        away.setattr(worker, "_finish", unreachable)
        away.setattr(worker, "_later", unreachable)
        for _ in range(MAX_CRASHES + 1):
            with pytest.raises(OperationalError):
                worker.step()
    assert crashes(store) == 0
    assert not worker.step(), "it is given back, and due a moment later"
    assert crashes(store) == 0
    assert worker.step()
    assert done == [0]


def unreachable(*_: object) -> None:
    raise OperationalError("", {}, psycopg.OperationalError())


def test_deaths_of_workers_count_in_a_row_only(system: System) -> None:
    store = open_store(system, "intake")
    with store.transaction() as transaction:
        transaction.enqueue("read", "extract", {})

    def away(item: WorkItem) -> Effects:
        raise Transient("peer_away")

    for _ in range(MAX_CRASHES):
        Worker(store, {"read": away})._claim()  # and dies
        assert crashes(store) < MAX_CRASHES
    assert Worker(store, {"read": away})._claim().crashes == MAX_CRASHES
    with store.transaction() as transaction:
        transaction.execute("UPDATE work SET crashes = 1, next_attempt_at = clock_timestamp()")
    assert Worker(store, {"read": away}).step()
    assert crashes(store) == 0


def test_who_is_behind_a_broken_line_lets_go_of_its_locks_and_begins_anew(system: System) -> None:
    lost, alive = open_store(system, "intake"), open_store(system, "intake")
    take = "INSERT INTO applied VALUES ('topic', 'key', 1) ON CONFLICT (topic, key) DO UPDATE SET version = 2"
    with lost.engine.connect() as connection:
        assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one() == "1min"
        connection.execute(text(take))
        connection.execute(text("SET idle_in_transaction_session_timeout = '200ms'"))
        with alive.transaction() as transaction:
            transaction.execute(take)  # waits until PostgreSQL has ended the other
        with pytest.raises(DBAPIError) as caught:
            connection.execute(text("SELECT 1"))
    assert is_transient(caught.value)


def test_a_worker_that_was_replaced_sets_nothing_aside(system: System) -> None:
    store = open_store(system, "intake")

    def overtaken(item: WorkItem) -> Effects:
        with store.transaction() as transaction:
            transaction.execute("UPDATE work SET attempts = attempts + 1")  # another one has claimed it since
        raise ValueError("cannot be done")

    with store.transaction() as transaction:
        transaction.enqueue("read", "extract", {})
    Worker(store, {"read": overtaken}).step()
    with store.transaction() as transaction:
        assert transaction.execute("SELECT count(*) FROM work").scalar_one() == 1
        assert transaction.execute("SELECT count(*) FROM dead_letter").scalar_one() == 0


def test_what_must_stop_the_process_stops_it_and_is_no_message_s_fault(system: System) -> None:
    intake, mended = open_store(system, "intake"), Signal()

    def refuse(key: str) -> None:
        if not mended.is_set():
            raise Fatal("a secret is missing")

    screening = Screening(system, refuse)
    publish(intake, 1)
    with threads(relay(system, intake).run):
        for _ in range(MAX_STARTS + 1):
            with pytest.raises(Fatal):
                run_until(Screening(system, refuse), lambda applied: False)
        mended.set()
        run_until(screening, lambda applied: "1461-00001" in applied)
    assert DeadLetters(screening.store, lambda transaction, row: None).list() == []


def test_what_must_stop_the_process_stops_it_and_is_no_work_s_fault(system: System) -> None:
    store = open_store(system, "intake")

    def refuse(item: WorkItem) -> Effects:
        raise Fatal("a secret is missing")

    with store.transaction() as transaction:
        transaction.enqueue("read", "extract", {})
    for _ in range(MAX_CRASHES + 1):
        with pytest.raises(Fatal):
            Worker(store, {"read": refuse}).step()
        with store.transaction() as transaction:
            transaction.execute("UPDATE work SET next_attempt_at = clock_timestamp()")
    with store.transaction() as transaction:
        assert transaction.execute("SELECT crashes, claimed, last_error FROM work").all() == [
            (0, False, "Fatal: a secret is missing")
        ]


def test_a_lost_log_is_told_before_it_is_forgotten(system: System) -> None:
    intake = open_store(system, "intake")
    publish(intake, 1)
    first = relay(system, intake)
    assert first.lease.hold()
    first.step()
    with intake.transaction() as transaction:
        transaction.execute("UPDATE publication SET cluster = 'another'")
    told: list[int] = []

    def die_the_first_time() -> None:
        told.append(1)
        if len(told) == 1:
            raise Transient("killed_while_telling")

    first.on_lost = die_the_first_time
    with pytest.raises(Transient):
        first.check_log()
    first.check_log()
    first.check_log()
    assert len(told) == 2
    first._reset()


def test_a_relay_leaves_topics_alone_that_are_not_declared_any_more(system: System) -> None:
    intake = open_store(system, "intake")
    publish(intake, 1)
    first = relay(system, intake)
    assert first.lease.hold()
    assert first.step()
    with intake.transaction() as transaction:  # one was published as far as it goes, one has something left
        transaction.execute("INSERT INTO outbox_position VALUES ('gone.v1', 0, 3, 3), ('gone.v1', 1, 3, 2)")
        transaction.execute("INSERT INTO outbox VALUES ('gone.v1', 1, 3, 'key', '{}')")
        transaction.execute(
            "INSERT INTO publication SELECT cluster, 'gone.v1', 0, last_position, first_position, last_offset FROM publication"
        )
    first.check_log()
    assert not first.step()
    publish(intake, 2)
    assert first.step()
    first._reset()


def test_what_is_published_at_once_is_bounded_by_bytes_too(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    intake = open_store(system, "intake")
    for number in range(1, 6):
        publish(intake, number)
    first = relay(system, intake)
    with intake.transaction() as transaction:
        (size,) = set(transaction.execute("SELECT octet_length(payload) FROM outbox").scalars())
    for limit, rows in ((1, 1), (size, 1), (size + 1, 2), (5 * size - 1, 5), (100 * size, 5)):
        monkeypatch.setattr(relays, "BATCH_BYTES", limit)
        (batch,) = first._read()
        assert [position for position, _, _ in batch.rows] == list(range(1, rows + 1))


@dataclass
class Answer:
    """What the broker has said of a row: its offset, or an error."""

    offset: int
    error: KafkaError | None = None

    def succeeded(self) -> bool:
        return self.error is None

    @property
    def value(self) -> "Answer":
        return self

    def get(self, timeout: float) -> "Answer":
        assert self.error is not None
        raise self.error


def test_what_the_broker_has_acknowledged_before_an_error_is_not_sent_again(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = open_store(system, "intake")
    for number in range(1, 6):
        publish(intake, number)
    first = relay(system, intake)
    assert first.lease.hold()
    answers = [Answer(0), Answer(1), Answer(-1, KafkaTimeoutError()), Answer(3), Answer(4)]
    monkeypatch.setattr(first, "_send", lambda batches: [answers])
    with pytest.raises(KafkaTimeoutError):
        first.step()
    with intake.transaction() as transaction:
        published = transaction.execute("SELECT published FROM outbox_position").scalar_one()
        publication = transaction.execute("SELECT first_position, last_position, last_offset FROM publication").one()
    assert (published, publication) == (2, (1, 2, 1))
    first._reset()


def test_a_partition_that_was_taken_away_and_given_back_is_seeked_anew(system: System) -> None:
    intake, screening = open_store(system, "intake"), Screening(system)
    for number in range(1, 4):
        publish(intake, number)
    place = broker.partition(system.settings("screening"), topics.EXTRACT, 0)
    with threads(relay(system, intake).run, screening.consumer.run):
        until(lambda: len(screening.applied) == 3)
        screening.consumer._revoked.on_partitions_revoked([place])
        publish(intake, 4)
        until(lambda: "1461-00004" in screening.applied)
    assert screening.applied["1461-00004"] == [1]


def test_a_rejoin_that_is_answered_between_two_polls_is_not_forgotten(system: System) -> None:
    settings, engines = system.settings("screening"), system.engines
    name = settings.kafka_name(topics.EXTRACT.name)
    client = broker.consumer(settings)
    password = {"sasl_plain_username": engines.kafka_admin, "sasl_plain_password": engines.kafka_password}
    admin = KafkaAdminClient(**broker.login(settings) | password)

    def polled(timeout_ms: int) -> bool:
        broker.poll(client, timeout_ms)
        return True

    try:
        assert client.partitions_for_topic(name) == {0}
        client.subscribe([name])
        coordinator = client._coordinator
        until(lambda: polled(200) and len(client.assignment()) == 1)
        admin.create_partitions({name: 2})
        until(lambda: polled(1) and coordinator.rejoining)
        until(lambda: bool(coordinator._join_task.is_done))
        until(lambda: polled(200) and len(client.assignment()) == 2 and coordinator.stable())
    finally:
        admin.close()
        client.close(autocommit=False)


def test_a_copy_is_ready_from_when_its_group_has_dealt_out_partitions_until_its_session_ends(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer, poll, seen = Screening(system).consumer, broker.poll, set[tuple[bool, bool]]()

    def impatient(client: KafkaConsumer, timeout_ms: int) -> object:
        seen.add((bool(client.assignment()), consumer.ready.is_set()))
        return poll(client, 1)

    monkeypatch.setattr(broker, "poll", impatient)
    with threads(consumer.run):
        until(consumer.ready.is_set)
    assert (False, False) in seen
    assert (False, True) not in seen
    assert not consumer.ready.is_set()


def test_a_producer_ends_at_once_whatever_it_still_holds(system: System) -> None:
    settings = system.settings("intake")
    producer = broker.producer(settings)
    producer.config["linger_ms"] = producer._accumulator.config["linger_ms"] = 60_000
    held = producer.send(settings.kafka_name(topics.EXTRACT.name), b"{}", b"key", partition=0)
    broker.end(producer)
    assert held.failed()
    assert not producer._sender.is_alive()
