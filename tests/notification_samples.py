"""A family, its evidence and its case as notification meets them, for the tests of letters and drafts. All invented."""

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec

from events.candidate import CandidateAdult, FiredRule
from events.case import Case, CaseDraft
from events.evidence import EvidenceItem
from events.http.identity import UnmaskAnswer, UnmaskedAdult, UnmaskedChild, UnmaskRequest
from events.letter import Letter
from events.weeks import COPENHAGEN
from services.notification.domain.draft import Draft
from services.notification.domain.letter import Material, Told, compose, to_name

SPACE = UUID("6f0c7a3e-0d3b-4c58-9a53-0f5a3f1c2b77")
NOW = datetime(2026, 9, 21, 9, 0, tzinfo=COPENHAGEN)


def key(name: str) -> UUID:
    """A stable id for a name."""
    return uuid5(SPACE, name)


CHILD, MOTHER, FATHER, PARTNER = key("child"), key("mother"), key("father"), key("partner")
PEOPLE = {
    MOTHER: UnmaskedAdult(MOTHER, "Signe Syntetisk", "mother"),
    FATHER: UnmaskedAdult(FATHER, "Bo Prøvesen", "father"),
    PARTNER: UnmaskedAdult(PARTNER, "Åge Øksemager", "household"),
}
RULE = FiredRule("R1", "Gentagen vold")


def item(name: str, day: int = 15, person: UUID = PARTNER, **changes: Any) -> EvidenceItem:
    """A charge of violence in September 2026, unless told otherwise."""
    usual: dict[str, Any] = {
        "evidence_id": key(name),
        "version": 1,
        "person": person,
        "live": True,
        "counts": True,
        "code": "1252",
        "code_scheme": "GER4",
        "text": "Simpel vold",
        "category": "VIOLENCE",
        "role": "charged",
        "outcome": "open",
        "district": "1463",
        "occurred_on": date(2026, 9, day),
        "registered_at": datetime(2026, 9, day, 23, 30, tzinfo=COPENHAGEN),
        "child_present": False,
    }
    return EvidenceItem(**(usual | changes))


VIOLENCE = item("violence")
DISTURBANCE = item(
    "disturbance", 17, MOTHER, text="Husspektakler", category="H_DISTURBANCE", role="victim", district="1462", child_present=True,
)  # fmt: skip


def case_draft(**changes: Any) -> CaseDraft:
    """A first draft about two adults, one piece of evidence each."""
    usual: dict[str, Any] = {
        "draft_id": key("draft"),
        "version": 1,
        "open": True,
        "kind": "first",
        "run_id": key("run"),
        "week": "2026-W38",
        "adults": [CandidateAdult(PARTNER, ["household"], [RULE]), CandidateAdult(MOTHER, ["parent"], [RULE])],
        "new": [VIOLENCE, DISTURBANCE],
        "earlier": [],
        "changed": [],
        "corrects": None,
        "missing_districts": [],
    }
    return CaseDraft(**(usual | changes))


def case(draft: CaseDraft | None = None, name: str = "case", child: UUID = CHILD) -> Case:
    """The child's case with this draft."""
    return Case(key(name), child, draft or case_draft())


def child(**changes: Any) -> UnmaskedChild:
    """A child in Aarhus, which is Østjyllands Politi's."""
    found = UnmaskedChild(CHILD, "7109161234", "Liv Syntetisk", "751", protected=False)
    return msgspec.structs.replace(found, **changes)


def unmask(request: UnmaskRequest) -> UnmaskAnswer:
    """Identity's door."""
    return UnmaskAnswer(
        child(pseudonym=request.child), [PEOPLE[FATHER], PEOPLE[MOTHER]], [PEOPLE[each] for each in request.adults]
    )


def material(draft: CaseDraft | None = None, told: Told | None = None, **changes: Any) -> Material:
    """What a letter is made of."""
    draft, told = draft or case_draft(), told or Told({}, [])
    usual: dict[str, Any] = {
        "letter_id": key("letter"),
        "draft": draft,
        "left_out": frozenset(),
        "told": told,
        "dated": date(2026, 9, 21),
        "asked_at": NOW,
        "child": child(),
        "parents": [PEOPLE[FATHER], PEOPLE[MOTHER]],
        "people": {each: PEOPLE[each] for each in to_name(draft, told)},
    }
    return Material(**(usual | changes))


def letter(draft: CaseDraft | None = None, told: Told | None = None, **changes: Any) -> Letter:
    """The letter of this material."""
    return compose(material(draft, told, **changes))


def waiting(draft: CaseDraft | None = None, **changes: Any) -> Draft:
    """A composed draft that waits."""
    usual: dict[str, Any] = {
        "draft_id": key("draft"),
        "case_id": key("case"),
        "case_version": 1,
        "child": CHILD,
        "asked": draft or case_draft(),
        "asked_at": NOW,
        "state": "waiting",
        "letter_id": key("letter"),
        "content": "{}",
        "digest": "d" * 64,
        "districts": ["1461"],
    }
    return Draft(**(usual | changes))
