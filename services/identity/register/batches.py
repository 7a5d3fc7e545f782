"""Batches of lines out of a data file, with their bad lines told apart."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

import msgspec

from services.identity.domain.checks import Fault
from services.identity.domain.lines import LineReader
from services.identity.register.inbox import DataFile

L = TypeVar("L", bound=msgspec.Struct)
TOO_LONG = Fault("unreadable")


@dataclass
class Batch(Generic[L]):
    """Some lines of a file: `size` bytes, `count` lines (empty ones included), the good ones, and the faults of the bad ones."""

    size: int = 0
    count: int = 0
    good: list[L] = field(default_factory=list)
    bad: list[tuple[int, str | None, str]] = field(default_factory=list)


def batches(data: DataFile, reader: LineReader[L], offset: int, line: int, most: int) -> Iterator[Batch[L]]:
    """Batches of at most `most` lines each (empty ones counted), from a byte offset after `line` lines, until the file's end."""
    lines = data.lines(offset)
    while batch := _batch(islice(lines, most), reader, line):
        yield batch
        line += batch.count


def _batch(lines: Iterator[tuple[int, bytes | None]], reader: LineReader[L], line: int) -> Batch[L] | None:
    batch: Batch[L] = Batch()
    for count, (size, content) in enumerate(lines, 1):
        batch.size += size
        batch.count = count
        if content == b"":
            continue
        found = reader.read(content) if content is not None else TOO_LONG
        if isinstance(found, Fault):
            batch.bad.append((line + count, found.field, found.reason))
        else:
            batch.good.append(found)
    return batch if batch.count else None
