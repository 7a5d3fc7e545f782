"""Strikes on what Kafka remembers: a log that is lost as a whole (another cluster id), or has lost its tail (the same id).

The broker is killed, its files are changed as a lost disk or a crash without `fsync` would leave them, and it is started again.
"""

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

from deploy.embedded.kafka import KafkaServer

BATCH_HEAD = struct.Struct(">qi")
"""A record batch begins with its base offset and the number of bytes that follow these twelve."""
DERIVED = (".index", ".timeindex", ".txnindex", ".snapshot")
"""Files that the broker makes anew from the log."""


def lose_log(server: KafkaServer) -> None:
    """Everything is gone, and the next start makes a new cluster: provision users, topics and rights again after it."""
    server.kill()
    shutil.rmtree(server.folder)


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
    for first, last, following in batches(segment):
        if last >= end:
            break
        kept, size = last + 1, following
        assert first <= last
    with segment.open("r+b") as file:
        file.truncate(size)
    return kept


def batches(segment: Path) -> Iterator[tuple[int, int, int]]:
    """The record batches of a segment: first and last offset, and where in the file the next one begins."""
    content, place = segment.read_bytes(), 0
    while place + BATCH_HEAD.size < len(content):
        first, length = BATCH_HEAD.unpack_from(content, place)
        (delta,) = struct.unpack_from(">i", content, place + 23)  # lastOffsetDelta, after epoch, magic, checksum, attributes
        place += BATCH_HEAD.size + length
        yield first, first + delta, place
