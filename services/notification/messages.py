"""What reviewers, operators and auditors send to the doors and get back."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec

from events.case import Kind
from events.decision import RejectReason
from services.notification.domain.draft import HoldReason, LeaveOutReason, State


class Approve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Approve exactly the letter that was seen."""

    version: int
    digest: str


class Reject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing is sent. The comment stays in this service."""

    version: int
    reason: RejectReason
    comment: str | None = None


class Hold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Wait, with a reason."""

    version: int
    reason: HoldReason
    comment: str | None = None


class LeaveOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Take one piece of evidence out of the letter."""

    version: int
    evidence_id: UUID
    reason: LeaveOutReason
    comment: str | None = None


class DraftLine(msgspec.Struct, frozen=True):
    """A draft as it is listed: nothing that names anybody."""

    draft_id: UUID
    version: int
    week: str
    kind: Kind
    state: State
    digest: str
    municipality: str | None
    protected: bool
    districts: list[str]
    new: int
    changed: int
    left_out: int
    reason: str | None
    asked_at: datetime
    age_hours: int


class EvidenceLine(msgspec.Struct, frozen=True):
    """One piece of evidence behind a letter; `number` is its number in the letter, none when it was left out."""

    evidence_id: UUID
    section: Literal["new", "changed", "earlier"]
    number: int | None
    occurred_on: date
    text: str
    district: str
    left_out: LeaveOutReason | None


class DraftView(msgspec.Struct, frozen=True):
    """A draft as a reviewer sees it. `letter` is the exact text that the digest is of; `rules` never reach the letter."""

    draft_id: UUID
    version: int
    digest: str
    week: str
    kind: Kind
    state: State
    municipality: str | None
    protected: bool
    districts: list[str]
    reason: str | None
    rules: list[str]
    evidence: list[EvidenceLine]
    letter: msgspec.Raw
    html: str


class Outcome(msgspec.Struct, frozen=True):
    """What a decision led to."""

    draft_id: UUID
    version: int
    state: State
    digest: str


class SummaryLine(msgspec.Struct, frozen=True):
    """How many drafts of a week are in which state with whom, and for how long the oldest; nothing about anybody."""

    week: str
    state: State
    districts: list[str]
    drafts: int
    oldest_hours: int
