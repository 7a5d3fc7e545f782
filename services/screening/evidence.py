"""Evidence in the database: derived from the record that speaks for it and from what is known of the person, and published.

`refresh` derives what is listed in the temporary table `touched`; the version rises when facts or person differ. Evidence is
published from its first candidate on, each version once.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from events.evidence import Evidence, EvidenceItem
from events.topics import EVIDENCE
from services.runtime.transaction import Transaction
from services.screening.domain.catalogue import Lookup

NOT_SEARCHED_FOR = "Andet forhold, som ikke indgår i politiets søgning"
"""As a letter says it, where a code that was told has been corrected to one that the catalogue does not have."""
TOUCHED = "evidence_id uuid, live boolean, tip uuid"
_COPIED = "district, registered_at, occurred_on, code, code_scheme, role, outcome, child_present"
FACTS = f"person, standing, {_COPIED}"
# Digest of what an event is, with the pseudonym as it was written: that two pseudonyms are one person changes no fact. Numbers
# instead of dates, because their text depends on settings of the session.
_STATE = """
    md5(CASE WHEN t.live THEN ROW(
        r.person, coalesce(a.standing, r.standing), r.district, extract(epoch FROM r.registered_at),
        r.occurred_on - DATE '2000-01-01', r.code, r.code_scheme, r.role, r.outcome, r.child_present)::text
    ELSE 'withdrawn' END)::uuid
"""
_REFRESH = f"""
    WITH derived AS (
        INSERT INTO evidence AS e (evidence_id, version, live, tip, state, {FACTS})
        SELECT t.evidence_id, 1, t.live, t.tip, {_STATE}, coalesce(a.canonical, r.person), coalesce(a.standing, r.standing),
            {", ".join("r." + name for name in _COPIED.split(", "))}
        FROM touched t JOIN record r ON r.record_id = t.tip LEFT JOIN alias a ON a.pseudonym = r.person
        ON CONFLICT (evidence_id) DO UPDATE SET live = excluded.live, tip = excluded.tip, state = excluded.state,
            {", ".join(f"{name} = excluded.{name}" for name in FACTS.split(", "))}, touched = true, merged_into = NULL,
            version = e.version + (e.state <> excluded.state OR e.person <> excluded.person OR e.merged_into IS NOT NULL)::int
        RETURNING e.evidence_id, e.announced, e.version
    )
    SELECT evidence_id FROM derived WHERE announced > 0 AND version > announced
"""
RECORDS = """
    array(SELECT r.record_id FROM record r WHERE r.record_id = e.evidence_id AND r.evidence_id = e.evidence_id
        UNION ALL SELECT r.record_id FROM record r WHERE r.evidence_id = e.evidence_id AND r.evidence_id <> r.record_id
        ORDER BY 1)
"""
_WITH_TARGETS = (
    "SELECT unnest(:ids) UNION SELECT merged_into FROM evidence WHERE evidence_id = ANY(:ids) AND merged_into IS NOT NULL"
)
_ANNOUNCE = f"""
    UPDATE evidence e SET announced = version WHERE evidence_id IN ({_WITH_TARGETS}) AND announced < version
    RETURNING evidence_id, version, live, merged_into, {FACTS}, {RECORDS} AS records
"""


def refresh(transaction: Transaction) -> list[UUID]:
    """Derive the evidence listed in `touched` anew; what of it has been published and is different now."""
    return list(transaction.execute(_REFRESH).scalars())


def announce(transaction: Transaction, ids: Collection[UUID], lookup: Lookup | None, correlation: str = "") -> None:
    """Publish these as they are now, and what they were merged into; each version only once."""
    if not ids:
        return
    for row in transaction.execute(_ANNOUNCE, {"ids": list(ids)}):
        fact = Evidence(item(row, lookup), row.merged_into, row.records)
        transaction.publish(EVIDENCE, str(row.evidence_id), row.version, fact, correlation)


def item(row: "Row[Any]", lookup: Lookup | None) -> EvidenceItem:
    """What may be told of a row of evidence. Without an approved catalogue nothing counts."""
    entry = lookup.find(row.code_scheme, row.code) if lookup else None
    facts = (row.code_scheme, row.code, row.role, row.outcome, row.child_present, row.occurred_on)
    counts = lookup is not None and lookup.counts(*facts)
    return EvidenceItem(
        evidence_id=row.evidence_id,
        version=row.version,
        person=row.person,
        live=row.live,
        counts=row.live and counts,
        code=row.code,
        code_scheme=row.code_scheme,
        text=entry.text if entry else NOT_SEARCHED_FOR,
        category=entry.category if entry else "",
        role=row.role,
        outcome=row.outcome,
        district=row.district,
        occurred_on=row.occurred_on,
        registered_at=row.registered_at,
        child_present=row.child_present,
    )
