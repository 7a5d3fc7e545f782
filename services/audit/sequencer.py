"""Gives each entry its one place in the log. Only one transaction does so at a time: the row lock on `sequencer` is kept
until commit, so the order of places is the order of commits.

An entry that comes ahead of a gap of its source waits in `waiting`. A number that is already there is a repetition, which
does no harm – unless the content is another, which must never pass in silence.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from services.audit.domain import START, NotSealable, Sealed, canonical, contiguous, link
from services.runtime import points
from services.runtime.errors import Poison
from services.runtime.transaction import Transaction

DRAIN = 500
"""Waiting entries taken at a time: 200 KB as a rule, 200 MB where each lists the most persons that an entry may."""

_LOCK = """
    INSERT INTO sequencer AS s (id, position, chain) VALUES (1, 0, :start)
    ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING position, chain
"""
_MOVE = "UPDATE sequencer SET position = :position, chain = :chain"
_APPENDED = "SELECT coalesce((SELECT appended FROM source WHERE source = :source), 0)"
_MOVE_SOURCE = """
    INSERT INTO source (source, appended) VALUES (:source, :appended)
    ON CONFLICT (source) DO UPDATE SET appended = excluded.appended
"""
_KNOWN = """
    SELECT number, CAST(entry AS text) FROM log WHERE source = :source AND number = ANY(:numbers)
    UNION ALL SELECT number, CAST(entry AS text) FROM waiting WHERE source = :source AND number = ANY(:numbers)
"""
_WAIT = """
    INSERT INTO waiting (source, number, entry)
    SELECT :source, number, CAST(entry AS jsonb)
    FROM unnest(CAST(:numbers AS bigint[]), CAST(:entries AS text[])) AS w (number, entry)
"""
_TAKE = """
    WITH next AS (
        SELECT number FROM (
            SELECT number, number - row_number() OVER (ORDER BY number) AS island FROM waiting
            WHERE source = :source AND number > :appended ORDER BY number LIMIT :limit
        ) AS first WHERE island = :appended
    )
    DELETE FROM waiting WHERE source = :source AND number IN (SELECT number FROM next) RETURNING number, CAST(entry AS text)
"""


def append(transaction: Transaction, source: str, entries: Mapping[int, Sealed]) -> None:
    """Append what has its turn of these sealed entries (by number) and of those waiting. Raises Poison on other content."""
    head = _Head(transaction)
    appended = transaction.execute(_APPENDED, {"source": source}).scalar_one()
    known = _known(transaction, source, entries)
    if any(known[number] != entries[number] for number in known):
        raise Poison("number_repeated_with_other_content")
    new = {number: entries[number] for number in sorted(entries.keys() - known.keys())}
    last = contiguous(appended, new)
    head.write(source, [entry for number, entry in new.items() if number <= last])
    _wait(transaction, source, {number: entry for number, entry in new.items() if number > last})
    while taken := _take(transaction, source, last):
        head.write(source, taken)
        last += len(taken)
    points.reach("appending")
    if last > appended:
        head.save()
        transaction.execute(_MOVE_SOURCE, {"source": source, "appended": last})


class _Head:
    """The end of the log, locked until commit."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        row = transaction.execute(_LOCK, {"start": START}).one()
        self._position: int = row.position
        self._chain = bytes(row.chain)

    def write(self, source: str, entries: Sequence[Sealed]) -> None:
        """Add these entries, in this order, with their subjects."""
        if not entries:
            return
        first = self._position + 1
        with (
            self._transaction.driver.cursor() as cursor,
            cursor.copy("COPY log (position, source, number, entry, chain) FROM STDIN") as copy,
        ):
            for entry in entries:
                content = _content(entry)
                self._chain = link(self._chain, content)
                self._position += 1
                copy.write_row((self._position, source, entry["number"], content.decode(), self._chain))
        self._index(enumerate(entries, first))

    def _index(self, entries: Iterable[tuple[int, Sealed]]) -> None:
        with (
            self._transaction.driver.cursor() as cursor,
            cursor.copy("COPY subject (person, position) FROM STDIN") as copy,
        ):
            for position, entry in entries:
                for person in sorted(set(entry["subjects"])):
                    copy.write_row((person, position))

    def save(self) -> None:
        """Move the end of the log."""
        self._transaction.execute(_MOVE, {"position": self._position, "chain": self._chain})


def _content(entry: Sealed) -> bytes:
    try:
        return canonical(entry)
    except NotSealable as error:
        raise Poison(str(error)) from None


def _known(transaction: Transaction, source: str, entries: Mapping[int, Sealed]) -> dict[int, Sealed]:
    rows = transaction.execute(_KNOWN, {"source": source, "numbers": list(entries)}).all()
    return {row.number: msgspec.json.decode(row.entry, type=Sealed) for row in rows}


def _wait(transaction: Transaction, source: str, entries: Mapping[int, Sealed]) -> None:
    if entries:
        content = [_content(entry).decode() for entry in entries.values()]
        transaction.execute(_WAIT, {"source": source, "numbers": list(entries), "entries": content})


def _take(transaction: Transaction, source: str, appended: int) -> list[Sealed]:
    rows = transaction.execute(_TAKE, {"source": source, "appended": appended, "limit": DRAIN}).all()
    return [msgspec.json.decode(row.entry, type=Sealed) for row in sorted(rows, key=lambda row: int(row.number))]
