"""`notification.decision.v1`: the state of one draft – composed and waiting, held, or decided by a named person."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from events.case import Kind

DecisionState = Literal["waiting", "held", "approved", "rejected", "withdrawn"]
RejectReason = Literal["insufficient", "irrelevant", "wrong_person", "already_known"]
"""Why a reviewer says no: utilstrækkeligt grundlag, uden betydning for barnet, forkert person, allerede kendt."""


class Residence(msgspec.Struct, frozen=True):
    """What was true of the child when the letter was composed; delivery compares it with the moment of sending."""

    municipality: str | None
    protected: bool


class Decision(msgspec.Struct, frozen=True):
    """State of one version of one draft. `digest` is the SHA-256 of the letter that the person saw.

    `included` are the pieces of evidence that the letter tells of, `left_out` those a reviewer took away (with reason).
    `actor` is the principal that decided, never a name; `automatic` is true only where release without a person is on.
    """

    draft_id: UUID
    draft_version: int
    case_id: UUID
    child: UUID
    run_id: UUID
    week: str
    kind: Kind
    state: DecisionState
    reason: str | None
    included: list[UUID]
    left_out: list[UUID]
    corrects: UUID | None
    digest: str
    residence: Residence
    district: str
    actor: str | None
    automatic: bool
    decided_at: datetime | None
