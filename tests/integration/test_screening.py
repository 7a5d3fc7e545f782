"""Screening's evidence on a real PostgreSQL: whatever order, repetition and batches records come in, the same evidence."""

from datetime import UTC, date, datetime
from random import Random
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from events.record import Record
from events.topics import RECORD
from services.screening.domain.chains import Link, pieces
from tests.integration.screening_desk import shared
from tests.owned_store import OwnedStore
from tests.screening_samples import W38, W39, World, record, within

__all__ = ["shared"]


@pytest.fixture
def world(shared: OwnedStore) -> World:
    shared.empty()
    return World(shared)


FACTS = "evidence_id, live, tip, person, standing, code, role, outcome, district, occurred_on, registered_at"


def evidence(world: World) -> dict[UUID, tuple[object, ...]]:
    """Evidence that stands by itself, with its facts."""
    return {row.evidence_id: tuple(row) for row in world.select(f"SELECT {FACTS} FROM evidence WHERE merged_into IS NULL")}


def version(world: World, evidence_id: UUID) -> int:
    return int(world.select("SELECT version FROM evidence WHERE evidence_id = :id", id=evidence_id)[0].version)


# order and repetition

IDS = [UUID(int=number) for number in range(1, 7)]
PERSONS = [UUID(int=number) for number in range(101, 104)]


@st.composite
def histories(draw: st.DrawFn) -> list[Record]:
    """Revisions of a few records that replace each other in every way, also in circles."""
    found = []
    for record_id in draw(st.lists(st.sampled_from(IDS), unique=True)):
        for revision in range(1, draw(st.integers(1, 3)) + 1):
            found.append(
                record(
                    draw(st.sampled_from(PERSONS)),
                    within(draw(st.sampled_from([W38, W39]))),
                    record_id=record_id,
                    revision=revision,
                    supersedes=draw(st.none() | st.sampled_from([each for each in IDS if each != record_id])),
                    status=draw(st.sampled_from(["live", "live", "withdrawn"])),
                    role=draw(st.sampled_from(["charged", "witness"])),
                )
            )
    return found


@given(histories(), st.randoms(use_true_random=False), st.integers(1, 5))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_repetition_and_batching_give_the_evidence_that_the_rule_says(
    shared: OwnedStore, history: list[Record], random: Random, size: int
) -> None:
    shared.empty()
    world = World(shared)
    stream = [*history, *random.sample(history, len(history) // 2)]
    random.shuffle(stream)
    for first in range(0, len(stream), size):
        world.records(*stream[first : first + size])
    newest = {each.record_id: each for each in sorted(history, key=lambda each: each.revision)}
    links = [Link(each.record_id, each.status == "live", each.supersedes, each.registered_at) for each in newest.values()]
    expected = pieces(links)
    found = evidence(world)
    assert {(each.evidence_id, each.live, each.tip) for each in expected} == {row[:3] for row in found.values()}
    for each in expected:
        tip = newest[each.tip]
        assert found[each.evidence_id][3:8] == (tip.person, tip.standing, tip.code, tip.role, tip.outcome)
    grouped = {(row.record_id, row.evidence_id) for row in world.select("SELECT record_id, evidence_id FROM record")}
    assert grouped == {(member, each.evidence_id) for each in expected for member in each.members}
    for row in world.select("SELECT merged_into FROM evidence WHERE merged_into IS NOT NULL"):
        assert row.merged_into in found


@given(histories(), st.randoms(use_true_random=False))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_again_changes_nothing_and_what_was_covered_stays_covered(
    shared: OwnedStore, history: list[Record], random: Random
) -> None:
    shared.empty()
    world = World(shared)
    world.approve()
    world.records(*history)
    world.run(W38)
    world.run(W39)
    before = world.select("SELECT * FROM evidence ORDER BY evidence_id")
    random.shuffle(history)
    for each in history:
        world.records(each)
    assert world.select("SELECT * FROM evidence ORDER BY evidence_id") == before


def test_a_lower_revision_that_comes_late_is_stale(world: World) -> None:
    first = record(uuid4(), within(W38))
    world.records(replace(first, revision=2, role="witness"))
    world.records(first)
    assert evidence(world)[first.record_id][6] == "witness"
    assert version(world, first.record_id) == 1


# groups


def test_a_transferred_case_is_one_piece_with_the_newer_facts(world: World) -> None:
    first = record(uuid4(), within(W38))
    second = record(first.person, within(W39), district="1460", supersedes=first.record_id)
    world.records(first)
    world.records(second)
    assert set(evidence(world)) == {first.record_id}
    assert evidence(world)[first.record_id][2] == second.record_id
    assert evidence(world)[first.record_id][8] == "1460"
    assert version(world, first.record_id) == 2


def test_a_link_that_is_taken_back_in_the_batch_in_which_the_other_record_comes_leaves_two_pieces(world: World) -> None:
    first = record(uuid4(), within(W38), record_id=IDS[5])
    second = record(first.person, within(W39), record_id=IDS[3], supersedes=first.record_id)
    assert len({RECORD.partition(str(each.record_id)) for each in (first, second)}) == 1, "else they are no batch"
    world.records(second)
    assert set(evidence(world)) == {first.record_id}
    world.records(replace(second, revision=2, supersedes=None), first)
    assert set(evidence(world)) == {first.record_id, second.record_id}


def test_the_replaced_record_may_come_later_or_never(world: World) -> None:
    first = record(uuid4(), within(W38))
    second = record(first.person, within(W39), supersedes=first.record_id)
    world.records(second)
    before = evidence(world)
    assert set(before) == {first.record_id}
    world.records(first)
    assert evidence(world) == before
    assert version(world, first.record_id) == 1


def test_a_record_may_come_after_it_was_replaced_and_is_replaced_no_more(world: World) -> None:
    first = record(uuid4(), within(W38))
    second = record(first.person, within(W39), supersedes=first.record_id)
    world.records(second)
    world.records(replace(second, revision=2, supersedes=None))
    assert set(evidence(world)) == {second.record_id}
    world.records(first)
    assert set(evidence(world)) == {first.record_id, second.record_id}


def test_an_earlier_root_takes_over_and_what_was_covered_stays_covered(world: World) -> None:
    root, middle = record(uuid4(), within(W38)), record(uuid4(), within(W38))
    tip = record(uuid4(), within(W38), supersedes=middle.record_id)
    world.approve()
    world.records(tip)
    world.run(W38)
    world.records(replace(middle, supersedes=root.record_id))
    merged = {row.evidence_id: row.merged_into for row in world.select("SELECT evidence_id, merged_into FROM evidence")}
    assert merged == {middle.record_id: root.record_id, root.record_id: None}
    (row,) = world.select("SELECT state = covered_state AS covered FROM evidence WHERE evidence_id = :id", id=root.record_id)
    assert row.covered


def test_a_correction_may_take_a_link_away(world: World) -> None:
    first = record(uuid4(), within(W38))
    second = record(uuid4(), within(W38), supersedes=first.record_id)
    world.records(first, second)
    world.revise(second, supersedes=None)
    assert {each: row[2] for each, row in evidence(world).items()} == {
        first.record_id: first.record_id,
        second.record_id: second.record_id,
    }


def test_withdrawing_the_newer_record_brings_the_older_back(world: World) -> None:
    first = record(uuid4(), within(W38))
    second = record(uuid4(), within(W38), supersedes=first.record_id)
    world.records(first, second)
    world.revise(second, status="withdrawn")
    assert evidence(world)[first.record_id][1:4] == (True, first.record_id, first.person)


# persons


def test_an_alias_standing_overrides_the_record_whichever_comes_first(world: World) -> None:
    early, late, canonical = uuid4(), uuid4(), uuid4()
    world.alias(early, canonical)
    first, second = record(early, within(W38), standing="waiting"), record(late, within(W38), standing="waiting")
    world.records(first, second)
    assert evidence(world)[second.record_id][3:5] == (late, "waiting")
    world.alias(late, canonical)
    assert {row[3:5] for row in evidence(world).values()} == {(canonical, "identified")}
    assert version(world, second.record_id) == 2
    world.alias(late, late, version=2)
    assert evidence(world)[second.record_id][3] == late


def test_dates_are_danish(world: World) -> None:
    first = record(uuid4(), within(W38), occurred_at=datetime(2026, 9, 13, 22, 0, tzinfo=UTC))
    world.records(first)
    assert evidence(world)[first.record_id][9] == date(2026, 9, 14)
