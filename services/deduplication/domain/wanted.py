"""What the next letter about a child must say, if anything: a correction first, else what is new.

Only one letter per child is asked for at a time. A correction or retraction goes to one municipality and gathers everything
that is wrong there; whatever else waits meanwhile is asked for once it has gone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from msgspec.structs import replace

from events.candidate import Basis, CandidateAdult
from events.evidence import EvidenceItem
from services.deduplication.domain.facts import Ask, Content, Family, Outcome, Reason
from services.deduplication.domain.told import WITHDRAWN, Belief, Standing, letters, said, spoken, standing, unsettled

BASES: tuple[Basis, ...] = ("parent", "custody", "household")


@dataclass(frozen=True)
class Plan:
    """The content wanted now (None: nothing to say), and what each unsettled candidate brings to it."""

    content: Content | None
    standing: Standing
    asks: list[Ask]
    bringing: list[Ask]
    new: frozenset[UUID]


def plan(family: Family) -> Plan:
    """Work out what should be said now."""
    settled = standing(family)
    asks = unsettled(family, settled)
    bringing, new = _gathered(family, settled, asks)
    content = _correction(family, settled) or (_fresh(family, settled, asks, bringing, new) if bringing else None)
    return Plan(content, settled, asks, bringing, frozenset(new))


def why_nothing(family: Family, found: Plan, ask: Ask) -> Reason:
    """Why a candidate brings nothing new. While some of it is withdrawn, unknown or unfit it may still bring that, if it comes
    back or says something else.
    """
    ids = {family.resolve(each) for each in ask.evidence}
    if ids & found.new:
        return "in_open_draft"
    if ids - found.standing.told - found.standing.unusable.keys():
        return "withdrawn"
    return "unusable" if ids & found.standing.unusable.keys() else "already_told"


def _resolved(family: Family, ids: Iterable[UUID]) -> set[UUID]:
    return {found for each in ids if (found := family.resolve(each)) is not None}


def _gathered(family: Family, settled: Standing, asks: Sequence[Ask]) -> tuple[list[Ask], set[UUID]]:
    """In the order of the weeks: candidates that bring something nobody asked for before them, and all that is new."""
    bringing, new = [], set[UUID]()
    for ask in asks:
        free = {
            evidence_id
            for evidence_id in _resolved(family, ask.evidence) - settled.told - settled.unusable.keys()
            if family.holds(family.evidence[evidence_id].item)
        }
        if free - new:
            bringing.append(ask)
            new |= free
    return bringing, new


def _fresh(family: Family, settled: Standing, asks: Sequence[Ask], bringing: Sequence[Ask], new: set[UUID]) -> Content:
    """A first letter or a supplement: what is new, and what was told of the same look-back before.

    The last run that added to it says how far the police searched: a district that was missing before has been read by then.
    """
    seen = _resolved(family, (evidence_id for ask in bringing for evidence_id in ask.evidence))
    kind: Literal["first", "supplement"] = "supplement" if settled.ever_told else "first"
    last = [ask for ask in bringing if ask.week == bringing[-1].week]
    return Content(
        child=family.canonical(family.cases[0].child),
        kind=kind,
        run_id=bringing[0].run_id,
        week=bringing[0].week,
        adults=merged_adults(family, (adult for ask in bringing for adult in ask.adults)),
        new=_items(family, new),
        earlier=_items(family, {each for each in seen & settled.told if family.holds(family.evidence[each].item)}),
        changed=[],
        corrects=None,
        missing_districts=sorted({district for ask in last for district in ask.missing_districts}),
        asks={ask.candidate_id: _outcome(ask, bringing, kind) for ask in asks if _resolved(family, ask.evidence) & new},
        searched_week=last[0].week,
        letters=letters(family),
    )


def _outcome(ask: Ask, bringing: Sequence[Ask], kind: Literal["first", "supplement"]) -> Outcome:
    """The first candidate in the order of the weeks opened the letter; others added to it, or brought nothing new."""
    if ask not in bringing:
        return "nothing_new"
    return kind if ask == bringing[0] else "folded"


def _items(family: Family, ids: Iterable[UUID]) -> list[EvidenceItem]:
    return in_order(family.evidence[evidence_id].item for evidence_id in ids)


def in_order(items: Iterable[EvidenceItem]) -> list[EvidenceItem]:
    """Oldest first; the random id makes the order total."""
    return sorted(items, key=lambda item: (item.occurred_on, item.evidence_id))


def merged_adults(family: Family, adults: Iterable[CandidateAdult]) -> list[CandidateAdult]:
    """Each person once, with all bases and rules, in an order that does not depend on arrival."""
    found: dict[UUID, CandidateAdult] = {}
    for adult in adults:
        person = family.canonical(adult.person)
        known = found.get(person, CandidateAdult(person, [], []))
        bases = [basis for basis in BASES if basis in known.bases or basis in adult.bases]
        rules = {rule.rule: rule for rule in (*known.rules, *adult.rules)}
        found[person] = CandidateAdult(person, bases, [rules[name] for name in sorted(rules)])
    return [found[person] for person in sorted(found)]


def _correction(family: Family, settled: Standing) -> Content | None:
    """What must be corrected or taken back where the first wrong belief lies; None when every belief is true or declined."""
    wrong = [belief for belief in settled.beliefs.values() if belief.stands and _is_wrong(family, settled, belief)]
    if not wrong:
        return None
    here = [belief for belief in wrong if belief.municipality == wrong[0].municipality]
    people = {family.canonical(belief.item.person) for belief in here}
    adults = merged_adults(family, (adult for belief in here for adult in belief.origin.content.adults))
    week = min(_found_week(family, belief) for belief in here)
    return Content(
        child=family.canonical(family.cases[0].child),
        kind="retraction" if _nothing_left(family, settled, here) else "correction",
        run_id=family.runs.get(week, wrong[0].origin.content.run_id),
        week=week,
        adults=[adult for adult in adults if adult.person in people],
        new=[],
        earlier=[],
        changed=in_order(_truth(family, settled, belief) for belief in here),
        corrects=wrong[0].notification,
        missing_districts=[],
        asks={},
        searched_week=week,
        told=in_order(belief.item for belief in here),
        letters=letters(family, wrong[0].municipality),
    )


def _is_wrong(family: Family, settled: Standing, belief: Belief) -> bool:
    truth = said(family, _truth(family, settled, belief))
    return truth != spoken(family, belief.item) and (belief.item.evidence_id, truth) not in settled.declined


def _nothing_left(family: Family, settled: Standing, wrong: Sequence[Belief]) -> bool:
    """Whether nothing that the notifications in question told is true any more: then they are taken back as a whole."""
    letters = {belief.notification for belief in wrong}
    told = [belief for belief in settled.beliefs.values() if belief.notification in letters and belief.stands]
    return all(said(family, _truth(family, settled, belief)) == WITHDRAWN for belief in told)


def _truth(family: Family, settled: Standing, belief: Belief) -> EvidenceItem:
    """What should be said now of the told evidence, under the id by which it was told.

    Evidence merged into another goes on as that one, unless the municipality holds both: then it was one event told twice, and
    the merged one is taken back. Evidence that is about somebody else now is taken back too, without a word about them: of an
    adult of this child it is new then, and a stranger is nobody's business here. So is what was told of another child, while two
    were taken for one.
    """
    told = belief.item
    place = family.resolve(told.evidence_id)
    if place is None:
        return told
    now = family.evidence[place].item
    doubled = place != told.evidence_id and _keeper(family, settled, belief, place) != told.evidence_id
    if doubled or family.moved(told) or family.canonical(now.person) not in family.adults:
        return replace(told, version=family.evidence[told.evidence_id].item.version, live=False)
    return replace(now, evidence_id=told.evidence_id)


def _keeper(family: Family, settled: Standing, belief: Belief, place: UUID) -> UUID:
    """Of all that this municipality holds and that turned out to be one event, the one that stays."""
    held = [
        evidence_id
        for (municipality, evidence_id), each in settled.beliefs.items()
        if municipality == belief.municipality and each.stands and family.resolve(evidence_id) == place
    ]
    return place if place in held else held[0]


def _found_week(family: Family, belief: Belief) -> str:
    """The week that brought the change."""
    known = family.evidence[belief.item.evidence_id]
    place = family.resolve(belief.item.evidence_id)
    return max(known.week, family.evidence[place].week) if place else known.week
