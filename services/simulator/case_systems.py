"""The simulated municipal case systems: read notifications, decrypt them, and answer with receipts.

A few municipalities listen on Kafka, the others poll the HTTP feed; both are public doors of delivery. Every letter is
opened with the municipality's private key and checked against its digest before it is accepted.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Event as Signal
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
from joserfc import jwe
from joserfc.jwk import KeySet
from kafka import KafkaConsumer, KafkaProducer

from events.envelope import Envelope
from events.municipal import Notification, Receipt
from events.topics import Topic, municipal_notification, municipal_receipt
from services.runtime import broker
from services.runtime.errors import is_transient
from services.runtime.settings import Settings
from services.simulator.doors import Doors

log = logging.getLogger(__name__)

ON_KAFKA = 4
"""So many municipalities listen on Kafka; each needs connections and a thread of its own."""
POLL_SECONDS = 0.5
FOR_EVER = 1 << 31
"""So many times a message may be offered before it is answered again: it was taken over."""
UNANSWERED = ("sent", "received")
"""States of a delivery whose municipality still owes an answer, also where its first one was all that arrived."""
ALGORITHMS = ["ECDH-ES+A256KW", "RSA-OAEP-256", "A256GCM"]

Answer = Callable[[Notification], Sequence[tuple[str, str | None]]]
"""What a case system answers to a notification: statuses with their reasons, in order."""


def accept(notification: Notification) -> Sequence[tuple[str, str | None]]:
    """The usual answer: the system has it, then a person took it over."""
    return [("received", None), ("accepted", None)]


def open_letter(settings: Settings, notification: Notification) -> dict[str, Any]:
    """The decrypted bundle. Raises ValueError when its digest is not that of the letter."""
    keys = KeySet.import_key_set(msgspec.json.decode(settings.secret(f"municipality-{notification.municipality}.jwk")))
    plain = jwe.decrypt_compact(notification.content, keys, algorithms=ALGORITHMS).plaintext
    outer = msgspec.json.decode(plain or b"")
    if hashlib.sha256(outer["letter"].encode()).hexdigest() != outer["digest"]:
        raise ValueError("letter_differs_from_digest")
    bundle: dict[str, Any] = msgspec.json.decode(outer["letter"])
    return bundle


class CaseSystems:
    """All municipalities' systems, in threads. `inbox` collects the opened letters by message id, as a person would see them."""

    def __init__(self, settings: Settings, answer: Answer = accept, on_kafka: int = ON_KAFKA) -> None:
        self.settings = settings
        self.answer = answer
        self.inbox: dict[UUID, tuple[Notification, dict[str, Any]]] = {}
        self._answered: dict[UUID, int] = {}
        self._cursors: dict[str, int] = {}
        self._on_kafka = on_kafka
        self._stop = Signal()
        self._threads: list[Thread] = []

    def __enter__(self) -> "CaseSystems":
        """Begin to listen. What was answered before – also before an earlier stop – is not answered again."""
        taken_over = Doors(self.settings).get("operator", "delivery", "/deliveries", state="acknowledged")
        self._answered |= {UUID(row["message_id"]): FOR_EVER for row in taken_over if row["message_id"]}
        codes, self._stop = list(self.settings.municipalities), Signal()
        targets = [(self._listen, (code,)) for code in codes[: self._on_kafka]] + [(self._poll, (codes[self._on_kafka :],))]
        self._threads = [Thread(target=target, args=args, daemon=True) for target, args in targets]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def _receipts(self, notification: Notification) -> list[Receipt]:
        self.inbox[notification.message_id] = (notification, open_letter(self.settings, notification))
        return [
            msgspec.convert(
                {
                    "receipt_id": uuid4(),
                    "message_id": notification.message_id,
                    "municipality": notification.municipality,
                    "status": status,
                    "reason": reason,
                    "at": datetime.now(UTC),
                },
                Receipt,
            )
            for status, reason in self.answer(notification)
        ]

    def _poll(self, codes: Sequence[str]) -> None:
        doors = Doors(self.settings)
        cursors = self._cursors
        cursors.update({code: cursors.get(code, 0) for code in codes})
        while not self._stop.wait(POLL_SECONDS):
            try:
                for code in self._expecting(doors) & cursors.keys():
                    cursors[code] = self._poll_once(doors, code, cursors[code])
            except httpx.HTTPError as error:
                if not is_transient(error):
                    raise

    @staticmethod
    def _expecting(doors: Doors) -> set[str]:
        """Where something lies ready: a hundred systems that each ask twice a second would cost more than all the rest."""
        rows = [row for state in UNANSWERED for row in doors.get("operator", "delivery", "/deliveries", state=state)]
        return {row["municipality"] for row in rows}

    def _poll_once(self, doors: Doors, code: str, cursor: int) -> int:
        principal = f"municipality-{code}"
        page = doors.get(principal, "delivery", "/v1/notifications", after=cursor)
        for notification in msgspec.convert(page["messages"], list[Notification]):
            if notification.message_id not in self._answered:
                for receipt in self._receipts(notification):
                    doors.post(principal, "delivery", "/v1/receipts", receipt)
                self._answered[notification.message_id] = FOR_EVER
        return int(page["next"])

    def _listen(self, code: str) -> None:
        while not self._stop.is_set():
            try:
                self._session(code)
            except Exception as error:
                if not is_transient(error):
                    raise
                self._stop.wait(1)

    def _session(self, code: str) -> None:
        """Read the topic from its beginning, answering what is not answered yet; a municipality's system is one process.

        It ends when the password or the authority was replaced: a Kafka client goes on for ever with those it was made with, and
        its `poll` is silently empty when they no longer open anything.
        """
        principal, topic = f"municipality-{code}", municipal_notification(code)
        given = self._given(principal)
        consumer = broker.consumer(self.settings, principal)
        producer = broker.producer(self.settings, principal)
        try:
            consumer.assign([broker.partition(self.settings, topic, 0)])
            consumer.seek_to_beginning()
            while not self._stop.is_set() and self._given(principal) == given:
                self._read(consumer, producer, municipal_receipt(code))
        finally:
            consumer.close()
            broker.end(producer)

    def _given(self, principal: str) -> tuple[str, bytes]:
        """The password and the authority that the municipality was handed last."""
        authority = self.settings.tls.kafka_ca
        return self.settings.secret(f"kafka-{principal}"), authority.read_bytes() if authority else b""

    def _read(self, consumer: KafkaConsumer, producer: KafkaProducer, receipts: Topic) -> None:
        for messages in consumer.poll(timeout_ms=300).values():
            for message in messages:
                envelope = msgspec.json.decode(message.value, type=Envelope[Notification])
                # Who is offered the same message once more is asked for an answer that got lost.
                if self._answered.get(envelope.data.message_id, 0) < envelope.aggregateversion:
                    self._answer(producer, receipts, envelope.data, message.offset)
                    self._answered[envelope.data.message_id] = envelope.aggregateversion

    def _answer(self, producer: KafkaProducer, receipts: Topic, notification: Notification, offset: int) -> None:
        name, key = self.settings.kafka_name(receipts.name), str(notification.message_id).encode()
        for place, receipt in enumerate(self._receipts(notification)):
            producer.send(name, _envelope(receipts, receipt, offset * 10 + place + 1), key).get(timeout=20)


def _envelope(topic: Topic, receipt: Receipt, position: int) -> bytes:
    return msgspec.json.encode(
        Envelope(
            id=receipt.receipt_id,
            source=f"/{topic.writer}",
            type=topic.type,
            subject=str(receipt.message_id),
            time=receipt.at,
            aggregateversion=1,
            position=position,
            correlationid=str(receipt.message_id),
            data=receipt,
        )
    )
