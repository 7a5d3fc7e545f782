"""Which extract rows a fact is about, so that one trace can follow a row to the municipality's receipt.

A row's story has the row's record id, which is random. A piece of evidence is known by the id of one of its records and lists
the others; a letter is about several rows and belongs to the story of each. What goes to a municipality, and every audit entry,
belongs to none.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from events.candidate import Candidate
from events.case import Case
from events.decision import Decision
from events.delivery import Delivery
from events.evidence import Evidence
from events.record import Record


def stories(data: Any) -> list[UUID]:
    """Record ids of the rows whose story this fact continues, each once."""
    return list(dict.fromkeys(_rows(data)))


def _rows(data: Any) -> Iterable[UUID]:
    if isinstance(data, Record):
        return [data.record_id, *([data.supersedes] if data.supersedes else [])]
    if isinstance(data, Evidence):
        return [data.item.evidence_id, *data.records]
    if isinstance(data, Candidate):
        return [item.evidence_id for item in data.evidence]
    if isinstance(data, Case) and data.draft:
        return [item.evidence_id for item in (*data.draft.new, *data.draft.changed)]
    return data.included if isinstance(data, Decision | Delivery) else []
