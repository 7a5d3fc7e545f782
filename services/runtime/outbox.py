"""The outbox: facts are written beside their effects, numbered gapless per (topic, partition).

The numbers are taken last in the transaction and in a fixed order of rows, so that the lock is short and cannot deadlock.
"""

from collections import defaultdict
from uuid import UUID

import msgspec

from events.envelope import Envelope
from events.topics import LARGEST_FACT_BYTES
from services.runtime import ids, tracing
from services.runtime.errors import Poison
from services.runtime.transaction import Publication, Transaction

_ALLOCATE = """
    INSERT INTO outbox_position AS o (topic, partition, last) VALUES (:topic, :partition, :count)
    ON CONFLICT (topic, partition) DO UPDATE SET last = o.last + excluded.last RETURNING last
"""
_AGAIN = """
    UPDATE outbox_position SET published = least(published, :first - 1) WHERE topic = :topic AND partition = :partition
    RETURNING last
"""
_encode = msgspec.json.Encoder().encode


def _envelope(transaction: Transaction, publication: Publication, position: int, own_id: UUID) -> bytes:
    if tracing.on():
        transaction.traced.append((own_id, publication))
    return _encode(
        Envelope(
            id=own_id,
            source=f"/{transaction.service}",
            type=publication.topic.type,
            subject=publication.key,
            time=transaction.now,
            aggregateversion=publication.version or position,
            position=position,
            correlationid=publication.correlation,
            data=publication.data,
        )
    )


def write_publications(transaction: Transaction) -> None:
    """Number, encode and store everything that this transaction publishes. Raises Poison for a fact that no topic takes."""
    places: dict[tuple[str, int], list[Publication]] = defaultdict(list)
    for publication in transaction.publications:
        places[publication.topic.name, publication.topic.partition(publication.key)].append(publication)
    if not places:
        return
    first = {place: _allocate(transaction, place, len(places[place])) for place in sorted(places)}
    with (
        transaction.driver.cursor() as cursor,
        cursor.copy("COPY outbox (topic, partition, position, key, payload) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(["text", "int2", "int8", "text", "bytea"])
        own_ids = ids.random()
        for (topic, partition), publications in places.items():
            for position, publication in enumerate(publications, first[topic, partition]):
                payload = _envelope(transaction, publication, position, next(own_ids))
                if len(payload) > LARGEST_FACT_BYTES:
                    raise Poison(f"fact_too_large {topic} {len(payload)}_bytes")
                copy.write_row((topic, partition, position, publication.key, payload))


def _allocate(transaction: Transaction, place: tuple[str, int], count: int) -> int:
    topic, partition = place
    last: int = transaction.execute(_ALLOCATE, {"topic": topic, "partition": partition, "count": count}).scalar_one()
    return last - count + 1


def publish_again(transaction: Transaction, topic: str, partition: int, first: int) -> int | None:
    """Let the relay publish everything from this position on once more, which versions make harmless; the last position there is.
    None where nothing was ever written.
    """
    values = {"topic": topic, "partition": partition, "first": first}
    last: int | None = transaction.execute(_AGAIN, values).scalar_one_or_none()
    return last
