"""Records into the database: the newest version of each, set-based, and then the evidence they belong to.

Most records stand alone: their evidence is made by one statement for the whole batch. Only records with links are loaded and
grouped in Python (`groups`).
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import psycopg

from events.record import Record
from events.weeks import danish_date
from services.runtime.events import Event
from services.runtime.transaction import Transaction
from services.screening import groups
from services.screening.copying import copy_text, look_up_by_index, temporary
from services.screening.evidence import TOUCHED, refresh

COLUMNS = {
    "record_id": "uuid",
    "version": "bigint",
    "extract_id": "text",
    "revision": "integer",
    "status": "text",
    "supersedes": "uuid",
    "occurred_at": "timestamptz",
    "place": "text",
    "person": "uuid",
    "standing": "text",
    "district": "text",
    "registered_at": "timestamptz",
    "occurred_on": "date",
    "code": "text",
    "code_scheme": "text",
    "role": "text",
    "outcome": "text",
    "child_present": "boolean",
}
_NAMES = ", ".join(COLUMNS)
_MERGE = f"""
    WITH applied AS (
        INSERT INTO record AS r ({_NAMES}, evidence_id) SELECT {_NAMES}, record_id FROM incoming
        ON CONFLICT (record_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name != "record_id")}
        WHERE r.version < excluded.version
        RETURNING record_id, evidence_id, supersedes, status
    )
    INSERT INTO changed (record_id, evidence_id, supersedes, live)
    SELECT record_id, evidence_id, supersedes, status = 'live' FROM applied
"""
_CHANGED = {"record_id": "uuid", "evidence_id": "uuid", "supersedes": "uuid", "live": "boolean"}
_SINGLES = """
    INSERT INTO touched (evidence_id, live, tip) SELECT record_id, live, record_id FROM changed c
    WHERE c.supersedes IS NULL AND c.evidence_id = c.record_id
    AND NOT EXISTS (SELECT FROM record r WHERE r.supersedes = c.record_id)
"""
_LINKED = """
    SELECT record_id, evidence_id FROM changed WHERE supersedes IS NOT NULL OR evidence_id <> record_id
    UNION SELECT c.record_id, c.evidence_id FROM changed c JOIN record r ON r.supersedes = c.record_id
"""


def apply(transaction: Transaction, events: Sequence[Event[Record]]) -> list[UUID]:
    """Store what is news of these records; the evidence that has to be published again."""
    transaction.execute(groups.LOCK_SHARED)
    look_up_by_index(transaction)
    temporary(transaction, "changed", _columns(_CHANGED))
    temporary(transaction, "touched", TOUCHED)
    newest = _newest(events)
    first = [event for event in newest if event.version == 1]
    made = bool(first) and _make(transaction, first)
    if others := [event for event in newest if not made or event.version > 1]:
        _merge(transaction, others)
    transaction.execute(_SINGLES)
    linked = transaction.execute(_LINKED).all()
    moved = groups.regroup(transaction, {each for row in linked for each in row}) if linked else []
    return [*moved, *refresh(transaction)]


def _make(transaction: Transaction, events: Sequence[Event[Record]]) -> bool:
    """Copy records that nobody has met into their table: that is cheaper than asking row by row whether they are there.

    False, and nothing is done, when one of them is there after all (a repetition).
    """
    try:
        with transaction.connection.begin_nested():
            copy_text(transaction, "record", [*COLUMNS, "evidence_id"], (_made(event) for event in events))
    except psycopg.errors.UniqueViolation:
        return False
    copy_text(transaction, "changed", list(_CHANGED), map(_changed, events))
    return True


def _merge(transaction: Transaction, events: Sequence[Event[Record]]) -> None:
    """Add or change records, where a higher version is here already not at all."""
    temporary(transaction, "incoming", _columns(COLUMNS))
    copy_text(transaction, "incoming", list(COLUMNS), map(_row, events))
    transaction.execute(_MERGE)


def _columns(declared: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in declared.items())


def _newest(events: Sequence[Event[Record]]) -> Collection[Event[Record]]:
    newest: dict[UUID, Event[Record]] = {}
    for event in events:
        known = newest.get(event.data.record_id)
        if known is None or event.version > known.version:
            newest[event.data.record_id] = event
    return newest.values()


def _row(event: Event[Record]) -> tuple[str, ...]:
    record = event.data
    return (
        record.record_id.hex,
        str(event.version),
        record.extract_id,
        str(record.revision),
        record.status,
        record.supersedes.hex if record.supersedes else "",
        record.occurred_at.isoformat(),
        record.place or "",
        record.person.hex,
        record.standing,
        record.district,
        record.registered_at.isoformat(),
        danish_date(record.occurred_at).isoformat(),
        record.code,
        record.code_scheme,
        record.role,
        record.outcome,
        "t" if record.child_present else "f",
    )


def _made(event: Event[Record]) -> tuple[str, ...]:
    """A record that stands alone until its links are looked at: it is evidence of its own."""
    return (*_row(event), event.data.record_id.hex)


def _changed(event: Event[Record]) -> tuple[str, ...]:
    record = event.data
    own, supersedes = record.record_id.hex, record.supersedes.hex if record.supersedes else ""
    return own, own, supersedes, "t" if record.status == "live" else "f"
