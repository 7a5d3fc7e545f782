"""What there is to compare with: Kafka with nothing around it, and PostgreSQL with nothing around it, on the same rows."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing import get_context
from typing import Any

import psycopg
from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import TopicAlreadyExistsError
from psycopg.sql import SQL, Identifier

from deploy.provision.kafka import topic_options
from events.topics import RECORD
from services.runtime import broker
from services.runtime.settings import load

TOPIC = "bare.record"
"""Nobody else reads or writes it."""
ADMIN = "admin"
RUNS = 3
"""Repetitions of what takes seconds; the median counts."""
KAFKA_MESSAGES = 200_000
"""Messages of a bare run at most: enough for a steady rate."""

BLOCK = 1024 * 1024
"""Bytes given to COPY at a time."""

Message = tuple[int, bytes, bytes]
"""Partition, key, value."""


def median(measure: Callable[[], float], runs: int = RUNS) -> float:
    """The median of several runs."""
    return statistics.median(measure() for _ in range(runs))


def messages(connection: "psycopg.Connection[Any]", most: int = KAFKA_MESSAGES) -> list[Message]:
    """Records as they stand in intake's outbox: the very bytes that were published."""
    query = "SELECT partition, key, payload FROM intake.outbox WHERE topic = %s AND position <= %s"
    rows = connection.execute(query, (RECORD.name, most // RECORD.partitions))
    return [(partition, key.encode(), bytes(payload)) for partition, key, payload in rows]


def kafka_rate(environ: dict[str, str], sent: list[Message]) -> float:
    """Messages per second of a bare producer and a bare consumer side by side, with our settings, on a topic of its own."""
    settings = load("intake", environ)
    admin = KafkaAdminClient(**broker.login(settings, ADMIN))
    with suppress(TopicAlreadyExistsError):
        admin.create_topics({TOPIC: topic_options(RECORD, 1)})
    admin.close()
    context = get_context("spawn")
    pipe, far = context.Pipe()
    reader = context.Process(target=_read, args=(environ, len(sent), far))
    reader.start()
    assert pipe.recv() == "ready"
    producer = broker.producer(settings, ADMIN)
    begun = time.monotonic()
    for partition, key, value in sent:
        producer.send(TOPIC, value, key, partition=partition)
    producer.flush(timeout=300)
    assert pipe.recv() == "done"
    took = time.monotonic() - begun
    producer.close(timeout=5)
    reader.join()
    return len(sent) / took


def _read(environ: dict[str, str], count: int, pipe: Any) -> None:
    consumer = broker.consumer(load("screening", environ), ADMIN)
    places = [TopicPartition(TOPIC, number) for number in range(RECORD.partitions)]
    consumer.assign(places)
    consumer.seek_to_end()
    for place in places:
        consumer.position(place)
    pipe.send("ready")
    seen = 0
    while seen < count:
        seen += sum(map(len, consumer.poll(timeout_ms=200).values()))
    pipe.send("done")
    consumer.close(autocommit=False)


def copy_seconds(connection: "psycopg.Connection[Any]", tables: Iterable[tuple[str, str]]) -> tuple[float, int]:
    """Seconds that plain COPY takes for the rows of these tables (schema, name) into tables with the same indexes; rows."""
    total, rows = 0.0, 0
    connection.execute("CREATE SCHEMA IF NOT EXISTS bare")
    for schema, name in tables:
        took, count = _copy(connection, schema, name)
        total, rows = total + took, rows + count
    connection.execute("DROP SCHEMA bare CASCADE")
    return total, rows


def _copy(connection: "psycopg.Connection[Any]", schema: str, name: str) -> tuple[float, int]:
    source, target = Identifier(schema, name), Identifier("bare", name)
    connection.execute(SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(target, source))
    with tempfile.TemporaryFile() as spare, connection.cursor() as cursor:
        with cursor.copy(SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(source)) as reading:
            for block in reading:
                spare.write(block)
        spare.seek(0)
        begun = time.monotonic()
        with cursor.copy(SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(target)) as writing:
            while block := spare.read(BLOCK):
                writing.write(block)
        took, rows = time.monotonic() - begun, cursor.rowcount
    connection.execute(SQL("DROP TABLE {}").format(target))
    return took, rows
