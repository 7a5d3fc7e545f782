"""The smallest system that can lose or double something: intake's outbox and relay, screening's consumer, which counts.

Tables, rights and topics are real. `Counting` runs all of it in this process, on engines that the test may strike.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event as Signal
from threading import Thread

from deploy.system import System
from deploy.waiting import wait_until
from events import topics
from events.extract import Extract, RowCounts
from services.runtime.consumer import Consumer, Subscription
from services.runtime.database import Store
from services.runtime.events import Decoder, Event
from services.runtime.relay import Relay
from services.runtime.transaction import Transaction

ARRIVE_SECONDS = 90.0
"""A killed engine is back after five seconds, and its clients after ten more; the rest is for a busy machine."""
TOPIC = topics.EXTRACT
_COUNT = """
    INSERT INTO look AS l (name, at, took_ms) VALUES (:key, now(), 1)
    ON CONFLICT (name) DO UPDATE SET took_ms = l.took_ms + excluded.took_ms
"""
"""The effect, in the commit of its batch: a number in a table that screening may write and that nobody else writes here. A count
in memory would also count what was rolled back."""


class Counting:
    """A writer of numbered facts and a consumer that counts how often it applied each."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.intake = Store(system.settings("intake"), system.clock)
        self.screening = Store(system.settings("screening"), system.clock)
        self.relay = Relay(system.settings("intake"), self.intake, [TOPIC], None)
        self.written = 0

    @property
    def topic(self) -> str:
        """The topic's name on the broker."""
        return self.system.settings("intake").kafka_name(TOPIC.name)

    def write(self, count: int) -> None:
        """Commit so many new facts."""
        for _ in range(count):
            self.written += 1
            name = f"1461-{self.written:05d}"
            fact = Extract(name, "1461", self.written, datetime(2026, 9, 21, tzinfo=UTC), RowCounts(), [0, 0, 0, 0])
            with self.intake.transaction() as transaction:
                transaction.publish(TOPIC, name, 1, fact)

    def publish(self) -> None:
        """Let the relay publish what is committed, here and now, as one batch."""
        assert self.relay.lease.hold()
        while self.relay.step():
            pass

    @contextmanager
    def relaying(self) -> Iterator[None]:
        """The relay runs."""
        with running(self.relay.run):
            yield

    @contextmanager
    def consuming(self) -> Iterator[None]:
        """A copy of the consumer runs."""
        subscription = Subscription(TOPIC, self._count, True, Decoder(TOPIC))
        with running(Consumer(self.system.settings("screening"), self.screening, [subscription]).run):
            yield

    def _count(self, transaction: Transaction, events: Sequence[Event[Extract]]) -> None:
        transaction.execute(_COUNT, [{"key": event.key} for event in events])

    @property
    def applied(self) -> dict[str, int]:
        """How often each fact had its effect."""
        with self.screening.transaction() as transaction:
            return dict(transaction.execute("SELECT name, took_ms FROM look").tuples().all())

    def each_once(self) -> bool:
        """Whether every fact that was written had its effect once, and nothing else had one."""
        return self.applied == {f"1461-{number:05d}": 1 for number in range(1, self.written + 1)}

    def arrived(self) -> bool:
        """Whether the consumer's account holds every position that was ever written."""
        with self.screening.transaction() as transaction:
            seen = transaction.execute("SELECT CAST(seen AS text) FROM received").scalar_one_or_none()
        return bool(seen == f"{{[1,{self.written + 1})}}")

    def wait(self) -> None:
        """Wait until everything written has arrived."""
        wait_until(self._arrived_or_struck, ARRIVE_SECONDS, f"{self.written} facts")

    def _arrived_or_struck(self) -> bool:
        try:
            return self.arrived()
        except Exception:  # the database may be the engine that is struck
            return False

    def close(self) -> None:
        """Close all connections."""
        self.relay.broker.close()
        self.intake.close()
        self.screening.close()


@contextmanager
def running(part: Callable[[Signal], None]) -> Iterator[None]:
    """A part of a service runs in a thread; what ends it fails the test."""
    stop, failures = Signal(), []

    def guarded() -> None:
        try:
            part(stop)
        except BaseException as error:
            failures.append(error)

    thread = Thread(target=guarded)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive(), "it does not end"
    assert not failures, failures
