"""`screening.evidence.v1`: one real event about one adult, built from all its source records.

Only evidence that has been part of a candidate is published, and from then on each later version of it, so that
deduplication learns of corrections and withdrawals.
"""

from datetime import date, datetime
from uuid import UUID

import msgspec

from events.record import Outcome, Role


class EvidenceItem(msgspec.Struct, frozen=True):
    """What may be told about one piece of evidence: dated, by district, code text, role and outcome. No journal number.

    `counts` is false where the current version would not count under the catalogue (role, outcome or code).
    """

    evidence_id: UUID
    version: int
    person: UUID
    live: bool
    counts: bool
    code: str
    code_scheme: str
    text: str
    category: str
    role: Role
    outcome: Outcome
    district: str
    occurred_on: date
    registered_at: datetime
    child_present: bool


class Evidence(msgspec.Struct, frozen=True):
    """Whole state of one piece of evidence; `merged_into` names the evidence that has taken its place, if any."""

    item: EvidenceItem
    merged_into: UUID | None
    records: list[UUID]
