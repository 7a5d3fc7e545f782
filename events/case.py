"""`deduplication.case.v1`: one case per child – what is told, and which draft is asked for now.

A draft's `version` rises whenever its content changes; notification composes the newest and delivery refuses older ones.
"""

from typing import Literal
from uuid import UUID

import msgspec

from events.candidate import CandidateAdult
from events.evidence import EvidenceItem

Kind = Literal["first", "supplement", "correction", "retraction"]
"""underretning, supplerende underretning, berigtigelse, tilbagekaldelse."""


class CaseDraft(msgspec.Struct, frozen=True):
    """What a letter must say. `new` was never told; `earlier` was; `changed` was told and is different or withdrawn now.

    `corrects` is the notification id that a correction or retraction is about. `open` is false once nothing is left to say
    (or once the letter was decided and sent); notification then withdraws a draft that still waits.
    """

    draft_id: UUID
    version: int
    open: bool
    kind: Kind
    run_id: UUID
    week: str
    adults: list[CandidateAdult]
    new: list[EvidenceItem]
    earlier: list[EvidenceItem]
    changed: list[EvidenceItem]
    corrects: UUID | None
    missing_districts: list[str]


class Case(msgspec.Struct, frozen=True):
    """Whole state of one child's case as other services need it: the latest draft, if there ever was one."""

    case_id: UUID
    child: UUID
    draft: CaseDraft | None
