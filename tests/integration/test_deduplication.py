"""Deduplication on a real PostgreSQL: batches of facts in, cases and their letters out, whatever arrives first."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from msgspec.structs import replace

from deploy.testing import Running
from events.alias import Alias
from events.candidate import Candidate, CandidateAdult, FiredRule
from events.case import Case
from events.decision import Decision, Residence
from events.delivery import Delivery, StateChange
from events.envelope import Envelope
from events.evidence import Evidence, EvidenceItem
from events.run import Run, RunCounts
from events.topics import ALIAS, CANDIDATE, CASE, DECISION, DELIVERY, EVIDENCE, RUN, Topic
from services.deduplication import handlers
from services.deduplication.store import LEDGER_VIEW
from services.runtime.clock import FileClock
from services.runtime.consumer import Subscription, apply
from services.runtime.database import Store
from services.runtime.errors import Poison
from services.runtime.events import Decoder, Event
from tests.conftest import new_system

MONDAY = datetime(2026, 9, 21, 3, tzinfo=UTC)
WEEK = timedelta(weeks=1)
HANDLERS: dict[str, tuple[Any, bool]] = {
    CANDIDATE.name: (handlers.on_candidate, True),
    EVIDENCE.name: (handlers.on_evidence, True),
    DECISION.name: (handlers.on_decision, False),
    DELIVERY.name: (handlers.on_delivery, True),
    ALIAS.name: (handlers.on_alias, True),
    RUN.name: (handlers.on_run, True),
}


@pytest.fixture(scope="module")
def store(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One schema for all tests here: every test has children, evidence and weeks of its own."""
    system = new_system(running, tmp_path_factory.mktemp("deduplication"))
    system.prepare()
    opened = Store(system.settings("deduplication"), system.clock)
    yield opened
    opened.close()


def item(**changes: Any) -> EvidenceItem:
    base = EvidenceItem(
        evidence_id=uuid4(), version=1, person=uuid4(), live=True, counts=True, code="1252", code_scheme="GER4",
        text="simpel vold", category="VIOLENCE", role="charged", outcome="open", district="1461",
        occurred_on=date(2026, 9, 15), registered_at=MONDAY, child_present=False,
    )  # fmt: skip
    return replace(base, **changes)


def candidate(child: UUID, *items: EvidenceItem, week: int = 38) -> Candidate:
    adults = [
        CandidateAdult(person, ["parent"], [FiredRule("R1", "gentagen vold")]) for person in {each.person for each in items}
    ]
    fresh = [each.evidence_id for each in items]
    return Candidate(uuid4(), uuid4(), f"2026-W{week}", child, adults, list(items), fresh, "2026-1", [])


def event(topic: Topic, key: object, version: int, data: Any, at: datetime = MONDAY) -> Event[Any]:
    return Event(topic, uuid4(), str(key), version, random.randrange(1, 10**9), at, "", data)


def candidates(*found: Candidate) -> list[Event[Any]]:
    return [event(CANDIDATE, each.candidate_id, 1, each) for each in found]


def evidence(now: EvidenceItem, merged_into: UUID | None = None, at: datetime = MONDAY + WEEK) -> list[Event[Any]]:
    return [event(EVIDENCE, now.evidence_id, now.version, Evidence(now, merged_into, []), at)]


def hear(store: Store, events: Sequence[Event[Any]]) -> None:
    """One batch of one topic, as the consumer hands it over."""
    topic = events[0].topic
    handler, versioned = HANDLERS[topic.name]
    with store.transaction() as transaction:
        apply(transaction, Subscription(topic, handler, versioned, Decoder(topic)), 0, events)


def published(store: Store) -> list[tuple[int, Case]]:
    """Every case event so far, in order."""
    with store.transaction() as transaction:
        rows = transaction.execute(
            "SELECT payload FROM outbox WHERE topic = :topic ORDER BY position", {"topic": CASE.name}
        ).scalars()
        decoded = [msgspec.json.decode(row, type=Envelope[Case]) for row in rows]
    return [(each.aggregateversion, each.data) for each in decoded]


def newest(store: Store, child: UUID) -> Case:
    found = [(version, case) for version, case in published(store) if case.child == child]
    return max(found, key=lambda each: each[0])[1]


def ledger(store: Store, week: str) -> dict[str, int]:
    with store.transaction() as transaction:
        rows = transaction.execute(f"SELECT * FROM ({LEDGER_VIEW}) AS ledger WHERE week = :week", {"week": week}).all()
    return {row.measure: row.amount for row in rows}


def decision(case: Case, state: Any, reason: str | None = None) -> Decision:
    draft = case.draft
    assert draft is not None
    included = [each.evidence_id for each in (*draft.new, *draft.changed)]
    return Decision(
        draft.draft_id, draft.version, case.case_id, case.child, draft.run_id, draft.week, draft.kind, state, reason,
        included, [], draft.corrects, "0" * 64, Residence("101", False), "1470", "reviewer-1470", False, MONDAY,
    )  # fmt: skip


def delivery(case: Case, state: Any, notification: UUID, at: datetime = MONDAY) -> Delivery:
    draft = case.draft
    assert draft is not None
    included = [each.evidence_id for each in (*draft.new, *draft.changed)]
    return Delivery(
        notification, draft.draft_id, draft.version, case.case_id, case.child, draft.run_id, draft.week, draft.kind,
        "101", state, None, included, draft.corrects, [StateChange("sent", at, None)],
    )  # fmt: skip


def tell(store: Store, case: Case, at: datetime = MONDAY) -> UUID:
    """Approve and send what the case asks for."""
    notification = uuid4()
    hear(store, [event(DECISION, uuid4(), 2, decision(case, "approved"))])
    hear(store, [event(DELIVERY, notification, 1, delivery(case, "sent", notification, at))])
    return notification


def test_a_batch_of_candidates_opens_one_case_per_child_and_is_harmless_when_repeated(store: Store) -> None:
    children = [uuid4() for _ in range(30)]
    batch = candidates(*(candidate(child, item(), item(), week=20) for child in children))
    hear(store, batch)
    hear(store, batch)
    found = [(version, case) for version, case in published(store) if case.child in children]
    assert {case.child for _, case in found} == set(children)
    assert [version for version, _ in found] == [1] * 30
    assert {case.draft.kind for _, case in found if case.draft} == {"first"}
    assert ledger(store, "2026-W20") == {"candidates": 30, "candidates_first": 30, "drafts_asked": 30}


def test_evidence_that_arrived_before_its_candidate_wins_when_it_is_newer(store: Store) -> None:
    child, piece = uuid4(), item()
    hear(store, evidence(replace(piece, version=2, outcome="convicted")))
    hear(store, candidates(candidate(child, piece)))
    draft = newest(store, child).draft
    assert draft is not None
    assert [each.outcome for each in draft.new] == ["convicted"]


def test_whoever_changed_numbers_twice_is_one_person_also_in_what_was_told_in_between(store: Store) -> None:
    child, first, second, third = (uuid4() for _ in range(4))
    one = item(person=first)
    hear(store, candidates(candidate(child, one)))
    tell(store, newest(store, child))
    hear(store, [event(ALIAS, first, 1, Alias(first, second, "identified"))])
    hear(store, evidence(replace(one, version=2, person=second, outcome="convicted")))
    tell(store, newest(store, child), MONDAY + WEEK)
    for pseudonym, version in ((first, 2), (second, 1)):
        hear(store, [event(ALIAS, pseudonym, version, Alias(pseudonym, third, "identified"))])
    now = replace(one, version=3, person=third, outcome="convicted")
    hear(store, candidates(candidate(child, now, extra := item(person=third), week=40)))
    draft = newest(store, child).draft
    assert draft is not None
    assert (draft.kind, draft.new, draft.earlier) == ("supplement", [extra], [now])


def test_the_way_of_one_child_first_supplement_correction(store: Store) -> None:
    child, person = uuid4(), uuid4()
    one, two = item(person=person), item(person=person)
    hear(store, candidates(candidate(child, one)))
    first = tell(store, newest(store, child))
    hear(store, candidates(candidate(child, one, two, week=39)))
    supplement = newest(store, child)
    assert supplement.draft is not None
    assert (supplement.draft.kind, supplement.draft.new, supplement.draft.earlier) == ("supplement", [two], [one])
    tell(store, supplement, MONDAY + WEEK)
    run = Run(uuid4(), "2026-W40", "finished", MONDAY, "2026-1", "", 1, 1, [], "schedule", RunCounts())
    hear(store, [event(RUN, run.run_id, 1, run)])
    hear(store, evidence(replace(one, version=2, role="witness", counts=False), at=MONDAY + 2 * WEEK))
    correction = newest(store, child).draft
    assert correction is not None
    # All that the first letter told is gone; the supplement's own piece stands.
    assert (correction.kind, correction.corrects, correction.week, correction.run_id) == (
        "retraction",
        first,
        "2026-W40",
        run.run_id,
    )
    with store.transaction() as transaction:
        query = "SELECT evidence_id, state FROM case_evidence WHERE evidence_id = ANY(:ids)"
        states = dict(transaction.execute(query, {"ids": [one.evidence_id, two.evidence_id]}).tuples().all())
    assert states == {one.evidence_id: "told", two.evidence_id: "told"}


def test_versions_of_a_case_rise_by_one_and_a_sent_draft_is_closed(store: Store) -> None:
    child = uuid4()
    hear(store, candidates(candidate(child, item())))
    tell(store, newest(store, child))
    versions = [version for version, case in published(store) if case.child == child]
    draft = newest(store, child).draft
    assert versions == [1, 2]
    assert draft is not None
    assert not draft.open


def test_two_children_that_turn_out_to_be_one_and_then_not(store: Store) -> None:
    older, younger, person = uuid4(), uuid4(), uuid4()
    one, two = item(person=person), item(person=person)
    hear(store, candidates(candidate(older, one)))
    tell(store, newest(store, older))
    assert isinstance(store.clock, FileClock)
    store.clock.move(store.clock.now() + WEEK)
    hear(store, candidates(candidate(younger, one, two)))
    hear(store, [event(ALIAS, younger, 1, Alias(younger, older, "identified"))])
    leading = newest(store, older).draft
    assert leading is not None
    assert (leading.kind, leading.new, leading.earlier, leading.open) == ("supplement", [two], [one], True)
    led = newest(store, younger).draft
    assert led is not None
    assert not led.open
    hear(store, candidates(candidate(younger, one, two, week=39)))
    hear(store, [event(ALIAS, younger, 2, Alias(younger, younger, "identified"))])
    again = newest(store, younger).draft
    assert again is not None
    assert (again.open, again.kind, len(again.new)) == (True, "first", 2)


def test_evidence_merged_into_one_that_no_candidate_carried_stays_told(store: Store) -> None:
    child, old = uuid4(), item()
    hear(store, candidates(candidate(child, old)))
    tell(store, newest(store, child))
    place = item(person=old.person)
    hear(store, evidence(replace(old, version=2, live=False), merged_into=place.evidence_id))
    hear(store, evidence(place))
    draft = newest(store, child).draft
    assert draft is not None
    assert not draft.open
    hear(store, evidence(replace(place, version=2, outcome="fined")))
    corrected = newest(store, child).draft
    assert corrected is not None
    assert (corrected.kind, corrected.open, [each.evidence_id for each in corrected.changed]) == (
        "correction",
        True,
        [old.evidence_id],
    )


def test_a_decision_about_an_unknown_case_or_version_is_set_aside(store: Store) -> None:
    child = uuid4()
    hear(store, candidates(candidate(child, item())))
    case = newest(store, child)
    assert case.draft is not None
    for stranger in (replace(case, case_id=uuid4()), replace(case, draft=replace(case.draft, version=9))):
        with pytest.raises(Poison, match="unknown"):
            hear(store, [event(DECISION, uuid4(), 1, decision(stranger, "approved"))])


def test_any_order_of_topics_ends_in_the_same_letters(store: Store) -> None:
    def world(children: Sequence[UUID], pieces: dict[UUID, list[EvidenceItem]]) -> list[list[Event[Any]]]:
        batches = [
            candidates(candidate(child, *pieces[child][: 1 + week]), candidate(child, *pieces[child], week=40))
            for week, child in enumerate(children)
        ]
        changes = [evidence(replace(pieces[child][0], version=2, outcome="fined")) for child in children]
        return [*batches, *changes]

    ends = []
    for seed in range(3):
        children = [uuid4() for _ in range(3)]
        pieces = {child: [item(person=child) for _ in range(3)] for child in children}
        batches = world(children, pieces)
        random.Random(seed).shuffle(batches)
        for batch in batches + batches[:2]:
            hear(store, batch)
        drafts = [newest(store, child).draft for child in children]
        ends.append(
            [draft and (draft.kind, draft.week, len(draft.new), sorted(each.outcome for each in draft.new)) for draft in drafts]
        )
    assert ends[0] == ends[1] == ends[2]


def test_copies_that_meet_the_same_child_at_once_agree(store: Store) -> None:
    child, person = uuid4(), uuid4()
    one, two = item(person=person), item(person=person)
    batches = [
        candidates(candidate(child, one, week=25)),
        candidates(candidate(child, one, two, week=26)),
        evidence(replace(one, version=2, outcome="fined")),
        evidence(replace(two, version=2, outcome="convicted")),
    ]
    threads = [Thread(target=hear, args=(store, batch)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    draft = newest(store, child).draft
    assert draft is not None
    assert sorted(each.outcome for each in draft.new) == ["convicted", "fined"]
    assert ledger(store, "2026-W25")["candidates_first"] == 1
    assert ledger(store, "2026-W26")["candidates_folded"] == 1


def test_a_batch_is_audited_once_with_the_children_it_touched(store: Store) -> None:
    children = [uuid4(), uuid4()]
    hear(store, candidates(*(candidate(child, item()) for child in children)))
    with store.transaction() as transaction:
        payload = transaction.execute(
            "SELECT payload FROM outbox WHERE topic = 'audit.deduplication.v1' ORDER BY position DESC LIMIT 1"
        ).scalar_one()
    entry = msgspec.json.decode(payload)["data"]
    assert entry["verb"] == "combination"
    assert {UUID(each) for each in entry["subjects"]} == set(children)


def test_a_decision_that_comes_again_alters_nothing_and_is_no_entry(store: Store) -> None:
    child = uuid4()
    hear(store, candidates(candidate(child, item())))
    case = newest(store, child)
    approved = [event(DECISION, uuid4(), 2, decision(case, "approved"))]

    def entries() -> int:
        query = "SELECT count(*) FROM outbox WHERE topic = 'audit.deduplication.v1' AND payload LIKE :action"
        with store.transaction() as transaction:
            count: int = transaction.execute(query, {"action": b"%draft_decided%"}).scalar_one()
        return count

    before = entries()
    hear(store, approved)
    assert entries() == before + 1
    hear(store, approved)
    assert entries() == before + 1
