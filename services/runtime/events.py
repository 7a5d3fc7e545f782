"""From bytes to typed events: decoding with checks of type and source, and the version rule.

A fact is the whole state of an aggregate; only a higher version is applied, everything else is stale. So repeating and
reordering do no harm and a dead letter can be redriven at any time.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

import msgspec

from events.envelope import Envelope
from events.topics import Topic
from services.runtime.errors import Poison
from services.runtime.offsets import POSITIONS
from services.runtime.transaction import Transaction

T = TypeVar("T")


class Event(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """One fact as a handler sees it."""

    topic: Topic
    id: UUID
    key: str
    version: int
    position: int
    time: datetime
    correlation: str
    data: T


class Decoder:
    """Decodes the messages of one topic. Tolerant of unknown fields, strict about type, source and key."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self._type, self._source = topic.type, f"/{topic.writer}"
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(cast(Any, Envelope)[topic.data])

    def decode(self, payload: bytes | None, key: bytes | None) -> Event[Any]:
        """The event in these bytes. Raises Poison (what disagrees) or msgspec errors (not JSON, wrong shape)."""
        try:
            envelope = self._decoder.decode(payload or b"")
        except RecursionError:
            raise Poison("nested_too_deeply") from None
        if envelope.type != self._type:
            raise Poison("type_disagrees_with_topic")
        if envelope.source != self._source:
            raise Poison("source_disagrees_with_topic")
        if key is not None and key != envelope.subject.encode():
            raise Poison("key_disagrees_with_subject")
        if envelope.position not in POSITIONS:
            raise Poison("position_out_of_range")
        return Event(
            self.topic,
            envelope.id,
            envelope.subject,
            envelope.aggregateversion,
            envelope.position,
            envelope.time,
            envelope.correlationid,
            envelope.data,
        )


_NEWER = """
    INSERT INTO applied AS a (topic, key, version)
    SELECT :topic, key, version FROM unnest(CAST(:keys AS text[]), CAST(:versions AS bigint[])) AS given (key, version)
    ON CONFLICT (topic, key) DO UPDATE SET version = excluded.version WHERE a.version < excluded.version
    RETURNING key
"""


def newer(transaction: Transaction, topic: Topic, events: Sequence[Event[T]]) -> list[Event[T]]:
    """Those of these events that are news, one per key (the highest), in order; all others are counted as stale."""
    highest: dict[str, Event[T]] = {}
    for event in events:
        if event.key not in highest or event.version > highest[event.key].version:
            highest[event.key] = event
    ordered = sorted(highest)
    found = transaction.execute(
        _NEWER,
        {"topic": topic.name, "keys": ordered, "versions": [highest[key].version for key in ordered]},
    ).scalars()
    fresh = set(found)
    return [event for event in highest.values() if event.key in fresh]
