"""Loading the families of cases that a batch concerns, and writing them back with everything that others are told of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec
from msgspec.structs import replace

from events.evidence import EvidenceItem
from events.topics import CASE
from services.deduplication import queries
from services.deduplication.domain.case import projection
from services.deduplication.domain.facts import Ask, CaseState, Family, Known
from services.deduplication.domain.states import evidence_states
from services.runtime.transaction import Transaction

_case = msgspec.json.Decoder(CaseState)
_item = msgspec.json.Decoder(EvidenceItem)


def lock_families(transaction: Transaction, persons: Iterable[UUID]) -> dict[UUID, tuple[CaseState, ...]]:
    """The cases of these children (canonical pseudonyms), oldest first, locked until the commit."""
    found: dict[UUID, list[CaseState]] = defaultdict(list)
    for row in transaction.execute(queries.LOCK_CASES, {"persons": sorted(persons)}):
        found[row.person].append(_case.decode(row.state))
    return {person: tuple(sorted(cases, key=lambda case: (case.opened_at, case.case_id))) for person, cases in found.items()}


def families(transaction: Transaction, cases: Mapping[UUID, tuple[CaseState, ...]]) -> dict[UUID, Family]:
    """The same cases with the evidence, aliases and runs that concern them."""
    ids = [case.case_id for family in cases.values() for case in family]
    transaction.execute(queries.LINK_MERGED, {"cases": ids})
    evidence: dict[UUID, dict[UUID, Known]] = {person: {} for person in cases}
    for row in transaction.execute(queries.EVIDENCE_OF_CASES, {"cases": ids}):
        evidence[row.person][row.evidence_id] = Known(_item.decode(row.item), row.merged_into, row.week)
    people = {known.item.person for found in evidence.values() for known in found.values()}
    people |= {case.child for family in cases.values() for case in family}
    people |= {adult.person for family in cases.values() for case in family for ask in case.asks for adult in ask.adults}
    people |= {item.person for family in cases.values() for case in family for item in case.told_of()}
    rows = transaction.execute(queries.ALIASES_OF, {"pseudonyms": sorted(people)})
    aliases = {row.pseudonym: row.canonical for row in rows}
    runs = {row.week: row.run_id for row in transaction.execute("SELECT week, run_id FROM run")}
    return {person: Family(each, evidence[person], aliases, runs) for person, each in cases.items()}


def save(transaction: Transaction, before: Mapping[UUID, CaseState], after: Sequence[Family]) -> None:
    """Write every case that changed, and publish those whose letter changed. `before` are the cases as they were loaded."""
    changed = []
    for family in after:
        for case in family.cases:
            old = before.get(case.case_id)
            if old is None or old.version == 0 or projection(old) != projection(case):
                case = _published(transaction, case)
            if case != old:
                changed.append(case)
    if changed:
        states = [msgspec.json.encode(case) for case in changed]
        transaction.execute(queries.SAVE_CASES, {"ids": [case.case_id for case in changed], "states": states})
        _save_candidates(transaction, [(case.case_id, ask) for case in changed for ask in case.asks])
        _save_drafts(transaction, changed)
    _save_states(transaction, after)


def _published(transaction: Transaction, case: CaseState) -> CaseState:
    case = replace(case, version=case.version + 1)
    run = str(case.issues[-1].content.run_id) if case.issues else ""
    transaction.publish(CASE, str(case.case_id), case.version, projection(case), run)
    return case


def _save_candidates(transaction: Transaction, asks: Sequence[tuple[UUID, Ask]]) -> None:
    transaction.execute(
        queries.SAVE_CANDIDATES,
        {
            "ids": [ask.candidate_id for _, ask in asks],
            "cases": [case_id for case_id, _ in asks],
            "weeks": [ask.week for _, ask in asks],
            "outcomes": [ask.outcome for _, ask in asks],
            "reasons": [ask.reason for _, ask in asks],
        },
    )


def _save_drafts(transaction: Transaction, cases: Sequence[CaseState]) -> None:
    last = [(case.case_id, case.issues[-1]) for case in cases if case.issues]
    transaction.execute(
        queries.SAVE_DRAFTS,
        {
            "ids": [issue.draft_id for _, issue in last],
            "cases": [case_id for case_id, _ in last],
            "weeks": [issue.content.week for _, issue in last],
            "kinds": [issue.content.kind for _, issue in last],
        },
    )


def _save_states(transaction: Transaction, after: Sequence[Family]) -> None:
    rows = [
        (case.case_id, evidence_id, state)
        for family in after
        for evidence_id, state in evidence_states(family).items()
        for case in family.cases
    ]
    cases, ids, states = zip(*rows, strict=True) if rows else ((), (), ())
    transaction.execute(queries.SAVE_STATES, {"cases": list(cases), "ids": list(ids), "states": list(states)})
