"""Dead letters: inputs that cannot be handled, with their origin and reason. They can be listed, shown and redriven.

Redriving handles the message again through the same handler; the version rule makes an old one harmless. It is audited.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from kafka.consumer.fetcher import ConsumerRecord

from services.runtime.database import Store
from services.runtime.offsets import POSITIONS
from services.runtime.transaction import Transaction


class DeadLetter(msgspec.Struct, frozen=True):
    """One dead letter as it is listed. `reason` is a class and field path, never a value."""

    id: int
    origin: str
    topic: str | None
    partition: int | None
    key: str | None
    reason: str
    attempts: int
    created_at: Any
    redriven_at: Any


class _Position(msgspec.Struct):
    position: int


_INSERT = """
    INSERT INTO dead_letter (origin, topic, partition, kafka_offset, position, key, payload, reason, attempts, created_at)
    VALUES (:origin, :topic, :partition, :offset, :position, :key, :payload, :reason, :attempts, :now)
    ON CONFLICT DO NOTHING
"""


def bury_message(transaction: Transaction, topic: str, message: ConsumerRecord, reason: str, attempts: int) -> None:
    """Set a Kafka message aside."""
    transaction.execute(
        _INSERT,
        {
            "origin": "topic",
            "topic": topic,
            "partition": message.partition,
            "offset": message.offset,
            "position": _position(message.value),
            "key": _text(message.key.decode(errors="replace")) if message.key else None,
            "payload": message.value,
            "reason": _text(reason),
            "attempts": attempts,
            "now": transaction.now,
        },
    )


def bury_work(transaction: Transaction, kind: str, key: str, payload: bytes, reason: str, attempts: int) -> None:
    """Set a work row aside."""
    transaction.execute(
        _INSERT,
        {
            "origin": f"work:{kind}",
            "topic": None,
            "partition": None,
            "offset": None,
            "position": None,
            "key": key,
            "payload": payload,
            "reason": _text(reason),
            "attempts": attempts,
            "now": transaction.now,
        },
    )


def _text(found: str) -> str:
    """What PostgreSQL takes as text: anything but NUL. Setting aside must never fail, whatever came."""
    return found.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _position(payload: bytes | None) -> int | None:
    """The position that a message names, where it can be one."""
    try:
        found = msgspec.json.decode(payload or b"", type=_Position).position
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors; what is nested too deeply is none
        return None
    return found if found in POSITIONS else None


class DeadLetters:
    """The operator's view on one service's dead letters."""

    def __init__(self, store: Store, redrive: Callable[[Transaction, Any], None]) -> None:
        self.store = store
        self._redrive = redrive

    def list(self, *, pending_only: bool = True) -> "list[DeadLetter]":
        """Newest last; those that wait unless all are asked for."""
        where = "WHERE redriven_at IS NULL" if pending_only else ""
        columns = "id, origin, topic, partition, key, reason, attempts, created_at, redriven_at"
        with self.store.transaction() as transaction:
            rows = transaction.execute(f"SELECT {columns} FROM dead_letter {where} ORDER BY id").all()
        return [DeadLetter(*row) for row in rows]

    def redrive(self, number: int, actor: str) -> bool:
        """Handle one again; whether there was one that waits. Raises what the handler raises; then it stays."""
        with self.store.transaction() as transaction:
            row = transaction.execute(
                "SELECT * FROM dead_letter WHERE id = :id AND redriven_at IS NULL FOR UPDATE",
                {"id": number},
            ).one_or_none()
            if row is None:
                return False
            self._redrive(transaction, row)
            transaction.execute(
                "UPDATE dead_letter SET redriven_at = :now WHERE id = :id", {"id": number, "now": transaction.now}
            )
            transaction.audit("consultation", "dead_letter_redriven", purpose="operation", actor=actor, dead_letter=number)
        return True
