"""Strikes by message: old ones again in another order, and messages that nobody can handle, or that nobody may send."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

import httpx
import msgspec
from kafka.errors import KafkaError

from events.topics import AUDIT, CASE, DECISION, DOMAIN_SERVICES, FACTS, Topic
from services.runtime.points import FATAL_MARK
from tests.chaos.fleet import wait_for
from tests.chaos.planted import digest
from tests.chaos.post import Old, handed_over
from tests.chaos.scene import Scene
from tests.chaos.strikes import Simple, Strike

AGAIN = 60
"""Messages per redelivery at most."""
LIMIT_BYTES = 1_000_000
"""An oversized message: the broker takes batches up to 1 MiB."""
KILL_SECONDS = 150.0
"""It is set aside after three starts; each takes a second, and a session's end when another copy takes over."""

KILLER = "message that kills"
"""One at a time: each takes down its readers several times."""

Envelope = dict[str, Any]


def _somewhere(scene: Scene, chance: Random, topics: list[Topic]) -> tuple[Topic, int]:
    topic = chance.choice(topics)
    return topic, chance.randrange(topic.partitions)


def redeliver(scene: Scene, chance: Random) -> bool:
    """Messages of any age once more, in another order, from the service that wrote them."""
    topic, partition = _somewhere(scene, chance, handed_over(scene.system.municipalities))
    old = scene.post.old(topic, partition, chance.randint(1, AGAIN), chance.choice((1.0, chance.random())))
    chance.shuffle(old)
    return bool(old) and _send(scene, topic.writer, topic, partition, [(each.key, each.payload) for each in old])


def _send(scene: Scene, principal: str, topic: Topic, partition: int, messages: list[tuple[str | None, bytes]]) -> bool:
    try:
        scene.post.send(principal, topic, partition, messages)
    except KafkaError:
        return False
    return True


def _plant(scene: Scene, topic: Topic, partition: int, key: str, payload: bytes) -> bool:
    """Send what every reader must set aside; whether it surely was sent."""
    which = scene.planted.announce(_readers(topic), topic.name, payload)
    sent = _send(scene, topic.writer, topic, partition, [(key, payload)])
    if sent:
        scene.planted.confirm(which)
    return sent


def _readers(topic: Topic) -> list[str]:
    return [reader for reader in topic.readers if reader in DOMAIN_SERVICES]


def poison(name: str, weight: float, spoil: Callable[[Envelope, Random], bytes]) -> Strike:
    """A message that every reader must set aside, made from a real one."""

    def hit(scene: Scene, chance: Random) -> bool:
        topic, partition = _somewhere(scene, chance, [*FACTS, *AUDIT.values()])
        old = scene.post.old(topic, partition, 1, chance.random())
        if not old:
            return False
        payload = spoil(msgspec.json.decode(old[0].payload), chance)
        return _plant(scene, topic, partition, old[0].key, payload)

    return Simple(name, weight, hit)


def _corrupt(envelope: Envelope, chance: Random) -> bytes:
    return bytes(chance.choices(range(256), k=chance.randint(8, 400)))


def _cut(envelope: Envelope, chance: Random) -> bytes:
    """JSON that ends in the middle, and nowhere else but here: the id is new."""
    whole = msgspec.json.encode(_renewed(envelope, chance))
    return whole[: chance.randint(len(whole) // 2, len(whole) - 1)]


def _oversized(envelope: Envelope, chance: Random) -> bytes:
    return chance.randbytes(LIMIT_BYTES // 2).hex().encode()


def _unknown_type(envelope: Envelope, chance: Random) -> bytes:
    return msgspec.json.encode(_renewed(envelope, chance) | {"type": "dk.socialsog.something.else.v1"})


def _unknown_version(envelope: Envelope, chance: Random) -> bytes:
    return msgspec.json.encode(_renewed(envelope, chance) | {"type": envelope["type"].rpartition(".")[0] + ".v9"})


def _wrong_source(envelope: Envelope, chance: Random) -> bytes:
    return msgspec.json.encode(_renewed(envelope, chance) | {"source": "/simulator"})


def _renewed(envelope: Envelope, chance: Random) -> Envelope:
    return envelope | {"id": str(UUID(bytes=chance.randbytes(16), version=4))}


def trespass(scene: Scene, chance: Random) -> bool:
    """A principal that may not write to a topic tries to: Kafka must refuse it."""
    topic, partition = _somewhere(scene, chance, [*FACTS, *AUDIT.values()])
    stranger = chance.choice([each for each in DOMAIN_SERVICES if each != topic.writer])
    try:
        scene.post.send(stranger, topic, partition, [(None, b"{}")])
    except KafkaError as error:
        return "Authorization" in type(error).__name__ or "Authorization" in str(error)
    scene.violation(f"{stranger} may write to {topic.name}")
    return True


def kill_reader(scene: Scene, chance: Random) -> bool:
    """An old version comes again in a form that kills whoever reads it; set aside, it is redriven and must be stale."""
    topic = chance.choice([CASE, DECISION])
    partition = chance.randrange(topic.partitions)
    old = scene.post.old(topic, partition, 1, chance.random())
    if not old or not scene.take(KILLER):
        return False
    payload = _killer(old[0], chance)
    if not _plant(scene, topic, partition, old[0].key, payload):
        scene.give(KILLER)
        return False
    for reader in _readers(topic):
        scene.later(0, partial(_redrive, scene, reader, topic, payload))
    scene.later(0, partial(scene.give, KILLER))
    return True


def _redrive(scene: Scene, reader: str, topic: Topic, payload: bytes) -> None:
    """Wait until it was set aside, then redrive it through the operator's door."""
    if not wait_for(lambda: bool(_set_aside(scene, reader, payload)), KILL_SECONDS):
        if scene.planted.expects((reader, topic.name, digest(payload))):
            scene.violation(f"{reader} did not set aside a message that kills it within {KILL_SECONDS:.0f} s")
        return
    (number,) = _set_aside(scene, reader, payload)[0]
    if wait_for(lambda: _asked(scene, reader, number), KILL_SECONDS):
        scene.happened("old version redriven")


def _set_aside(scene: Scene, reader: str, payload: bytes) -> list[tuple[Any, ...]]:
    return scene.rows(f"SELECT id FROM {{ns}}{reader}.dead_letter WHERE payload = %(payload)s", payload=payload)


def _asked(scene: Scene, reader: str, number: int) -> bool:
    try:
        scene.doors.post("operator", reader, f"/dead-letters/{number}/redrive")
    except httpx.HTTPError as error:
        return isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500
    return True


def _killer(old: Old, chance: Random) -> bytes:
    envelope: Envelope = msgspec.json.decode(old.payload)
    return msgspec.json.encode(_renewed(envelope, chance) | {"note": FATAL_MARK.decode()})


STRIKES: list[Strike] = [
    Simple("redelivery", 5, redeliver),
    poison("corrupt", 1, _corrupt),
    poison("cut off", 1, _cut),
    poison("oversized", 0.1, _oversized),
    poison("unknown type", 1, _unknown_type),
    poison("unknown version", 1, _unknown_version),
    poison("wrong source", 0.5, _wrong_source),
    Simple("trespass", 1, trespass),
    Simple(KILLER, 0.1, kill_reader),
]
