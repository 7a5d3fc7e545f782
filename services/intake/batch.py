"""One batch of an extract: some thousand lines, parsed and checked, with the persons in them looked up."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from events.http.identity import Identity, Resolved
from services.intake.domain.line import VALUES
from services.intake.domain.reasons import Fault
from services.intake.domain.row import Row, RowParser
from services.intake.inbox import DataFile
from services.intake.progress import Progress

Resolve = Callable[[list[Identity]], list[Resolved]]
"""Asks identity who these are; the answers in the same order."""

BATCH_ROWS = 10_000
"""Rows per transaction: two seconds of work, so that a kill costs little and a claim is renewed in time."""
BATCH_BYTES = 8 * 1024 * 1024
"""Bytes of a file held at once, however long its lines are."""


class GoodRow(msgspec.Struct, frozen=True, gc=False):
    """A valid row, the line it stands on (1 = the file's first) and its person."""

    line: int
    row: Row
    person: Resolved


class BadRow(NamedTuple):
    """A row to set aside: line, reason and field, no value."""

    line: int
    reason: str
    field: str | None


@dataclass
class Batch:
    """What one transaction takes in, and where in the file the next one begins."""

    offset: int
    line: int
    rows: int = 0
    good: list[GoodRow] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)

    def subjects(self) -> list[Resolved]:
        """Everybody in it, once."""
        return list({good.person.pseudonym: good.person for good in self.good}.values())


def read_batch(data: DataFile, progress: Progress, resolve: Resolve, *, synthetic: bool) -> Batch:
    """The next batch of an extract. Raises what `resolve` raises; then nothing has happened."""
    batch = Batch(progress.next_offset, progress.lines_done)
    lines = _take(data, batch)
    rows = list(_parse(lines, progress, batch.bad, synthetic=synthetic))
    asked = [Identity(row.identity_kind, row.identity) for _, row in rows]
    persons = _resolve(asked, resolve)
    batch.good = [GoodRow(line, row, persons[identity]) for (line, row), identity in zip(rows, asked, strict=True)]
    return batch


def _take(data: DataFile, batch: Batch) -> list[tuple[int, bytes | None]]:
    """The next lines that are not empty, with their numbers; moves the batch's end past them."""
    taken: list[tuple[int, bytes | None]] = []
    begin = batch.offset
    for size, line in data.lines(begin):
        batch.offset += size
        batch.line += 1
        if line != b"":
            taken.append((batch.line, line))
        if len(taken) == BATCH_ROWS or batch.offset - begin >= BATCH_BYTES:
            break
    batch.rows = len(taken)
    return taken


def _parse(
    lines: Iterable[tuple[int, bytes | None]], progress: Progress, bad: list[BadRow], *, synthetic: bool
) -> Iterable[tuple[int, Row]]:
    values = VALUES[progress.media_type]
    parser = RowParser(progress.media_type, progress.district, synthetic=synthetic)
    for number, line in lines:
        try:
            if line is None:
                raise Fault("unreadable")
            yield number, parser.parse(values(line))
        except Fault as fault:
            bad.append(BadRow(number, fault.reason, fault.field))


def _resolve(identities: Iterable[Identity], resolve: Resolve) -> dict[Identity, Resolved]:
    """Ask for each person of a batch once."""
    asked = list(dict.fromkeys(identities))
    return dict(zip(asked, resolve(asked), strict=True)) if asked else {}
