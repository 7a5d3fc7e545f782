"""From a batch of events to the cases that they concern: load them once, apply the rules, write them back in bulk."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace as with_cases
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from events.alias import Alias
from events.audit import Verb
from events.candidate import Candidate
from events.decision import Decision
from events.delivery import Delivery
from events.evidence import Evidence, EvidenceItem
from events.run import Run
from events.weeks import danish_date, label
from services.deduplication import cases, queries
from services.deduplication.domain.case import UnknownDraft, reconcile, with_ask, with_sending, with_verdict
from services.deduplication.domain.facts import Ask, CaseState, Family, Sending, Verdict
from services.runtime.errors import Poison
from services.runtime.events import Event
from services.runtime.transaction import Transaction

PURPOSE = "child_notification"
Families = dict[UUID, tuple[CaseState, ...]]
Change = Callable[[CaseState], CaseState]
KnownEvidence = tuple[EvidenceItem, UUID | None, str]


def on_candidate(transaction: Transaction, events: Sequence[Event[Candidate]]) -> None:
    """Children found by a run: each goes into the case of its child, which is opened where there is none."""
    candidates = [event.data for event in events]
    canonical = _persons(transaction, {each.child for each in candidates})
    _know(transaction, [(item, None, each.week) for each in candidates for item in each.evidence])
    found = {item.evidence_id for each in candidates for item in each.evidence}
    transaction.execute(queries.HOLD_MERGED, {"ids": sorted(found)})
    _open_cases(transaction, set(canonical.values()))
    locked = cases.lock_families(transaction, set(canonical.values()))
    before, links = dict(locked), []
    for each in candidates:
        lead, *led = locked[canonical[each.child]]
        locked[canonical[each.child]] = (with_ask(lead, _ask(each)), *led)
        links += [(lead.case_id, item.evidence_id) for item in each.evidence]
    transaction.execute(queries.LINK, {"cases": [case for case, _ in links], "ids": [found for _, found in links]})
    _settle(transaction, before, locked)
    runs, weeks = {each.run_id for each in candidates}, {each.week for each in candidates}
    _audit(
        transaction, "combination", "candidates_put_into_cases", locked,
        run_id=runs.pop() if len(runs) == 1 else None, week=weeks.pop() if len(weeks) == 1 else None,
    )  # fmt: skip


def on_evidence(transaction: Transaction, events: Sequence[Event[Evidence]]) -> None:
    """Later versions of evidence: letters that wait change, letters that went out are corrected."""
    _know(transaction, [(event.data.item, event.data.merged_into, week_before(event.time)) for event in events])
    ids = sorted(event.data.item.evidence_id for event in events)
    _revisit(transaction, "evidence_changed", transaction.execute(queries.PERSONS_OF_EVIDENCE, {"ids": ids}).scalars())


def on_decision(transaction: Transaction, events: Sequence[Event[Decision]]) -> None:
    """What a person decided. Versions are kept per version of a draft, so that an approval is not lost to a later state."""
    _about_cases(
        transaction,
        "draft_decided",
        [
            (event.data.case_id, _decided(event))
            for event in events
            if event.data.state in ("approved", "rejected")
        ],
    )  # fmt: skip


def on_delivery(transaction: Transaction, events: Sequence[Event[Delivery]]) -> None:
    """What became of a letter: only what was really sent counts as told."""
    _about_cases(transaction, "delivery_known", [(event.data.case_id, _delivered(event)) for event in events])


def on_alias(transaction: Transaction, events: Sequence[Event[Alias]]) -> None:
    """Two pseudonyms are one person, or not: cases of one child are one family, led by the oldest."""
    rows = sorted((event.data.pseudonym, event.data.canonical, event.version) for event in events)
    pseudonyms, canonicals, versions = (list(column) for column in zip(*rows, strict=True))
    values = {"pseudonyms": pseudonyms, "canonicals": canonicals, "versions": versions}
    transaction.execute(queries.ALIASES, values)
    concerned = set(transaction.execute(queries.ABOUT_PERSONS, {"pseudonyms": pseudonyms}).scalars())
    for row in transaction.execute(queries.MOVE_CASES, {"pseudonyms": pseudonyms}).all():
        concerned |= {row.before, row.after}
    _revisit(transaction, "aliases_changed", concerned, verb="combination")


def on_run(transaction: Transaction, events: Sequence[Event[Run]]) -> None:
    """Runs by week, so that a correction can name the run of the week that brought it."""
    for event in events:
        values = {"week": event.data.week, "run_id": event.data.run_id, "now": transaction.now}
        transaction.execute(queries.RUNS, values)


def week_before(moment: datetime) -> str:
    """The ISO week that had last ended at a moment: its extracts are what arrives then."""
    return label(danish_date(moment) - timedelta(weeks=1))


def _ask(candidate: Candidate) -> Ask:
    return Ask(
        candidate.candidate_id,
        candidate.run_id,
        candidate.week,
        candidate.adults,
        sorted(item.evidence_id for item in candidate.evidence),
        candidate.missing_districts,
    )


def _decided(event: Event[Decision]) -> Change:
    decision = event.data
    verdict = Verdict(event.version, decision.state, decision.reason, decision.left_out)
    return lambda case: with_verdict(case, decision.draft_id, decision.draft_version, verdict)


def _delivered(event: Event[Delivery]) -> Change:
    delivery = event.data
    sent_at = next((step.at for step in delivery.history if step.state == "sent"), None)
    sending = Sending(
        event.version,
        delivery.notification_id,
        delivery.state,
        delivery.reason,
        delivery.municipality or "",
        delivery.included,
        sent_at,
    )
    return lambda case: with_sending(case, delivery.draft_id, delivery.draft_version, sending)


def _persons(transaction: Transaction, pseudonyms: Iterable[UUID]) -> dict[UUID, UUID]:
    rows = transaction.execute(queries.PERSONS, {"pseudonyms": sorted(pseudonyms)}).all()
    return {row.pseudonym: row.canonical for row in rows}


def _know(transaction: Transaction, versions: Iterable[KnownEvidence]) -> None:
    newest: dict[UUID, KnownEvidence] = {}
    for given in versions:
        known = newest.get(given[0].evidence_id)
        if known is None or (known[0].version, known[2]) < (given[0].version, given[2]):
            newest[given[0].evidence_id] = given
    rows = [newest[evidence_id] for evidence_id in sorted(newest)]
    transaction.execute(
        queries.EVIDENCE,
        {
            "ids": [item.evidence_id for item, _, _ in rows],
            "versions": [item.version for item, _, _ in rows],
            "merged": [merged for _, merged, _ in rows],
            "weeks": [week for _, _, week in rows],
            "persons": [item.person for item, _, _ in rows],
            "items": [msgspec.json.encode(item) for item, _, _ in rows],
        },
    )


def _open_cases(transaction: Transaction, children: set[UUID]) -> None:
    missing = sorted(children - set(transaction.execute(queries.CHILDREN_WITH_CASE, {"persons": sorted(children)}).scalars()))
    made = [CaseState(uuid4(), child, transaction.now) for child in missing]
    states = [msgspec.json.encode(case) for case in made]
    transaction.execute(queries.OPEN_CASES, {"ids": [case.case_id for case in made], "children": missing, "states": states})


def _about_cases(transaction: Transaction, action: str, changes: Sequence[tuple[UUID, Change]]) -> None:
    """Put facts into single cases, then let their families work out what follows. Raises Poison where there is no such case."""
    if not changes:
        return
    wanted = sorted({case_id for case_id, _ in changes})
    persons = {row.case_id: row.person for row in transaction.execute(queries.PERSONS_OF_CASES, {"cases": wanted})}
    locked = cases.lock_families(transaction, set(persons.values()))
    found = {case.case_id: case for family in locked.values() for case in family}
    for case_id, change in changes:
        if case_id not in found:
            raise Poison("unknown_case")
        try:
            found[case_id] = change(found[case_id])
        except UnknownDraft as error:
            raise Poison(str(error)) from None
    after = {person: tuple(found[case.case_id] for case in family) for person, family in locked.items()}
    _settle(transaction, locked, after)
    if altered := {person: family for person, family in after.items() if family != locked[person]}:
        _audit(transaction, "alteration", action, altered)  # a repetition alters nothing


def _revisit(transaction: Transaction, action: str, persons: Iterable[UUID], verb: Verb = "alteration") -> None:
    """Let these children's cases work out anew what they ask for."""
    locked = cases.lock_families(transaction, set(persons))
    if locked:
        _settle(transaction, locked, locked)
        _audit(transaction, verb, action, locked)


def _settle(transaction: Transaction, before: Mapping[UUID, tuple[CaseState, ...]], after: Families) -> None:
    known = {case.case_id: case for family in before.values() for case in family}
    settled = [_reconciled(family) for family in cases.families(transaction, after).values()]
    cases.save(transaction, known, settled)


def _reconciled(family: Family) -> Family:
    return with_cases(family, cases=reconcile(family))


def _audit(
    transaction: Transaction, verb: Verb, action: str, families: Families, run_id: UUID | None = None, week: str | None = None
) -> None:
    ids = [case.case_id for family in families.values() for case in family]
    transaction.audit(
        verb,
        action,
        purpose=PURPOSE,
        subjects=sorted(families),
        case_id=ids[0] if len(ids) == 1 else None,
        run_id=run_id,
        week=week,
        cases=len(ids),
    )
