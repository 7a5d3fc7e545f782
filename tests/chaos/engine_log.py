"""Strikes on what Kafka remembers: a log that is lost as a whole (another cluster id), or has lost its tail (the same id).

The broker is killed, its files are changed as a lost disk or a crash without `fsync` would leave them, and it is started again.
"""

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from random import Random

from deploy.embedded.kafka import KafkaServer
from tests.chaos.scene import Scene
from tests.chaos.strikes import Simple, Strike

BATCH_HEAD = struct.Struct(">qi")
"""A record batch begins with its base offset and the number of bytes that follow these twelve."""
LAST_OFFSET_DELTA, BEFORE_DELTA = struct.Struct(">i"), 23
"""How many offsets it spans, less one; behind its head, leader epoch, magic, checksum and attributes."""
DERIVED = (".index", ".timeindex", ".txnindex", ".snapshot")
"""Files that the broker makes anew from the log."""
AWAY_SECONDS = (0.5, 3.0)
LEAST_KEPT, MOST_KEPT = 0.3, 0.99
"""Parts of a log that are left."""


def lose_log(server: KafkaServer) -> None:
    """Everything is gone, and the next start makes a new cluster: provision users, topics and rights again after it."""
    server.kill()
    server.formatted.unlink()
    shutil.rmtree(server.node.data)


def lose_tail(server: KafkaServer, topic: str, partition: int, end: int) -> int:
    """Cut a partition's log so that it ends at this offset or, inside a batch, before it; returns where it ends now.

    The broker is killed for it and not started again.
    """
    server.kill()
    (segment,) = (server.node.data / f"{topic}-{partition}").glob("*.log")
    for path in segment.parent.iterdir():
        if path.suffix in DERIVED:
            path.unlink()
    kept, size = int(segment.stem), 0
    for last, following in batches(segment):
        if last >= end:
            break
        kept, size = last + 1, following
    with segment.open("r+b") as file:
        file.truncate(size)
    return kept


def batches(segment: Path) -> Iterator[tuple[int, int]]:
    """The record batches of a segment: last offset, and where in the file the next one begins."""
    content, place = segment.read_bytes(), 0
    while place + BATCH_HEAD.size < len(content):
        first, length = BATCH_HEAD.unpack_from(content, place)
        (delta,) = LAST_OFFSET_DELTA.unpack_from(content, place + BEFORE_DELTA)
        place += BATCH_HEAD.size + length
        yield first + delta, place


def _tail_is_lost(scene: Scene, chance: Random) -> bool:
    """The last part of a log of ours is gone. Not of receipts: who wrote them is asked again only after a day."""
    seconds, kept = chance.uniform(*AWAY_SECONDS), chance.uniform(LEAST_KEPT, MOST_KEPT)
    if not scene.system.embedded.running("kafka"):
        return False
    node = _kafka(scene)
    segments = sorted(each for each in node.node.data.glob("*.v1-*/*.log") if ".receipt." not in each.parent.name)
    written = [(each, ends) for each in segments if (ends := [last for last, _ in batches(each)])]
    if not written or not scene.take("kafka"):
        return False
    segment, ends = chance.choice(written)
    topic, _, partition = segment.parent.name.rpartition("-")
    end = lose_tail(node, topic, int(partition), int((ends[-1] + 1) * kept))
    scene.planted.lose(topic, int(partition), end)  # before Kafka is back: what is planted then gets the same offsets again
    scene.later(seconds, lambda: _mend(scene, "kafka"))
    return True


def _log_is_lost(scene: Scene, chance: Random) -> bool:
    """All of Kafka is gone; it is started anew and provisioned, for which the database must be there."""
    seconds = chance.uniform(*AWAY_SECONDS)
    if not scene.system.embedded.running("kafka") or not scene.take("kafka"):
        return False
    if not scene.take("postgres"):
        scene.give("kafka")
        return False
    lose_log(_kafka(scene))
    scene.planted.lose_everything()
    scene.later(seconds, lambda: _mend(scene, "kafka", "postgres"))
    return True


def _kafka(scene: Scene) -> KafkaServer:
    (node,) = scene.system.embedded.kafka.nodes
    return node


def _mend(scene: Scene, *taken: str) -> None:
    scene.system.embedded.kafka.start()
    if "postgres" in taken:
        scene.system.prepare()
    for name in taken:
        scene.give(name)


STRIKES: list[Strike] = [Simple("tail of kafka lost", 0.05, _tail_is_lost), Simple("log of kafka lost", 0.02, _log_is_lost)]
