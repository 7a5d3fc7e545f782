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


class ToldLetter(msgspec.Struct, frozen=True):
    """The version of a draft whose letter a municipality holds."""

    draft_id: UUID
    version: int


class CaseDraft(msgspec.Struct, frozen=True):
    """What a letter must say. `new` was never told; `earlier` was; `changed` was told and is different or withdrawn now.

    `corrects` is the notification id that a correction or retraction is about. `open` is false once nothing is left to say
    (or once the letter was decided and sent); notification then withdraws a draft that still waits. `week` is the ledger's: that
    of the run which opened the draft; `searched_week` that of the last run which added to it. `told` is `changed` as the
    municipality in question was told it, `letters` are those that it holds (of a supplement: that any municipality holds).
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
    searched_week: str = ""
    told: list[EvidenceItem] = []
    letters: list[ToldLetter] = []


class Case(msgspec.Struct, frozen=True):
    """Whole state of one child's case as other services need it: the latest draft, if there ever was one."""

    case_id: UUID
    child: UUID
    draft: CaseDraft | None
