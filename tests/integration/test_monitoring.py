"""monitoring as a process on a real Kafka: what it counts, that it needs no memory of its own, that it outlives a broker."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Signal
from typing import Any
from uuid import UUID, uuid5

import httpx
import msgspec
import pytest

from deploy.system import System
from deploy.testing import Running
from events import topics
from events.alias import Alias
from events.audit import AuditEntry
from events.delivery import Delivery, DeliveryState
from events.envelope import Envelope
from events.extract import Extract, RowCounts
from events.topics import Topic
from services.runtime import broker
from tests.conftest import new_system

AT = datetime(2026, 9, 21, 0, 0, tzinfo=UTC)
SPACE = UUID("0d4a1c52-6f5c-4a52-8c31-9df20b9c1b11")
DEADLINE_SECONDS = 60.0
STOP_SECONDS = 15.0


@pytest.fixture
def system(running: Running, tmp_path: Path) -> Iterator[System]:
    """A system with its topics and rights, and only monitoring as process."""
    found = new_system(running, tmp_path)
    found.prepare()
    yield found
    found.stop_services(["monitoring"])


def named(name: str) -> UUID:
    return uuid5(SPACE, name)


def fact(topic: Topic, key: str, version: int, data: Any) -> tuple[Topic, str, bytes]:
    """A message as a service's relay would send it."""
    source = f"/{topic.writer}"
    return topic, key, msgspec.json.encode(Envelope(named(key), source, topic.type, key, AT, version, version, key, data))


def delivery(number: int, version: int, state: DeliveryState) -> tuple[Topic, str, bytes]:
    key = named(f"notification {number}")
    ids = [named(f"{name} {number}") for name in ("draft", "case", "child", "run")]
    data = Delivery(key, ids[0], 1, ids[1], ids[2], ids[3], "2026-W38", "first", "751", state, None, [], None, [])
    return fact(topics.DELIVERY, str(key), version, data)


def audited(number: int) -> tuple[Topic, str, bytes]:
    entry = AuditEntry("intake", "collection", "extract_read", "screening", "service:intake", AT, [])
    return fact(topics.AUDIT["intake"], "intake", number, entry)


def extract() -> tuple[Topic, str, bytes]:
    counts = RowCounts(rows=6, new=3, corrected=1, withdrawn=1, quarantined=1)
    data = Extract("1461-00001", "1461", 1, datetime(2026, 9, 20, 22, 0, tzinfo=UTC), counts, [0, 0, 0, 0])
    return fact(topics.EXTRACT, data.extract_id, 1, data)


def alias(number: int) -> tuple[Topic, str, bytes]:
    return fact(
        topics.ALIAS, str(named(f"person {number}")), 1, Alias(named(f"person {number}"), named("person 0"), "identified")
    )


def publish(system: System, messages: list[tuple[Topic, str, bytes]]) -> None:
    """Send each as the principal who may."""
    for writer in {topic.writer for topic, _, _ in messages}:
        settings = system.settings(writer)
        producer = broker.producer(settings)
        for topic, key, value in messages:
            if topic.writer == writer:
                producer.send(settings.kafka_name(topic.name), value, key.encode(), partition=topic.partition(key))
        producer.flush(timeout=30)
        producer.close(timeout=5)


def counts(system: System) -> Any:
    headers = {"authorization": f"Bearer {system.token('operator')}"}
    answer = httpx.get(f"{system.http('monitoring')}/counts", headers=headers, timeout=10, trust_env=False)
    answer.raise_for_status()
    return answer.json()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not happen before the deadline"
        Signal().wait(0.1)


def seen(system: System) -> int:
    return sum(counts(system)["topics"].values())


MESSAGES = [
    extract(),
    delivery(1, 1, "pending"),
    delivery(1, 3, "acknowledged"),
    delivery(1, 2, "sent"),
    delivery(2, 1, "pending"),
    alias(0),
    alias(1),
    *(audited(number) for number in (1, 2, 3, 2)),
    (topics.EXTRACT, "broken", b'{"specversion":"1.0"'),
    (topics.CASE, "broken", b""),
]


def test_counts_by_newest_state_and_again_after_a_restart(system: System) -> None:
    publish(system, MESSAGES)
    shown = []
    for _ in range(2):
        system.start_services(["monitoring"])
        until(lambda: bool(counts(system)["caught_up"]))
        shown.append(counts(system))
        started = time.monotonic()
        assert system.stop_services(["monitoring"]) == []
        assert time.monotonic() - started < STOP_SECONDS
    assert shown[0]["weeks"] == {
        "2026-W38": {
            "extracts": 1,
            "rows": 6,
            "rows_quarantined": 1,
            "records": 4,
            "records_withdrawn": 1,
            "acknowledged": 1,
            "pending": 1,
        }
    }
    assert shown[0]["municipalities"] == {"751": {"acknowledged": 1, "pending": 1}}
    assert shown[0]["persons"] == {"identified": 1, "merged": 1}
    assert shown[0]["audit"] == {"intake": 3}
    assert shown[0]["undecodable"] == {"intake.extract.v1": 1, "deduplication.case.v1": 1}
    assert (shown[0]["topics"]["intake.extract.v1"], shown[0]["caught_up"]) == (2, True)
    assert {**shown[0], "rates": {}} == {**shown[1], "rates": {}}


def test_goes_on_when_the_broker_was_away(system: System, running: Running) -> None:
    if running.embedded is None:
        pytest.skip("only the embedded broker is ours to stop")
    publish(system, [delivery(1, 1, "pending")])
    system.start_services(["monitoring"])
    running.embedded.kafka.kill()
    running.embedded.kafka.start()
    publish(system, [delivery(2, 1, "pending"), delivery(3, 1, "pending")])
    until(lambda: counts(system)["weeks"].get("2026-W38", {}).get("pending") == 3)
    assert system.running("monitoring")


def test_is_ready_only_once_its_rights_are_checked(running: Running, tmp_path: Path) -> None:
    system = new_system(running, tmp_path)
    system.prepare_tables()  # secrets too, but nothing in Kafka
    try:
        system.start_services(["monitoring"], wait=False)
        door = f"{system.http('monitoring')}/ready"
        until(lambda: answers(door))
        said = httpx.get(door, timeout=10, trust_env=False)
        assert (said.status_code, said.json()) == (503, {"waiting_for": ["broker"]})
        system.prepare()
        system.wait_ready(["monitoring"])
    finally:
        system.stop_services(["monitoring"])


def answers(door: str) -> bool:
    """Whether anything is served there, be it good or bad news."""
    try:
        return httpx.get(door, timeout=10, trust_env=False).status_code > 0
    except httpx.TransportError:
        return False


def test_the_door_asks_for_a_credential(system: System) -> None:
    system.start_services(["monitoring"])
    url = f"{system.http('monitoring')}/counts"
    assert httpx.get(url, timeout=10, trust_env=False).status_code == 401
    refused = httpx.get(url, headers={"authorization": f"Bearer {system.token('delivery')}"}, timeout=10, trust_env=False)
    assert refused.status_code == 403
