"""What a case remembers, and the family of cases that turned out to be about one child."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal
from uuid import UUID

import msgspec

from events.candidate import CandidateAdult
from events.case import Kind, ToldLetter
from events.decision import DecisionState
from events.delivery import DeliveryState
from events.evidence import EvidenceItem

Outcome = Literal["first", "supplement", "folded", "nothing_new", "waiting"]
"""What became of a candidate; `waiting` while a correction of the same child goes first."""
Reason = Literal["already_told", "in_open_draft", "unusable", "withdrawn"]
"""Why a candidate has nothing new."""


class Ask(msgspec.Struct, frozen=True):
    """One candidate: a run asks that these pieces of evidence be told."""

    candidate_id: UUID
    run_id: UUID
    week: str
    adults: list[CandidateAdult]
    evidence: list[UUID]
    missing_districts: list[str]
    outcome: Outcome = "waiting"
    reason: Reason | None = None


class Content(msgspec.Struct, frozen=True):
    """What one version of a draft must say; `asks` are the candidates that are settled with it, and what became of each.

    `searched_week`, `told` and `letters` as in the event (`CaseDraft`).
    """

    child: UUID
    kind: Kind
    run_id: UUID
    week: str
    adults: list[CandidateAdult]
    new: list[EvidenceItem]
    earlier: list[EvidenceItem]
    changed: list[EvidenceItem]
    corrects: UUID | None
    missing_districts: list[str]
    asks: dict[UUID, Outcome]
    searched_week: str = ""
    told: list[EvidenceItem] = []
    letters: list[ToldLetter] = []


class Verdict(msgspec.Struct, frozen=True):
    """The newest decision on one version of a draft; `seen` is the version of the decision event."""

    seen: int
    state: DecisionState
    reason: str | None
    left_out: list[UUID]


class Sending(msgspec.Struct, frozen=True):
    """The newest state of the notification that was made of one version of a draft."""

    seen: int
    notification_id: UUID
    state: DeliveryState
    reason: str | None
    municipality: str
    included: list[UUID]
    sent_at: datetime | None


class Issue(msgspec.Struct, frozen=True):
    """One version of one draft as it was published, and what came of it."""

    draft_id: UUID
    version: int
    content: Content
    verdict: Verdict | None = None
    sending: Sending | None = None


class CaseState(msgspec.Struct, frozen=True):
    """Everything that one case remembers. `version` is that of its event; `open`: its last issue still wants to be sent."""

    case_id: UUID
    child: UUID
    opened_at: datetime
    version: int = 0
    asks: list[Ask] = []
    issues: list[Issue] = []
    open: bool = False

    def told_of(self) -> Iterator[EvidenceItem]:
        """Every piece as any version of a draft spoke of it, also under pseudonyms that nothing else knows any more."""
        for issue in self.issues:
            yield from (*issue.content.new, *issue.content.earlier, *issue.content.changed)


class Known(msgspec.Struct, frozen=True):
    """Newest version of one piece of evidence. `week` is the ISO week that brought it."""

    item: EvidenceItem
    merged_into: UUID | None
    week: str


@dataclass(frozen=True)
class Family:
    """All cases of one child, the oldest – which leads – first, with the evidence, aliases and runs that concern them."""

    cases: tuple[CaseState, ...]
    evidence: Mapping[UUID, Known]
    aliases: Mapping[UUID, UUID]
    runs: Mapping[str, UUID]

    def canonical(self, person: UUID) -> UUID:
        """Whose pseudonym this is now."""
        return self.aliases.get(person, person)

    def resolve(self, evidence_id: UUID) -> UUID | None:
        """The evidence that stands in this one's place now; None while that one is not known here yet."""
        passed = {evidence_id}
        while (known := self.evidence.get(evidence_id)) and known.merged_into:
            evidence_id = known.merged_into
            if evidence_id in passed:
                break
            passed.add(evidence_id)
        return evidence_id if evidence_id in self.evidence else None

    def place(self, evidence_id: UUID) -> UUID:
        """The same, or the evidence itself while that is not known here."""
        return self.resolve(evidence_id) or evidence_id

    def now(self, item: EvidenceItem) -> EvidenceItem | None:
        """What stands in the place of this evidence now; None while that is not known here yet."""
        place = self.resolve(item.evidence_id)
        return None if place is None else self.evidence[place].item

    def moved(self, item: EvidenceItem) -> bool:
        """Whether this evidence is about another person now than when that was said."""
        now = self.now(item)
        return now is not None and self.canonical(now.person) != self.canonical(item.person)

    @cached_property
    def asks(self) -> list[Ask]:
        """Every candidate of the child, in the order of the weeks, whatever the order of arrival."""
        return sorted((ask for case in self.cases for ask in case.asks), key=lambda ask: (ask.week, ask.candidate_id))

    @cached_property
    def adults(self) -> frozenset[UUID]:
        """The adults that any run tied to the child."""
        return frozenset(self.canonical(adult.person) for ask in self.asks for adult in ask.adults)

    def holds(self, item: EvidenceItem) -> bool:
        """Whether this may be told of this child: it stands, it counts, and it is about one of the child's adults."""
        return item.live and item.counts and self.canonical(item.person) in self.adults
