"""The consumer loop of a service: batches of events in, one transaction of effects each.

A batch whose handling fails for a reason that is not transient is handled again message by message, and what still fails is
set aside. A message that kills the process is set aside after three starts, because each start is counted before handling.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event as Signal
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from events.topics import Topic
from services.runtime import broker, metrics, offsets, points, tracing
from services.runtime.database import Store
from services.runtime.dead_letters import bury_message
from services.runtime.errors import Fatal, Poison, Transient, blames_input, describe, is_transient, where
from services.runtime.events import Decoder, Event, newer
from services.runtime.log import bound, note
from services.runtime.settings import Settings
from services.runtime.transaction import Transaction
from services.runtime.watchdog import Watchdog

log = logging.getLogger(__name__)

Handler = Callable[[Transaction, Sequence[Event[Any]]], None]

MAX_STARTS = 3
"""How often handling of one message may begin without ending before it is set aside."""
POLL_MS = 200
"""Longest wait for news; bounds how fast a stop is noticed."""


@dataclass(frozen=True)
class Subscription:
    """One topic and who handles it. `versioned`: the runtime drops stale events; else the handler knows better."""

    topic: Topic
    handler: Handler
    versioned: bool
    decoder: Decoder


class Revoked(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types to inherit
    """Partitions taken away since they were last looked at. One that comes back meanwhile has forgotten its position."""

    def __init__(self) -> None:
        self._partitions: deque[TopicPartition] = deque()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called in the client's own thread."""
        self._partitions.extend(revoked)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing: the loop seeks before it believes what it polled."""

    def drain(self) -> set[TopicPartition]:
        """Each once."""
        return {self._partitions.popleft() for _ in range(len(self._partitions))}


class Consumer:
    """Consumes all subscriptions of one service in one thread. `run` returns when `stop` is set. `ready`: topics are assigned."""

    def __init__(self, settings: Settings, store: Store, subscriptions: Iterable[Subscription]) -> None:
        self.settings = settings
        self.store = store
        self.subscriptions = {settings.kafka_name(each.topic.name): each for each in subscriptions}
        self.broker = broker.Broker(settings)
        self.ready = Signal()
        self._revoked = Revoked()
        self._places: dict[TopicPartition, offsets.Place] = {}
        self._careful: dict[TopicPartition, int] = {}
        self._survived: set[tuple[str, int]] = set()  # where a start of this very process has been counted
        self._unread: dict[TopicPartition, int] = {}  # offsets that could not be read when they were fetched last
        self._cluster = ""

    def run(self, stop: Signal) -> None:
        """Consume until told to stop; broker and database may come and go."""
        while not stop.is_set():
            try:
                self._session(stop)
                self.broker.close()
            except Exception as error:
                if not is_transient(error):
                    raise
                metrics.RETRIES.labels("consumer").inc()
                log.warning("consumer_waits", extra={"error": describe(error), "place": where(error)})
                stop.wait(1)

    def _session(self, stop: Signal) -> None:
        self._cluster = self.broker.cluster_id()
        self._places.clear()
        client = broker.consumer(self.settings)
        try:
            self._learn_topics(client)
            client.subscribe(list(self.subscriptions), listener=self._revoked)
            watchdog = Watchdog(self.settings, self.store, self.broker, (each.topic for each in self.subscriptions.values()))
            while not stop.is_set():
                polled = self._poll(client)
                before_seek = self._position(client)
                for partition, messages in polled.items():
                    if partition not in before_seek:
                        self._advance(partition, messages)
                if broker.joined(client):
                    self.ready.set()
                watchdog.look(self._cluster)
        finally:
            self.ready.clear()
            client.close(autocommit=False, timeout_ms=2_000)

    def _poll(self, client: KafkaConsumer) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
        """What has come. What cannot be read is fetched once more, and then set aside, so that the rest goes on."""
        try:
            return broker.poll(client, POLL_MS)
        except broker.Unreadable as found:
            if found.place not in self._position(client) and found.place in self._places:
                self._set_aside(client, found, self._places[found.place])
            return {}

    def _set_aside(self, client: KafkaConsumer, found: broker.Unreadable, place: offsets.Place) -> None:
        """Move past a message that could not be read twice. Under which leader it was written is unknown then."""
        offset = found.message.offset
        if self._unread.get(found.place) == offset:
            log.warning("message_set_aside", extra={"topic": place.topic, "error": str(found), "offset": offset})
            self._bury(self.subscriptions[found.place.topic], place, found.message, str(found), 2)
        self._unread[found.place] = offset
        broker.seek(client, found.place, max(place.next_offset, offset), place.epoch)

    def _learn_topics(self, client: KafkaConsumer) -> None:
        """The group's leader deals out only partitions that it knows of; what it learns later waits for the next refresh."""
        for name in self.subscriptions:
            if not client.partitions_for_topic(name):
                raise Transient(f"topic_unknown {self.subscriptions[name].topic.name}")

    def _position(self, client: KafkaConsumer) -> set[TopicPartition]:
        """Seek newly assigned partitions to our own offsets, forget those taken away; which were new (drop what they gave)."""
        assigned: set[TopicPartition] = client.assignment()
        for gone in self._revoked.drain() | (self._places.keys() - assigned):
            self._places.pop(gone, None)
        new = assigned - self._places.keys()
        for partition in new:
            with self.store.transaction() as transaction:
                place = offsets.load(transaction, self._cluster, self._topic(partition).name, partition.partition)
                if (place.topic, place.partition) in self._survived:
                    offsets.forgive(transaction, place)
            self._places[partition] = place
            if place.attempts:
                self._careful[partition] = place.next_offset + broker.POLL_RECORDS
            broker.seek(client, partition, place.next_offset, place.epoch)
        return new

    def _topic(self, partition: TopicPartition) -> Topic:
        return self.subscriptions[partition.topic].topic

    def _advance(self, partition: TopicPartition, messages: Sequence[ConsumerRecord]) -> None:
        """Handle what was polled of one partition."""
        place = self._places.get(partition)
        if place is None or not messages:
            return
        careful = self._careful.get(partition, 0) > messages[0].offset
        batches = [[message] for message in messages] if careful else [list(messages)]
        for batch in batches:
            with bound(topic=place.topic):
                self._batch(self.subscriptions[partition.topic], place, batch)

    def _batch(self, subscription: Subscription, place: offsets.Place, batch: list[ConsumerRecord]) -> None:
        """Handle a batch; when that fails, each message alone, so that only what fails twice is set aside."""
        try:
            self._attempt(subscription, place, batch)
        except Exception as error:
            if not blames_input(error):
                raise
            log.warning(
                "batch_failed", extra={"topic": place.topic, "error": describe(error), "place": where(error), "size": len(batch)}
            )
            for message in batch:
                self._alone(subscription, place, message)

    def _alone(self, subscription: Subscription, place: offsets.Place, message: ConsumerRecord) -> None:
        try:
            self._attempt(subscription, place, [message])
        except Exception as error:
            if not blames_input(error):
                raise
            self._bury(subscription, place, message, describe(error), 2)

    def _attempt(self, subscription: Subscription, place: offsets.Place, batch: list[ConsumerRecord]) -> None:
        with self.store.transaction() as transaction:
            offsets.count_attempt(transaction, place)
        self._survived.add((place.topic, place.partition))
        starts, place.attempts = place.attempts + 1, 0
        if starts > MAX_STARTS and len(batch) == 1:
            self._bury(subscription, place, batch[0], "killed_process", starts)
            return
        try:
            self._try(subscription, place, batch)
        except Fatal:
            with self.store.transaction() as transaction:
                offsets.forgive(transaction, place)
            raise

    def _try(self, subscription: Subscription, place: offsets.Place, batch: list[ConsumerRecord]) -> None:
        fates: Counter[str] = Counter()
        began = time.monotonic()
        with tracing.activity():
            self._commit(place, batch, lambda transaction: fates.update(self._handle(transaction, subscription, place, batch)))
        metrics.BATCH_SECONDS.labels(metrics.label(subscription.topic)).observe(time.monotonic() - began)
        for fate, count in fates.items():
            metrics.MESSAGES.labels(metrics.label(subscription.topic), fate).inc(count)

    def _bury(self, subscription: Subscription, place: offsets.Place, message: ConsumerRecord, reason: str, starts: int) -> None:
        self._commit(place, [message], lambda transaction: bury_message(transaction, place.topic, message, reason, starts))
        metrics.MESSAGES.labels(metrics.label(subscription.topic), "dead").inc()

    def _commit(self, place: offsets.Place, batch: list[ConsumerRecord], effects: Callable[[Transaction], None]) -> None:
        following, epoch = batch[-1].offset + 1, batch[-1].leader_epoch
        with self.store.transaction() as transaction:
            effects(transaction)
            offsets.move(transaction, place, following, epoch)
            points.reach("before_commit")
        points.reach("after_commit")
        place.next_offset, place.epoch = following, epoch

    def _handle(
        self, transaction: Transaction, subscription: Subscription, place: offsets.Place, batch: list[ConsumerRecord]
    ) -> Counter[str]:
        events = []
        for message in batch:
            points.read(message.value)
            try:
                events.append(subscription.decoder.decode(message.value, message.key))
            except (Poison, ValueError) as error:  # msgspec's errors are ValueErrors
                log.warning("message_set_aside", extra={"topic": place.topic, "error": describe(error), "offset": message.offset})
                bury_message(transaction, place.topic, message, describe(error), 1)
        fates = apply(transaction, subscription, place.partition, events)
        return fates + Counter(dead=len(batch) - len(events))


def apply(transaction: Transaction, subscription: Subscription, partition: int, events: Sequence[Event[Any]]) -> Counter[str]:
    """Let the handler apply what is news of these events, and remember all of them as received; how many were news."""
    if not events:
        return Counter()
    note(correlation=_correlation(events))
    topic = subscription.topic
    fresh = newer(transaction, topic, events) if subscription.versioned else list(events)
    points.reach("in_batch")
    tracing.handles(fresh)
    if fresh:
        subscription.handler(transaction, fresh)
    offsets.see(transaction, topic.name, partition, (event.position for event in events), stale=len(events) - len(fresh))
    return Counter(handled=len(fresh), stale=len(events) - len(fresh))


def _correlation(events: Sequence[Event[Any]]) -> str:
    """What these events have in common for the log; a mixed batch names its first."""
    first = events[0].correlation
    return first if all(event.correlation == first for event in events) else f"{first} and others"
