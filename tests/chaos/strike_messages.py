"""Strikes by message: old ones again in another order, and messages that nobody can handle, or that nobody may send."""

from collections.abc import Callable
from concurrent.futures import wait
from contextlib import suppress
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
from tests.chaos.planted import DeadLetter, Which, dead_letters
from tests.chaos.post import Old, handed_over
from tests.chaos.scene import Scene
from tests.chaos.strikes import Simple, Strike
from tests.chaos.tally import Struck

AGAIN = 60
"""Messages per redelivery at most."""
LIMIT_BYTES = 1_000_000
"""An oversized message: the broker takes batches up to 1 MiB."""
ASIDE_SECONDS = 150.0
"""What kills is set aside after three starts; each takes a second, and a session's end when another copy takes over."""

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
    return bool(scene.post.send(topic.writer, topic, partition, [(each.key, each.payload) for each in old]))


def _plant(scene: Scene, topic: Topic, partition: int, key: str, payload: bytes) -> list[Which]:
    """Send what every reader must set aside; by whom. Raises KafkaError where it may have been sent or not."""
    which = scene.planted.announce(_readers(topic), topic.name, payload)
    (spot,) = scene.post.send(topic.writer, topic, partition, [(key, payload)])
    scene.planted.confirm(which, spot)
    return which


def _was_set_aside(scene: Scene, which: Which) -> bool:
    """Wait until a reader has set aside what was planted. Where it does not, the look at the end state tells."""
    wait_for(lambda: not scene.planted.awaited(which), ASIDE_SECONDS)
    return scene.planted.seen(which)


def _seen(scene: Scene, planted: list[Which]) -> bool:
    """The same of each reader: then the strike hit."""
    return all(_was_set_aside(scene, which) for which in planted)


def _readers(topic: Topic) -> list[str]:
    return [reader for reader in topic.readers if reader in DOMAIN_SERVICES]


def poison(name: str, weight: float, spoil: Callable[[Envelope, Random], bytes]) -> Strike:
    """A message that every reader must set aside, made from a real one."""

    def hit(scene: Scene, chance: Random) -> Struck:
        topic, partition = _somewhere(scene, chance, [*FACTS, *AUDIT.values()])
        old = scene.post.old(topic, partition, 1, chance.random())
        if not old:
            return False
        payload = spoil(msgspec.json.decode(old[0].payload), chance)
        planted = _plant(scene, topic, partition, old[0].key, payload)
        return scene.later(0, lambda: _seen(scene, planted))

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


def kill_reader(scene: Scene, chance: Random) -> Struck:
    """An old version comes again in a form that kills whoever reads it; set aside, it is redriven and must be stale."""
    topic = chance.choice([CASE, DECISION])
    partition = chance.randrange(topic.partitions)
    old = scene.post.old(topic, partition, 1, chance.random())
    if not old or not scene.take(KILLER):
        return False
    try:
        planted = _plant(scene, topic, partition, old[0].key, _killer(old[0], chance))
    except KafkaError:
        scene.give(KILLER)
        raise
    redriven = [scene.later(0, partial(_redrive, scene, which)) for which in planted]
    for each in redriven:
        scene.tally.add("old version redriven", each)

    def end() -> bool:
        wait(redriven)
        scene.give(KILLER)
        return _seen(scene, planted)

    return scene.later(0, end)


def _redrive(scene: Scene, which: Which) -> bool:
    """Wait until it was set aside, then redrive it through the operator's door; whether that was done."""
    if not _was_set_aside(scene, which):
        return False
    done = wait_for(lambda: _redriven(scene, which), ASIDE_SECONDS)
    if not done:
        scene.violation(f"{which.reader} did not redrive an old version within {ASIDE_SECONDS:.0f} s")
    return done


def _redriven(scene: Scene, which: Which) -> bool:
    """Whether it was redriven: by the database, for an answer gets lost when somebody is killed. Else ask for it."""
    letter = _letter(scene, which)
    if not letter.waits:
        return True
    with suppress(httpx.HTTPError):
        scene.doors.post("operator", which.reader, f"/dead-letters/{letter.number}/redrive")
    return not _letter(scene, which).waits


def _letter(scene: Scene, which: Which) -> DeadLetter:
    (found,) = (each for each in dead_letters(scene.rows, which.reader) if each.which == which)
    return found


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
