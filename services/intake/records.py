"""The record ids of a batch: one query finds what is held under its keys, one COPY and one UPDATE write what became of it.

The rows stay locked until commit, which is what makes versions rise by one. A superseded journal number reserves its record id
before its own row has come, so that the link holds whichever of the two is delivered first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from services.intake.domain.fate import Fate, State, fate, is_news
from services.runtime import ids
from services.runtime.errors import Transient
from services.runtime.transaction import Transaction

_HELD = """
    SELECT key, record_id, version, revision, withdrawn, content FROM record WHERE key = ANY(%b) ORDER BY key FOR UPDATE
"""
_COPY = "COPY record (key, record_id, version, revision, withdrawn, content) FROM STDIN (FORMAT BINARY)"
_TYPES = ["bytea", "uuid", "int4", "int4", "bool", "bytea"]
_UPDATE = """
    UPDATE record SET version = given.version, revision = given.revision, withdrawn = given.withdrawn, content = given.content
    FROM unnest(%b::bytea[], %b::int[], %b::int[], %b::bool[], %b::bytea[]) AS given (key, version, revision, withdrawn, content)
    WHERE record.key = given.key
"""


@dataclass(slots=True)
class Slot:
    """One record: what is held, and whether this batch made or changed it. Version 0 is a reserved id."""

    record_id: UUID
    version: int = 0
    state: State | None = None
    stored: bool = False
    changed: bool = False


class Records:
    """The records that one batch touches, for the length of its transaction."""

    def __init__(self, transaction: Transaction, keys: Iterable[bytes]) -> None:
        self._driver = transaction.driver
        self._slots: dict[bytes, Slot] = {}
        self._ids = ids.timely()
        with self._driver.cursor(binary=True) as cursor:
            cursor.execute(_HELD, [sorted(set(keys))])
            for key, record_id, version, revision, withdrawn, content in cursor:
                state = State(revision, "withdrawn" if withdrawn else "live", content) if version else None
                self._slots[key] = Slot(record_id, version, state, stored=True)

    def offer(self, key: bytes, offered: State) -> tuple[Fate, Slot]:
        """Offer a revision; its fate, and the record as it is then."""
        slot = self._slots.get(key) or Slot(next(self._ids))
        found = fate(slot.state, offered)
        if is_news(found):
            self._slots[key] = slot
            slot.version, slot.state, slot.changed = slot.version + 1, offered, True
        return found, slot

    def reserve(self, key: bytes) -> UUID:
        """The record id of a key, whether or not its row has come."""
        return self._slots.setdefault(key, Slot(next(self._ids))).record_id

    def save(self) -> None:
        """Write what was made and changed. Raises Transient when another copy made one of the same keys just now."""
        made = sorted((key, slot) for key, slot in self._slots.items() if not slot.stored)
        changed = [(key, slot) for key, slot in self._slots.items() if slot.stored and slot.changed]
        with self._driver.cursor() as cursor:
            if made:
                _insert(cursor, made)
            if changed:
                columns = zip(*((key, *_values(slot)) for key, slot in changed), strict=True)
                cursor.execute(_UPDATE, [list(column) for column in columns])


def _values(slot: Slot) -> tuple[int, int | None, bool | None, bytes | None]:
    if slot.state is None:
        return slot.version, None, None, None
    return slot.version, slot.state.revision, slot.state.status == "withdrawn", slot.state.content


def _insert(cursor: "psycopg.Cursor[Any]", made: list[tuple[bytes, Slot]]) -> None:
    try:
        with cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for key, slot in made:
                copy.write_row((key, slot.record_id, *_values(slot)))
    except psycopg.errors.UniqueViolation:
        raise Transient("record_made_by_another_copy") from None
