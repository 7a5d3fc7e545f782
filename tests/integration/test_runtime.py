"""The runtime on real Kafka and PostgreSQL: facts published once arrive once, whatever dies in between.

Intake's outbox is written by the test and screening's consumer is one that counts; tables, rights and topics are real.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from uuid import UUID, uuid4

import pytest

from deploy.system import System
from deploy.testing import Running
from events import topics
from events.extract import Extract, RowCounts
from services.runtime import broker, offsets, watchdog
from services.runtime.broker import Broker
from services.runtime.consumer import MAX_STARTS, Consumer, Subscription
from services.runtime.database import Store
from services.runtime.dead_letters import DeadLetters
from services.runtime.errors import Fatal, Poison, Transient
from services.runtime.events import Decoder, Event
from services.runtime.relay import Relay
from services.runtime.transaction import Transaction
from services.runtime.work import Effects, Postpone, Worker, WorkItem
from tests.conftest import new_system

DEADLINE_SECONDS = 30.0
Counted = dict[str, list[int]]


@pytest.fixture
def system(running: Running, tmp_path: Path) -> Iterator[System]:
    found = new_system(running, tmp_path)
    found.prepare()
    yield found
    while OPENED:
        OPENED.pop().close()


OPENED: list[Store] = []


def open_store(system: System, service: str) -> Store:
    OPENED.append(Store(system.settings(service), system.clock))
    return OPENED[-1]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not happen before the deadline"
        Signal().wait(0.05)


def extract(number: int) -> Extract:
    return Extract(f"1461-{number:05d}", "1461", number, datetime(2026, 9, 21, tzinfo=UTC), RowCounts(), [0, 0, 0, 0])


def publish(store: Store, number: int, version: int = 1) -> None:
    with store.transaction() as transaction:
        fact = extract(number)
        transaction.publish(topics.EXTRACT, fact.extract_id, version, fact)


class Screening:
    """A consumer of `intake.extract.v1` that remembers what it applied."""

    def __init__(self, system: System, handler: Callable[[str], None] = lambda key: None) -> None:
        self.store = open_store(system, "screening")
        self.applied: Counted = {}
        self.subscription = Subscription(topics.EXTRACT, self.handle, True, Decoder(topics.EXTRACT))
        self.consumer = Consumer(system.settings("screening"), self.store, [self.subscription])
        self.on_key = handler

    def handle(self, transaction: Transaction, events: Sequence[Event[Extract]]) -> None:
        for event in events:
            self.on_key(event.key)
        for event in events:
            self.applied.setdefault(event.key, []).append(event.version)


@contextmanager
def threads(*parts: Callable[[Signal], None]) -> Iterator[None]:
    stop = Signal()
    started = [Thread(target=part, args=(stop,)) for part in parts]
    for thread in started:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in started:
            thread.join(20)


def relay(system: System, store: Store) -> Relay:
    return Relay(system.settings("intake"), store, [topics.EXTRACT], None)


def test_each_fact_arrives_once_although_the_relay_publishes_everything_again(system: System) -> None:
    intake = open_store(system, "intake")
    screening = Screening(system)
    for number in range(1, 21):
        publish(intake, number)
    with threads(relay(system, intake).run, screening.consumer.run):
        until(lambda: len(screening.applied) == 20)
        with intake.transaction() as transaction:
            transaction.execute("UPDATE outbox_position SET published = 0")
        publish(intake, 21)
        until(lambda: "1461-00021" in screening.applied)
    assert all(versions == [1] for versions in screening.applied.values())
    with screening.store.transaction() as transaction:
        seen = transaction.execute("SELECT CAST(seen AS text) FROM received").scalar_one()
        stale = transaction.execute("SELECT stale FROM received").scalar_one()
    assert seen == "{[1,22)}", "every position was handled, and none twice in the count"
    assert stale == 20, "what came again was no news"


def test_a_message_that_cannot_be_handled_is_set_aside_and_can_be_redriven(system: System) -> None:
    intake = open_store(system, "intake")
    broken = Signal()
    broken.set()

    def refuse(key: str) -> None:
        if key == "1461-00002" and broken.is_set():
            raise Poison("not_today")

    screening = Screening(system, refuse)
    for number in (1, 2, 3):
        publish(intake, number)
    with threads(relay(system, intake).run, screening.consumer.run):
        until(lambda: set(screening.applied) == {"1461-00001", "1461-00003"})

    def redrive(transaction: Transaction, row: object) -> None:
        screening.handle(transaction, [Decoder(topics.EXTRACT).decode(bytes(row.payload), None)])

    letters = DeadLetters(screening.store, redrive)
    (letter,) = letters.list()
    assert (letter.key, letter.reason) == ("1461-00002", "Poison: not_today")
    broken.clear()
    assert letters.redrive(letter.id, "operator")
    assert letters.list() == []
    assert screening.applied["1461-00002"] == [1]


def test_a_message_that_is_no_event_is_set_aside_and_the_rest_goes_on(system: System) -> None:
    intake = open_store(system, "intake")
    screening = Screening(system)
    producer = broker.producer(system.settings("intake"))
    producer.send(system.settings("intake").kafka_name(topics.EXTRACT.name), b"{ not json", b"key").get(timeout=20)
    producer.close()
    publish(intake, 1)
    with threads(relay(system, intake).run, screening.consumer.run):
        until(lambda: "1461-00001" in screening.applied)
    (letter,) = DeadLetters(screening.store, lambda transaction, row: None).list()
    assert letter.reason.startswith("DecodeError")


def test_a_message_that_kills_the_process_is_set_aside_after_three_starts(system: System) -> None:
    class Killed(BaseException):
        """Ends the consumer like a kill would: no except clause of ours sees it."""

    intake = open_store(system, "intake")
    for number in (1, 2, 3):
        publish(intake, number)

    def die(key: str) -> None:
        if key == "1461-00002":
            raise Killed

    applied: set[str] = set()
    with threads(relay(system, intake).run):
        for _ in range(MAX_STARTS + 2):
            copy = Screening(system, die)
            with suppress(Killed):
                run_until(copy, lambda found: "1461-00003" in found)
            applied |= set(copy.applied)
    assert applied == {"1461-00001", "1461-00003"}
    (letter,) = DeadLetters(copy.store, lambda transaction, row: None).list()
    assert letter.reason == "killed_process"


def test_what_dead_processes_counted_is_not_forgiven_to_one_that_has_handled_nothing(system: System) -> None:
    copy, settings = Screening(system), system.settings("screening")
    place = broker.partition(settings, topics.EXTRACT, 0)
    copy.consumer._cluster = copy.consumer.broker.cluster_id()
    with copy.store.transaction() as transaction:
        of_the_dead = offsets.load(transaction, copy.consumer._cluster, topics.EXTRACT.name, 0)
        for _ in range(2):
            offsets.count_attempt(transaction, of_the_dead)
    client = broker.consumer(settings)
    client.assign([place])
    for _ in range(2):  # given, taken away and given again
        copy.consumer._position(client)
        assert copy.consumer._places[place].attempts == 2
        copy.consumer._revoked.on_partitions_revoked([place])
    client.close(autocommit=False)


def run_until(copy: Screening, done: Callable[[Counted], bool]) -> None:
    """Run a consumer here until it is done or dies."""
    stop = Signal()
    watcher = Thread(target=lambda: (until(lambda: stop.is_set() or done(copy.applied)), stop.set()))
    watcher.start()
    try:
        copy.consumer.run(stop)
    finally:
        stop.set()
        watcher.join()


class Deaf(Consumer):
    """Hears messages and handles none, like a client whose rebalance got stuck."""

    def _advance(self, *_: object) -> None:
        pass


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(watchdog, "PATIENCE_SECONDS", 1.0)


@pytest.mark.usefixtures("impatient")
def test_a_session_in_which_nothing_moves_although_messages_wait_is_begun_anew(system: System) -> None:
    intake = open_store(system, "intake")
    screening = Screening(system)
    deaf = Deaf(system.settings("screening"), screening.store, [screening.subscription])
    publish(intake, 1)
    with threads(relay(system, intake).run), pytest.raises(Transient, match="no_progress"):
        deaf._session(Signal())
    with threads(screening.consumer.run):
        until(lambda: "1461-00001" in screening.applied)


@pytest.mark.usefixtures("impatient")
def test_who_has_handled_everything_waits_in_peace_and_notices_another_cluster(system: System) -> None:
    intake = open_store(system, "intake")
    screening = Screening(system)
    publish(intake, 1)
    with threads(relay(system, intake).run, screening.consumer.run):
        until(lambda: "1461-00001" in screening.applied)
    asked = Broker(system.settings("screening"))
    dog = watchdog.Watchdog(system.settings("screening"), screening.store, asked, [topics.EXTRACT])
    here, end = asked.cluster_id(), time.monotonic() + 1.5
    while time.monotonic() < end:
        dog.look(here)
    with pytest.raises(Transient, match="another_cluster"):
        dog.look("another")
    asked.close()


def test_work_is_tried_again_postponed_and_set_aside(system: System) -> None:
    store = open_store(system, "intake")
    calls: dict[str, int] = {}
    effects: list[str] = []

    def do(item: WorkItem) -> Effects:
        calls[item.key] = calls.get(item.key, 0) + 1
        if item.key == "flaky" and calls[item.key] < 3:
            raise Transient("peer_away")
        if item.key == "later" and calls[item.key] < 2:
            raise Postpone("not_due", 0.1)
        if item.key == "hopeless":
            raise Poison("never")
        return lambda transaction: effects.append(item.key)

    with store.transaction() as transaction:
        for key in ("flaky", "later", "hopeless", "plain"):
            transaction.enqueue("try", key, {})
    with threads(Worker(store, {"try": do}).run):
        until(lambda: sorted(effects) == ["flaky", "later", "plain"])
    with store.transaction() as transaction:
        assert transaction.execute("SELECT count(*) FROM work").scalar_one() == 0
        assert transaction.execute("SELECT origin, reason FROM dead_letter").all() == [("work:try", "Poison: never")]


def test_work_asked_for_anew_while_it_is_done_is_done_again_and_once(system: System) -> None:
    store = open_store(system, "intake")
    seen: list[bytes] = []

    def do(item: WorkItem) -> Effects:
        if len(seen) == 0:
            with store.transaction() as transaction:
                transaction.enqueue("compose", "draft", {"version": 2})
        return lambda transaction: seen.append(item.payload)

    with store.transaction() as transaction:
        transaction.enqueue("compose", "draft", {"version": 1})
    worker = Worker(store, {"compose": do})
    worker.step()
    seen.append(b"first attempt ended")
    worker.step()
    assert seen == [b"first attempt ended", b'{"version":2}']


def test_audit_numbers_are_gapless(system: System) -> None:
    store = open_store(system, "intake")
    subjects: list[UUID] = [uuid4() for _ in range(25_000)]
    with store.transaction() as transaction:
        transaction.audit("collection", "rows_read", purpose="screening", subjects=subjects, rows=25_000)
    with suppress(Transient), store.transaction() as transaction:
        transaction.audit("collection", "rows_read", purpose="screening")
        raise Transient("rolled_back")
    with store.transaction() as transaction:
        transaction.audit("collection", "rows_read", purpose="screening")
    with store.transaction() as transaction:
        positions = transaction.execute("SELECT position FROM outbox WHERE topic = 'audit.intake.v1' ORDER BY 1").scalars().all()
    assert positions == [1, 2, 3, 4]


def test_an_entry_that_could_not_be_sealed_is_not_written(system: System) -> None:
    store = open_store(system, "intake")
    for rows in (2**53, -(2**53)):
        with pytest.raises(ValueError, match=r"detail \['rows'\]"), store.transaction() as transaction:
            transaction.audit("collection", "rows_read", purpose="screening", rows=rows)
    with store.transaction() as transaction:
        transaction.audit("collection", "rows_read", purpose="screening", rows=2**53 - 1)
    with store.transaction() as transaction:
        assert transaction.execute("SELECT position FROM outbox").scalars().all() == [1]


def test_a_service_that_lacks_a_right_says_which(system: System) -> None:
    with pytest.raises(Fatal, match=r"audit may not READ topic intake\.record\.v1"):
        Broker(system.settings("audit")).check_rights([topics.RECORD], [])
    with pytest.raises(Fatal, match=r"screening may not WRITE topic intake\.record\.v1"):
        Broker(system.settings("screening")).check_rights([topics.RECORD], [topics.RECORD])
    Broker(system.settings("screening")).check_rights([topics.RECORD, topics.ALIAS], [topics.RUN])
