"""The relay: publishes the outbox in order, once per service, and notices when the broker's log lost what it had.

For each published batch it keeps the last offset that the broker acknowledged. An end offset at or below it, a new batch that
gets such an offset, or another cluster id means that the log lost its tail: the cursor goes back and everything from there is
published again, which versions make harmless. `municipality.*` is never repeated blindly; delivery is told instead (`on_lost`).
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Event as Signal
from typing import NamedTuple

from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.producer.future import FutureRecordMetadata

from events import topics
from events.topics import Topic
from services.runtime import broker, metrics, points
from services.runtime.database import Store
from services.runtime.errors import describe, is_transient
from services.runtime.lease import Lease
from services.runtime.settings import Settings

log = logging.getLogger(__name__)

BATCH = 10_000
"""Rows per publication, of all partitions together: some 10 MB in memory. Larger ones make larger batches for
whoever consumes them, and each batch has its price."""
BATCH_BYTES = 16_000_000
"""The same in bytes, for rows that are large (an audit entry may list 390 kB of persons): what memory holds, and what the broker
can acknowledge before the producer gives up. Each partition has an equal share, and publishes one row at least."""
IDLE_SECONDS = 1.0
"""How long a commit of another copy may wait unnoticed; commits of this process wake the relay at once."""
SEND_SECONDS = 30.0
"""Longest wait for the broker's answer: longer than the producer itself tries."""
CHECK_SECONDS = 5.0
"""How often the cluster id and the log ends are compared with what was acknowledged."""

# Of the topics that are declared now: a municipality that is no longer served leaves its rows behind.
_PENDING = """
    SELECT topic, partition, published FROM outbox_position
    WHERE topic = ANY(:topics) AND published < last ORDER BY topic, partition
"""
# The length of a payload is known without reading it, however large it is.
_BATCH = """
    SELECT position, key, payload FROM (
        SELECT position, key, payload, sum(octet_length(payload)) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING) AS bytes
        FROM outbox WHERE topic = %s AND partition = %s AND position > %s ORDER BY position LIMIT %s
    ) AS next WHERE bytes - octet_length(payload) < %s ORDER BY position
"""
_ACKNOWLEDGED = """
    WITH cursor AS (
        UPDATE outbox_position SET published = :last WHERE topic = :topic AND partition = :partition AND published = :published)
    INSERT INTO publication (cluster, topic, partition, first_position, last_position, last_offset)
    VALUES (:cluster, :topic, :partition, :published + 1, :last, :offset)
    ON CONFLICT (cluster, topic, partition, last_position)
    DO UPDATE SET first_position = excluded.first_position, last_offset = excluded.last_offset
"""
_ENDS = """
    SELECT topic, partition, max(last_offset) AS last FROM publication
    WHERE cluster = :cluster AND topic = ANY(:topics) GROUP BY topic, partition
"""
_REWIND_TAIL = """
    WITH lost AS (
        DELETE FROM publication WHERE cluster = :cluster AND topic = :topic AND partition = :partition AND last_offset >= :end
        RETURNING first_position)
    UPDATE outbox_position SET published = least(published, (SELECT min(first_position) - 1 FROM lost))
    WHERE topic = :topic AND partition = :partition AND :republish AND EXISTS (SELECT FROM lost)
"""
_REWIND_CLUSTER = """
    UPDATE outbox_position o SET published = 0 WHERE topic = ANY(:topics) AND published > 0 AND NOT EXISTS (
        SELECT FROM publication p WHERE p.cluster = :cluster AND p.topic = o.topic AND p.partition = o.partition)
"""
_FORGET_CLUSTERS = "DELETE FROM publication WHERE cluster <> :cluster"
_OTHER_CLUSTERS = "SELECT EXISTS (SELECT FROM publication WHERE cluster <> :cluster)"


class Batch(NamedTuple):
    """What is published next of one partition: how far it was published, and rows of (position, key, payload)."""

    topic: str
    partition: int
    published: int
    rows: Sequence[tuple[int, str, bytes]]


class Relay:
    """Publishes one service's outbox. `run` returns when `stop` is set."""

    def __init__(self, settings: Settings, store: Store, writes: Sequence[Topic], on_lost: Callable[[], None] | None) -> None:
        self.settings = settings
        self.store = store
        self.topics = {topic.name: topic for topic in writes}
        self.on_lost = on_lost
        self.broker = broker.Broker(settings)
        self.lease = Lease(store, "relay")
        self.wake = Signal()
        self.cluster = ""
        self._acknowledged: dict[tuple[str, int], int] = {}
        self._producer: KafkaProducer | None = None
        self._checked = 0.0
        store.on_commit.append(self.wake.set)

    def run(self, stop: Signal) -> None:
        """Publish until told to stop; broker and database may come and go."""
        while not stop.is_set():
            try:
                busy = self.lease.hold() and self.step()
            except Exception as error:
                if not is_transient(error):
                    raise
                metrics.RETRIES.labels("relay").inc()
                log.warning("relay_waits", extra={"error": describe(error)})
                self._reset()
                busy = False
                stop.wait(1)
            if not busy:
                self.wake.wait(IDLE_SECONDS)
                self.wake.clear()
        self._reset()
        self.lease.release()

    def step(self) -> bool:
        """Publish a batch of every partition that has something, all at once; whether there was any."""
        if time.monotonic() - self._checked > CHECK_SECONDS:
            self.check_log()
        batches = self._read()
        if batches:
            self._publish(batches)
        return bool(batches)

    def check_log(self) -> None:
        """Compare what the broker has with what it acknowledged, and go back where it has lost something."""
        cluster = self.broker.cluster_id()
        with self.store.transaction() as transaction:
            moved = transaction.execute(_OTHER_CLUSTERS, {"cluster": cluster}).scalar_one()
            rows = transaction.execute(_ENDS, {"cluster": cluster, "topics": list(self.topics)})
            acknowledged = {(row.topic, row.partition): row.last for row in rows}
        ends = self._ends(acknowledged)
        lost = {place: ends[place] for place, last in acknowledged.items() if ends[place] <= last}
        if moved or lost:
            self._rewind(cluster, lost, moved=moved)
        self._acknowledged = {place: min(last, ends[place] - 1) for place, last in acknowledged.items()}
        self.cluster, self._checked = cluster, time.monotonic()

    def _ends(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The ends of these logs, in one question."""
        asked = {broker.partition(self.settings, self.topics[topic], number): (topic, number) for topic, number in places}
        return {asked[place]: end for place, end in self.broker.end_offsets(asked).items()}

    def _rewind(self, cluster: str, lost: Mapping[tuple[str, int], int], *, moved: bool) -> None:
        if self.on_lost and (moved or not all(self.topics[topic].republish for topic, _ in lost)):
            self.on_lost()  # before the loss is forgotten: who dies in between tells it once more, which does no harm
        repeatable = [name for name, topic in self.topics.items() if topic.republish]
        with self.store.transaction() as transaction:
            self.lease.confirm(transaction)
            for (topic, number), end in lost.items():
                place = {"cluster": cluster, "topic": topic, "partition": number}
                transaction.execute(_REWIND_TAIL, {**place, "end": end, "republish": topic in repeatable})
            rewound = transaction.execute(_REWIND_CLUSTER, {"topics": repeatable, "cluster": cluster}).rowcount
            transaction.execute(_FORGET_CLUSTERS, {"cluster": cluster})
        log.warning("log_lost", extra={"partitions": len(lost), "rewound": rewound, "cluster": cluster})

    def _read(self) -> list[Batch]:
        """What comes next of each partition."""
        with self.store.transaction() as transaction, transaction.driver.cursor(binary=True) as cursor:
            pending = transaction.execute(_PENDING, {"topics": list(self.topics)}).tuples().all()
            places = max(len(pending), 1)
            share = (max(BATCH // places, 1), max(BATCH_BYTES // places, 1))
            return [
                Batch(topic, partition, published, cursor.execute(_BATCH, (topic, partition, published, *share)).fetchall())
                for topic, partition, published in pending
            ]

    def _publish(self, batches: Sequence[Batch]) -> None:
        """Send them, and store how far the broker has acknowledged each. Raises the first error of what it has not."""
        failures: list[KafkaError] = []
        sent = self._send(batches)
        points.reach("sent")
        for batch, futures in zip(batches, sent, strict=True):
            if offsets := _offsets(futures, failures):
                self._acknowledge(batch._replace(rows=batch.rows[: len(offsets)]), min(offsets), max(offsets))
        if failures:
            raise failures[0]

    def _send(self, batches: Iterable[Batch]) -> list[list[FutureRecordMetadata]]:
        """Send all of it, and wait until the broker has said something of each row."""
        if self._producer is None:
            self._producer = broker.producer(self.settings)
        send = self._producer.send
        sent = []
        for batch in batches:
            name = self.settings.kafka_name(batch.topic)
            sent.append([send(name, payload, key.encode(), partition=batch.partition) for _, key, payload in batch.rows])
        points.reach("sending")
        self._producer.flush(timeout=SEND_SECONDS)
        return sent

    def _acknowledge(self, batch: Batch, first: int, last: int) -> None:
        """Move the cursor past what got these offsets, unless they tell that the log has lost its tail."""
        topic, place = self.topics[batch.topic], (batch.topic, batch.partition)
        if first <= self._acknowledged.get(place, -1):
            self._checked = 0.0
            if self.broker.cluster_id() != self.cluster:
                return  # all is another: the next look sees to it
            self._rewind(self.cluster, {place: first}, moved=False)
            if topic.republish:
                return
        values = {"topic": batch.topic, "partition": batch.partition, "published": batch.published, "cluster": self.cluster}
        with self.store.transaction() as transaction:
            self.lease.confirm(transaction)
            transaction.execute(_ACKNOWLEDGED, {**values, "last": batch.rows[-1][0], "offset": last})
        self._acknowledged[place] = last
        metrics.PUBLISHED.labels(metrics.label(topic)).inc(len(batch.rows))
        metrics.PUBLISHED_AT.set_to_current_time()

    def _reset(self) -> None:
        self._checked = 0.0
        self.broker.close()
        if self._producer is not None:
            broker.end(self._producer)
            self._producer = None


def _offsets(futures: Iterable[FutureRecordMetadata], failures: list[KafkaError]) -> list[int]:
    """Where the broker has put rows, up to the first of which it has said something else, which is added to the failures."""
    offsets: list[int] = []
    try:
        for future in futures:
            offsets.append(_offset(future))
    except KafkaError as error:
        failures.append(error)
    return offsets


def _offset(future: FutureRecordMetadata) -> int:
    """Where the broker has put a row. Raises what it has said instead."""
    return int((future.value if future.succeeded() else future.get(timeout=SEND_SECONDS)).offset)


def written_by(service: str, municipalities: Sequence[str]) -> list[Topic]:
    """The topics that a service may publish to."""
    return [topic for topic in topics.declared(municipalities) if topic.writer == service]
