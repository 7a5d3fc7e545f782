"""Where a canary – a name or number that stands nowhere else – has got to: looked for in all that a system leaves behind."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
from kafka.consumer.fetcher import ConsumerRecord

from events import topics
from events.rooms import CLEAR_DATA_ROOMS
from services.runtime.broker import consumer, partition
from services.runtime.settings import SERVICES
from services.simulator.canaries import PATTERN
from tests.system.town import Town


def scraped(town: Town, service: str) -> str:
    """What one service tells the scraper."""
    headers = {"authorization": f"Bearer {town.system.token('scraper')}"}
    answer = httpx.get(f"{town.system.http(service)}/metrics", headers=headers, trust_env=False)
    answer.raise_for_status()
    return answer.text


def in_tables(town: Town) -> Iterator[str]:
    """Tables outside the declared rooms that hold a canary."""
    prefix = f"{town.system.namespace}_"
    tables = town.rows(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema LIKE %(p)s", p=prefix + "%"
    )
    assert {schema for schema, _ in tables} >= set(map(town.settings.database_name, topics.DOMAIN_SERVICES))
    for schema, table in tables:
        service = schema.removeprefix(prefix)
        if service in CLEAR_DATA_ROOMS or f"{service}.{table}" in CLEAR_DATA_ROOMS:
            continue
        rows: list[tuple[Any, ...]] = town.rows(f'SELECT t::text FROM {schema}."{table}" AS t')
        columns = town.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = %(s)s AND table_name = %(t)s "
            "AND data_type = 'bytea'",
            s=schema,
            t=table,
        )
        texts = [str(row[0]).encode() for row in rows]
        for (column,) in columns:
            texts += [
                bytes(row[0]) for row in town.rows(f'SELECT "{column}" FROM {schema}."{table}" WHERE "{column}" IS NOT NULL')
            ]
        if leak := next((match for text in texts if (match := PATTERN.search(text))), None):
            yield f"table {service}.{table}: {leak.group()!r}"


def in_topics(town: Town) -> Iterator[str]:
    """Messages on any topic that hold one."""
    declared, seen = topics.declared(town.settings.municipalities), set()
    for principal in sorted({reader for topic in declared for reader in topic.readers}):
        for message in messages(town, principal):
            seen.add(message.topic)
            if leak := PATTERN.search(bytes(message.value or b"") + bytes(message.key or b"")):
                yield f"topic {message.topic}: {leak.group()!r}"
    assert seen >= {town.settings.kafka_name(topic.name) for topic in (*topics.FACTS, *topics.AUDIT.values())}


def messages(town: Town, principal: str) -> Iterator[ConsumerRecord]:
    """Everything on the topics that a principal may read."""
    mine = [topic for topic in topics.declared(town.settings.municipalities) if principal in topic.readers]
    reader = consumer(town.settings, principal)
    reader.assign([partition(town.settings, topic, number) for topic in mine for number in range(topic.partitions)])
    reader.seek_to_beginning()
    ends = reader.end_offsets(reader.assignment())
    while any(reader.position(place) < end for place, end in ends.items()):
        for found in reader.poll(timeout_ms=500).values():
            yield from found
    reader.close()


def in_metrics_and_traces(town: Town) -> Iterator[str]:
    """Metrics or traces that hold one, or a pseudonym."""
    files = list((town.folder / "traces").iterdir())
    texts = {service: scraped(town, service) for service in SERVICES}
    texts |= {path.name: path.read_text(encoding="utf-8") for path in files}
    assert len(texts) > len(SERVICES) + 4, "the services through which a row goes write traces"
    persons = {str(row[0]) for row in town.rows("SELECT pseudonym FROM {ns}identity.pseudonym")}
    for name, text in texts.items():
        if leak := PATTERN.search(text.encode()):
            yield f"{name}: {leak.group()!r}"
        if persons & set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", text)):
            yield f"{name}: a pseudonym"


def in_logs(town: Town) -> Iterator[str]:
    """Log lines that hold one."""
    texts = {path.name: path.read_text(errors="replace") for path in (town.system.state / "logs").iterdir()} | town.running.logs()
    assert len(texts) >= len(topics.DOMAIN_SERVICES)
    for name, text in texts.items():
        if leak := PATTERN.search(text.encode()):
            yield f"log {name}: {leak.group()!r}"
