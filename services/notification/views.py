"""How a draft is shown: as a line of a list without names, and whole to the reviewer who decides."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from events.evidence import EvidenceItem
from events.letter import Letter
from services.notification.domain.draft import Draft
from services.notification.domain.letter import in_order
from services.notification.messages import DraftLine, DraftView, EvidenceLine


def hours(since: datetime, now: datetime) -> int:
    """Whole hours of business time since a moment."""
    return int((now - since).total_seconds()) // 3600


def line(draft: Draft, now: datetime) -> DraftLine:
    """A draft in a list."""
    return DraftLine(
        draft_id=draft.draft_id,
        version=draft.version,
        week=draft.asked.week,
        kind=draft.asked.kind,
        state=draft.state,
        digest=draft.digest,
        municipality=draft.municipality,
        protected=draft.protected,
        districts=draft.districts,
        new=len(draft.asked.new),
        changed=len(draft.asked.changed),
        left_out=len(draft.left_out),
        reason=draft.reason,
        asked_at=draft.asked_at,
        age_hours=hours(draft.asked_at, now),
    )


def view(draft: Draft) -> DraftView:
    """A draft with its letter; without text (being composed, withdrawn) the letter is null and the page empty."""
    content = draft.content or "null"
    letter = msgspec.json.decode(content, type=Letter | None)
    return DraftView(
        draft_id=draft.draft_id,
        version=draft.version,
        digest=draft.digest,
        week=draft.asked.week,
        kind=draft.asked.kind,
        state=draft.state,
        municipality=draft.municipality,
        protected=draft.protected,
        districts=draft.districts,
        reason=draft.reason,
        rules=sorted({rule.title for adult in draft.asked.adults for rule in adult.rules}),
        evidence=_evidence(draft),
        letter=msgspec.Raw(content.encode()),
        html=letter.html if letter else "",
    )


Section = Literal["new", "changed", "earlier"]


def _evidence(draft: Draft) -> list[EvidenceLine]:
    reasons = {each.evidence_id: each.reason for each in draft.left_out}
    sections: list[tuple[Section, Sequence[EvidenceItem]]] = [
        ("new", draft.asked.new),
        ("changed", draft.asked.changed),
        ("earlier", draft.asked.earlier),
    ]
    listed = [(section, item) for section, items in sections for item in in_order(items)]
    told = [item.evidence_id for _, item in listed if item.evidence_id not in reasons]
    numbers: dict[UUID, int] = {evidence_id: number for number, evidence_id in enumerate(told, 1)}
    return [
        EvidenceLine(
            evidence_id=item.evidence_id,
            section=section,
            number=numbers.get(item.evidence_id),
            occurred_on=item.occurred_on,
            text=item.text,
            district=item.district,
            left_out=reasons.get(item.evidence_id),
        )
        for section, item in listed
    ]
