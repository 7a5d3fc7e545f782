"""Dead letters: inputs that cannot be handled, with their origin and reason. They can be listed, shown and redriven.

Redriving handles the message again through the same handler; the version rule makes an old one harmless. It is audited. Of one
that could not be read nothing is kept: its writer publishes again what has not arrived (`outbox.publish_again`), and redriving
only looks whether it has come.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from kafka.consumer.fetcher import ConsumerRecord

from services.runtime.database import Store
from services.runtime.errors import Poison
from services.runtime.offsets import POSITIONS
from services.runtime.transaction import Transaction


class DeadLetter(msgspec.Struct, frozen=True):
    """One dead letter as it is listed. `reason` is a class and field path, never a value. `lacks`, where its bytes could not be
    read: the first position of its partition that has not arrived, which may be the next that its writer will use.
    """

    id: int
    origin: str
    topic: str | None
    partition: int | None
    key: str | None
    reason: str
    attempts: int
    created_at: Any
    redriven_at: Any
    lacks: int | None


_LACKS = """
    CASE WHEN d.payload IS NULL THEN lower(int8multirange(int8range(1, NULL))
        - coalesce((SELECT seen FROM received r WHERE (r.topic, r.partition) = (d.topic, d.partition)), '{}')
        - coalesce((SELECT range_agg(int8range(position, position, '[]')) FROM dead_letter o
            WHERE (o.topic, o.partition) = (d.topic, d.partition) AND position > 0 AND redriven_at IS NULL), '{}')) END AS lacks
"""
_WAITING = f"SELECT d.*, {_LACKS} FROM dead_letter d WHERE id = :id AND redriven_at IS NULL FOR UPDATE OF d"
# All that had come has come: what else could not be read of this partition before is settled too.
_REDRIVEN = """
    UPDATE dead_letter SET redriven_at = :now WHERE id = :id OR (
        :unread AND topic = :topic AND partition = :partition AND payload IS NULL AND redriven_at IS NULL AND id < :id)
"""


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
        columns = f"id, origin, topic, partition, key, reason, attempts, created_at, redriven_at, {_LACKS}"
        with self.store.transaction() as transaction:
            rows = transaction.execute(f"SELECT {columns} FROM dead_letter d {where} ORDER BY id").all()
        return [DeadLetter(*row) for row in rows]

    def redrive(self, number: int, actor: str, through: int | None = None) -> bool:
        """Handle one again; whether there was one that waits. Raises what the handler raises; then it stays.

        One whose bytes could not be read is handled once everything up to position `through` has arrived. Raises Poison before.
        """
        with self.store.transaction() as transaction:
            row = transaction.execute(_WAITING, {"id": number}).one_or_none()
            if row is None:
                return False
            if row.lacks is None:
                self._redrive(transaction, row)
            elif through is None or row.lacks <= through:
                raise Poison("no_bytes_kept_and_not_come_again")
            values = {"id": number, "now": transaction.now, "unread": row.lacks is not None}
            transaction.execute(_REDRIVEN, {**values, "topic": row.topic, "partition": row.partition})
            transaction.audit("consultation", "dead_letter_redriven", purpose="operation", actor=actor, dead_letter=number)
        return True
