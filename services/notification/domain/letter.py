"""What a letter says: from the case's draft, the names and what was told before to the letter's data.

Facts only, each dated and with its source. Nobody is named but the child, its parents and the adults whom the told facts
are about; an adult whose last fact was left out is not mentioned at all. The order of the input never matters.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import msgspec

from events.case import CaseDraft
from events.evidence import EvidenceItem
from events.http.identity import UnmaskedAdult, UnmaskedChild
from events.letter import (
    SCHEMA,
    ChangedFact,
    EarlierLetter,
    Fact,
    Letter,
    LetterAdult,
    LetterChild,
    LetterParent,
    Notifier,
    ParentsInformed,
    Statistics,
)
from events.weeks import danish_date
from services.notification.domain import words
from services.notification.domain.draft import districts, newest_district
from services.notification.domain.law import legal_basis

RELATION_ORDER = list(words.RELATIONS)


@dataclass(frozen=True)
class Told:
    """What the municipality was told: each changed piece of evidence as it was last told, and the letters that it holds."""

    items: Mapping[UUID, EvidenceItem]
    letters: Sequence[EarlierLetter]


@dataclass(frozen=True)
class Material:
    """Everything that a letter is made of. `people` answers every pseudonym of `to_name`; `left_out` are evidence ids."""

    letter_id: UUID
    draft: CaseDraft
    left_out: frozenset[UUID]
    told: Told
    dated: date
    asked_at: datetime
    child: UnmaskedChild
    parents: Sequence[UnmaskedAdult]
    people: Mapping[UUID, UnmaskedAdult]

    def kept(self, items: Iterable[EvidenceItem]) -> list[EvidenceItem]:
        """These items without what was left out, oldest first."""
        return in_order(item for item in items if item.evidence_id not in self.left_out)


def in_order(items: Iterable[EvidenceItem]) -> list[EvidenceItem]:
    """As the letter lists and numbers them: oldest first; the random id makes the order total."""
    return sorted(items, key=lambda item: (item.occurred_on, item.registered_at, item.evidence_id))


def to_name(draft: CaseDraft, told: Told) -> list[UUID]:
    """Whom a letter must be able to name. Of changed evidence the person as told: who it is about now may be a stranger."""
    before = [told.items.get(item.evidence_id, item).person for item in draft.changed]
    about = [item.person for item in (*draft.new, *draft.earlier)]
    return sorted({*before, *about, *(adult.person for adult in draft.adults)})


def compose(material: Material) -> Letter:
    """The letter's data, its HTML still empty."""
    draft = material.draft
    new, changed, earlier = (material.kept(items) for items in (draft.new, draft.changed, draft.earlier))
    pairs = [_change(material, item) for item in changed]
    people = _Labels(material, [*new, *(before for before, _ in pairs), *earlier])
    basis = legal_basis(danish_date(material.asked_at))
    after = [item for _, item in pairs if item is not None]
    return Letter(
        schema=SCHEMA,
        letter_id=material.letter_id,
        kind=draft.kind,
        title=words.TITLES[draft.kind],
        dated=material.dated,
        week=draft.searched_week or draft.week,
        legal_basis=basis,
        notifier=Notifier(6, words.NOTIFIER_TYPE, words.district_name(_office(material, [*new, *changed]))),
        child=LetterChild(material.child.name, _hyphened(material.child.cpr), material.child.protected),
        parents=[LetterParent(each.name, each.relation, words.RELATIONS[each.relation]) for each in _listed(material.parents)],
        adults=people.adults,
        new_facts=[people.fact(number, item) for number, item in enumerate(new, 1)],
        changed_facts=[people.changed(number, *pair) for number, pair in enumerate(pairs, len(new) + 1)],
        earlier_facts=[people.fact(number, item) for number, item in enumerate(earlier, len(new) + len(pairs) + 1)],
        earlier_letters=[] if draft.kind == "first" else list(material.told.letters),
        parents_informed=ParentsInformed(False, "collected_from_registers", words.NOT_INFORMED),
        interpreter_needed="unknown",
        missing_districts=sorted(words.district_name(code) for code in draft.missing_districts),
        statistics=Statistics(6, words.reasons((item.category, item.role) for item in (*new, *after) if item.counts)),
        html="",
    )


def _office(material: Material, items: Sequence[EvidenceItem]) -> str:
    """Police district that signs. Of a protected child it is one that knows the facts: its own would tell where it lives."""
    if material.child.protected:
        return newest_district(items)
    return districts(material.child.municipality, material.draft)[0]


def _change(material: Material, item: EvidenceItem) -> tuple[EvidenceItem, EvidenceItem | None]:
    """(as told, as it is now): nothing now when it is withdrawn, or is about somebody else – whom the letter never names."""
    before = material.told.items.get(item.evidence_id, item)
    now_about = material.people.get(item.person)
    current = now_about.pseudonym if now_about else item.person
    same = current == material.people[before.person].pseudonym
    return before, item if item.live and same else None


def _hyphened(cpr: str) -> str:
    return f"{cpr[:6]}-{cpr[6:]}" if len(cpr) == 10 and cpr.isdigit() else cpr


def _listed(people: Iterable[UnmaskedAdult]) -> list[UnmaskedAdult]:
    return sorted(people, key=lambda each: (RELATION_ORDER.index(each.relation), each.name, each.pseudonym))


def _shown(material: Material, person: UnmaskedAdult) -> UnmaskedAdult:
    """Whoever shares a protected child's home is nobody in particular, before anything is sorted or worded by it."""
    hidden = material.child.protected and person.relation == "household"
    return msgspec.structs.replace(person, relation="none") if hidden else person


def _named(material: Material, person: UnmaskedAdult, label: str) -> LetterAdult:
    """An adult as the letter names it. With whom a protected child lives, or lived, it does not tell."""
    ties = [tie for tie in material.draft.adults if material.people[tie.person].pseudonym == person.pseudonym]
    bases = {basis for tie in ties for basis in tie.bases}
    former = next((basis for basis in words.FORMER_TIES if basis in bases), None) if person.relation == "none" else None
    if material.child.protected and person.relation == "none" and former in (None, "household"):
        return LetterAdult(label, person.name, "none", words.TIED)
    text = words.FORMER_TIES[former] if former else words.RELATIONS[person.relation]
    return LetterAdult(label, person.name, person.relation, text)


class _Labels:
    """The adults of one letter and the facts about them, by label."""

    def __init__(self, material: Material, items: Iterable[EvidenceItem]) -> None:
        self._people = material.people
        named = {material.people[item.person].pseudonym: _shown(material, material.people[item.person]) for item in items}
        listed = _listed(named.values())
        self._labels = {person.pseudonym: f"Voksen {number}" for number, person in enumerate(listed, 1)}
        self.adults = [_named(material, person, self._labels[person.pseudonym]) for person in listed]

    def fact(self, number: int, item: EvidenceItem) -> Fact:
        """One fact as the letter tells it."""
        return self._fact(number, item, item.person)

    def _fact(self, number: int, item: EvidenceItem, person: UUID) -> Fact:
        registered = danish_date(item.registered_at)
        district = words.district_name(item.district)
        return Fact(
            number=number,
            adult=self._labels[self._people[person].pseudonym],
            occurred_on=item.occurred_on,
            district=district,
            text=item.text,
            role=item.role,
            role_text=words.ROLES[item.role],
            outcome=item.outcome,
            outcome_text=words.OUTCOMES[item.outcome],
            registered_on=registered,
            source=f"{district}, registreret {words.danish_date(registered)}",
            child_present=item.child_present,
        )

    def changed(self, number: int, before: EvidenceItem, after: EvidenceItem | None) -> ChangedFact:
        """One fact that was told and is different or withdrawn now; both sides are about the person as told."""
        now = None if after is None else self._fact(number, after, before.person)
        return ChangedFact(number, "corrected" if now else "withdrawn", self._fact(number, before, before.person), now)
