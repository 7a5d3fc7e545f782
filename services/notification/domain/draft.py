"""A draft and what may become of it: composing -> waiting -> held | approved | rejected | withdrawn.

The case decides what a draft must say; a newer version of it always goes back to composing, and what was not decided when
the case closes is withdrawn. A person decides over exactly the version and digest that they saw.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

import msgspec

from events.case import Case, CaseDraft
from events.decision import RejectReason
from events.evidence import EvidenceItem
from events.municipalities import BY_CODE

State = Literal["composing", "waiting", "held", "approved", "rejected", "withdrawn"]
STATES: tuple[State, ...] = get_args(State)
UNDECIDED: tuple[State, ...] = ("composing", "waiting", "held")
HoldReason = Literal["needs_clarification", "identity_doubt", "consult_colleague", "other"]
"""Why a reviewer waits: afklaring mangler, tvivl om identitet, drøftes med kollega, andet."""
LeaveOutReason = Literal["irrelevant", "wrong_person", "incorrect", "third_party", "already_known"]
"""Why a piece of evidence is taken away: uden betydning, forkert person, forkert, røber tredjemand, allerede kendt."""


class Refused(Exception):
    """A decision that the rules do not allow; `str()` tells the person why, without personal data."""


class LeftOut(msgspec.Struct, frozen=True):
    """Evidence that a reviewer took away, in the version that they saw: a later version has to be looked at anew."""

    evidence_id: UUID
    evidence_version: int
    reason: LeaveOutReason


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Whole state of one draft. `content` is the JSON text of the composed letter bundle, `digest` its SHA-256."""

    draft_id: UUID
    case_id: UUID
    case_version: int
    child: UUID
    asked: CaseDraft
    asked_at: datetime
    state: State
    letter_id: UUID
    decision_version: int = 0
    content: str | None = None
    digest: str = ""
    municipality: str | None = None
    protected: bool = False
    districts: list[str] = []
    left_out: list[LeftOut] = []
    actor: str | None = None
    automatic: bool = False
    reason: str | None = None
    decided_at: datetime | None = None

    @property
    def version(self) -> int:
        """Version of the draft that the letter is of."""
        return self.asked.version

    @property
    def included(self) -> list[EvidenceItem]:
        """New and changed evidence that the letter tells of."""
        gone = {each.evidence_id for each in self.left_out}
        return [item for item in (*self.asked.new, *self.asked.changed) if item.evidence_id not in gone]


class Ask(msgspec.Struct, frozen=True):
    """What one case event asks for. `letter_id` is what a new letter would be called."""

    case: Case
    draft: CaseDraft
    case_version: int
    at: datetime
    letter_id: UUID


def receive(known: Draft | None, ask: Ask) -> Draft | None:
    """The draft after a case event; None when the event is older than what is known."""
    if known is None:
        return _opened(ask)
    if ask.case_version <= known.case_version:
        return None
    known = msgspec.structs.replace(known, case_version=ask.case_version)
    if not ask.draft.open:
        return withdraw(known, "closed")
    return _renewed(known, ask) if ask.draft.version > known.version else known


def _opened(ask: Ask) -> Draft:
    """A draft never seen before; one that is already closed is kept too, so that every draft asked for is accounted for."""
    return Draft(
        draft_id=ask.draft.draft_id,
        case_id=ask.case.case_id,
        case_version=ask.case_version,
        child=ask.case.child,
        asked=ask.draft,
        asked_at=ask.at,
        state="composing" if ask.draft.open else "withdrawn",
        letter_id=ask.letter_id,
        decision_version=0 if ask.draft.open else 1,
        reason=None if ask.draft.open else "closed",
    )


def _renewed(known: Draft, ask: Ask) -> Draft:
    return msgspec.structs.replace(
        known,
        child=ask.case.child,  # perhaps under another pseudonym by now, which delivery asks for
        asked=ask.draft,
        asked_at=ask.at,
        state="composing",
        letter_id=ask.letter_id,
        content=None,
        digest="",
        left_out=still_left_out(known.left_out, ask.draft),
        actor=None,
        automatic=False,
        reason=None,
        decided_at=None,
    )


def still_left_out(left_out: Iterable[LeftOut], draft: CaseDraft) -> list[LeftOut]:
    """What stays left out of a newer version: the same version of the evidence, unless nothing else would be left."""
    seen = {(item.evidence_id, item.version) for item in (*draft.new, *draft.changed)}
    kept = [each for each in left_out if (each.evidence_id, each.evidence_version) in seen]
    return kept if len(kept) < len(seen) else []


def withdraw(draft: Draft, reason: Literal["closed", "replaced"]) -> Draft:
    """A draft that nobody decided ends, and its text with it; a decided one stays as it was decided."""
    if draft.state not in UNDECIDED:
        return draft
    version = draft.decision_version + 1
    return msgspec.structs.replace(draft, state="withdrawn", reason=reason, content=None, digest="", decision_version=version)


def replaced(drafts: Iterable[Draft]) -> list[Draft]:
    """Drafts to withdraw because their case has gone on to another draft: one open draft per child."""
    by_case: dict[UUID, list[Draft]] = defaultdict(list)
    for draft in drafts:
        by_case[draft.case_id].append(draft)
    older = [draft for group in by_case.values() for draft in sorted(group, key=lambda each: each.case_version)[:-1]]
    return [withdraw(draft, "replaced") for draft in older if draft.state in UNDECIDED]


def check_decidable(draft: Draft, version: int, digest: str | None = None) -> None:
    """Raises Refused unless this version (and digest, where one is given) is what waits for a decision."""
    if version != draft.version:
        raise Refused(f"version {version} is not the newest: version {draft.version} has taken its place, look at it first")
    if draft.state == "composing":
        raise Refused("the letter is being composed anew: look at it again")
    if draft.state not in UNDECIDED:
        raise Refused(f"this version is already {draft.state}")
    if digest is not None and digest != draft.digest:
        raise Refused("the letter has changed since the digest that you saw: look at it again")


def decided(
    draft: Draft,
    state: Literal["held", "approved", "rejected"],
    actor: str,
    at: datetime,
    reason: RejectReason | HoldReason | None = None,
    *,
    automatic: bool = False,
) -> Draft:
    """The draft after somebody's decision."""
    return msgspec.structs.replace(
        draft,
        state=state,
        actor=actor,
        decided_at=at,
        reason=reason,
        automatic=automatic,
        decision_version=draft.decision_version + 1,
    )


def without(draft: Draft, evidence_id: UUID, reason: LeaveOutReason) -> Draft:
    """The draft with one piece of evidence taken away, to be composed anew. Raises Refused when nothing would be left."""
    found = [item for item in draft.included if item.evidence_id == evidence_id]
    if not found:
        raise Refused("this evidence is not among what the letter newly tells")
    if len(draft.included) == 1:
        raise Refused("nothing new would be left in the letter: reject the draft instead")
    gone = [*draft.left_out, LeftOut(evidence_id, found[0].version, reason)]
    return msgspec.structs.replace(draft, state="composing", left_out=gone, content=None, digest="", reason=None)


def districts(municipality: str | None, draft: CaseDraft) -> list[str]:
    """Police districts whose reviewers decide: the municipality's, or without one those of each adult's newest evidence."""
    if municipality in BY_CODE:
        return [BY_CODE[municipality].district]
    newest: dict[UUID, EvidenceItem] = {}
    for item in sorted((*draft.new, *draft.changed, *draft.earlier), key=age):
        newest[item.person] = item
    return list(dict.fromkeys(item.district for item in sorted(newest.values(), key=age, reverse=True)))


def newest_district(items: Sequence[EvidenceItem]) -> str:
    """Police district of the evidence that was registered last."""
    return max(items, key=age).district


def age(item: EvidenceItem) -> tuple[datetime, UUID]:
    """Order of registration; the random id makes it total, so that the order of a list never matters."""
    return item.registered_at, item.evidence_id
