"""The weekly run on a real PostgreSQL: what fires and what does not, in order, once, with brakes, doors and the ledger."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from events import weeks
from events.http.identity import ExcludedTie, Tie
from services.runtime.errors import Transient
from tests.integration.screening_desk import shared, world
from tests.screening_samples import DAY, W38, W39, W40, World, record, within

__all__ = ["shared", "world"]

SECOND = timedelta(seconds=1)


def history(person: UUID, **fields: Any) -> Any:
    return record(person, weeks.start(W38) - 30 * DAY, **fields)


def fired(world: World, week: str, child: UUID) -> set[str]:
    found = world.candidates(week).get(child)
    return {rule.rule for adult in found.adults for rule in adult.rules} if found else set()


# what fires


def test_one_piece_of_the_past_and_one_fresh_make_a_candidate_with_both(world: World) -> None:
    father = uuid4()
    child, past, fresh = world.family(father), history(father), record(father, within(W38), district="1460")
    world.records(past, fresh)
    answer = world.run(W38)
    assert (answer.status, answer.candidates, answer.added) == ("finished", 1, True)
    candidate = world.candidates(W38)[child]
    assert [item.evidence_id for item in candidate.evidence] == [past.record_id, fresh.record_id]
    assert candidate.fresh == [fresh.record_id]
    assert {(item.text, item.category, item.counts) for item in candidate.evidence} == {("Simpel vold", "VIOLENCE", True)}
    assert {each.item.evidence_id for row in (past, fresh) for each in world.evidence_events(row.record_id)} == {
        past.record_id,
        fresh.record_id,
    }
    assert world.outcomes(W38) == {father: ("rule_met", "")}
    counts = world.ledger(W38)
    assert (counts["records"], counts["records_in_evidence"], counts["candidates"]) == (2, 2, 1)
    assert counts["run_finished"] == counts["catalogue:2026-1"] == counts["adults_rule_met"] == 1


def test_history_alone_triggers_nothing_also_when_it_is_delivered_in_the_first_week(world: World) -> None:
    father = uuid4()
    world.family(father)
    world.records(history(father), record(father, weeks.start(W38) - SECOND))
    assert world.run(W38).candidates == 0
    assert world.outcomes(W38) == {}
    assert world.ledger(W38)["records_in_evidence"] == 2


@pytest.mark.parametrize(
    ("rule", "code", "scheme", "pieces", "months"),
    [
        ("R1", "1292", "GER4", 2, 12),
        ("R2", "2210", "GER4", 3, 24),
        ("R3", "1332", "GER4", 4, 12),
        ("R5", "H-002", "SYNTHETIC", 2, 12),
    ],
)
def test_look_back_is_to_the_second(world: World, rule: str, code: str, scheme: str, pieces: int, months: int) -> None:
    since, found = weeks.months_before(W38, months), {}
    for seconds in (0, -1):
        father = uuid4()
        found[seconds] = world.family(father)
        rest = [record(father, within(W38, number * DAY), code=code, code_scheme=scheme) for number in range(1, pieces)]
        world.records(record(father, since + seconds * SECOND, code=code, code_scheme=scheme), *rest)
    world.run(W38)
    assert fired(world, W38, found[0]) == {rule}
    assert fired(world, W38, found[-1]) == set()


def test_a_severe_piece_is_enough_and_too_old_after_three_months(world: World) -> None:
    since = weeks.months_before(W38, 3)
    now, old = uuid4(), uuid4()
    children = world.family(now), world.family(old)
    world.records(record(now, within(W38), code="1255"))
    world.records(record(old, since - SECOND, code="1255"), record(old, within(W38), code="2210"))
    world.run(W38)
    assert [fired(world, W38, child) for child in children] == [{"R4"}, set()]


def test_pieces_of_one_danish_date_are_one_date(world: World) -> None:
    father = uuid4()
    child, at = world.family(father), within(W38)
    world.records(record(father, at), record(father, at + DAY, occurred_at=at - DAY + timedelta(hours=2)))
    world.run(W38)
    assert fired(world, W38, child) == set()
    assert world.outcomes(W38) == {father: ("rule_not_met", "rule_not_met")}


@pytest.mark.parametrize(
    "fields",
    [
        {"outcome": "dropped"},
        {"outcome": "acquitted"},
        {"role": "witness"},
        {"role": "reporter"},
        {"code": "2610"},
        {"role": "victim"},
        {"role": "victim", "code": "1255"},
        {"role": "victim", "code": "1292", "child_present": True},
        {"role": "victim", "code": "1210", "child_present": True},
    ],
)
def test_what_does_not_count_meets_no_rule_and_is_accounted_for(world: World, fields: dict[str, Any]) -> None:
    father = uuid4()
    world.family(father)
    world.records(history(father), record(father, within(W38), **fields))
    world.run(W38)
    assert world.outcomes(W38) == {father: ("rule_not_met", "not_counted")}
    assert world.ledger(W38)["records_not_counted"] == 1
    assert not world.register.asked[0].adults


def test_violence_on_duty_counts_for_the_charged_and_not_for_the_victim(world: World) -> None:
    charged, policewoman = uuid4(), uuid4()
    children = world.family(charged), world.family(policewoman)
    for number in (1, 3):
        at = within(W38, number * DAY)
        world.records(record(charged, at, code="1210"), record(policewoman, at, code="1210", role="victim", outcome="convicted"))
    world.run(W38)
    assert [fired(world, W38, child) for child in children] == [{"R1"}, set()]


def test_a_mother_hit_in_the_street_is_told_of_only_where_a_child_was_there(world: World) -> None:
    """Also when that is corrected later, in either direction."""
    street, home, badly = (uuid4() for _ in range(3))
    children = [world.family(each) for each in (street, home, badly)]
    rows = {
        mother: [record(mother, within(W38, number * DAY), role="victim", child_present=mother is home) for number in (1, 3)]
        for mother in (street, home)
    }
    severe = record(badly, within(W38), code="1255", role="victim", child_present=True)
    world.records(*rows[street], *rows[home], severe)
    world.run(W38)
    assert [fired(world, W38, child) for child in children] == [set(), {"R1"}, {"R4"}]
    assert world.outcomes(W38)[street] == ("rule_not_met", "not_counted")
    for row in rows[street]:
        world.revise(row, child_present=True)
    world.revise(severe, child_present=False)
    world.run(W39)
    assert [fired(world, W39, child) for child in children] == [{"R1"}, set(), set()]
    assert [each.item.counts for each in world.evidence_events(severe.record_id)] == [True, False]


def test_a_fresh_piece_outside_a_rule_does_not_fire_it(world: World) -> None:
    father = uuid4()
    child = world.family(father)
    world.records(
        history(father), history(father, occurred_at=weeks.start(W38) - 60 * DAY), record(father, within(W38), code="1332")
    )
    world.run(W38)
    assert fired(world, W38, child) == set()


def test_a_transferred_case_is_one_piece_and_another_makes_two(world: World) -> None:
    one, two = uuid4(), uuid4()
    children = world.family(one), world.family(two)
    for father in (one, two):
        first = record(father, within(W38, DAY))
        world.records(first, record(father, within(W38), district="1462", supersedes=first.record_id))
    world.records(record(two, within(W38, 4 * DAY), code="1292"))
    world.run(W38)
    assert [fired(world, W38, child) for child in children] == [set(), {"R1"}]
    assert world.ledger(W38)["records_superseded"] == 2


def test_adults_merge_into_one_candidate_of_their_child(world: World) -> None:
    father, partner = uuid4(), uuid4()
    child = world.family(father, partner)
    world.records(record(father, within(W38), code="1255"), history(partner), record(partner, within(W38)))
    assert world.run(W38).candidates == 1
    candidate = world.candidates(W38)[child]
    assert {adult.person: [rule.rule for rule in adult.rules] for adult in candidate.adults} == {father: ["R4"], partner: ["R1"]}
    assert len(candidate.evidence) == 3


def test_adults_without_a_child_that_counts_are_told_apart(world: World) -> None:
    childless, crowded, grown = uuid4(), uuid4(), uuid4()
    world.register.excluded = [ExcludedTie(crowded, "crowded_address", 2), ExcludedTie(grown, "of_age", 1)]
    world.records(*(record(each, within(W38), code="1255") for each in (childless, crowded, grown)))
    world.run(W38)
    assert world.outcomes(W38) == {
        childless: ("no_child", "no_child"),
        crowded: ("tie_excluded", "crowded_address"),
        grown: ("no_child", "of_age"),
    }
    assert world.ledger(W38)["adults"] == 3


# later weeks


def test_late_files_and_corrected_roles_are_found_by_the_next_run(world: World) -> None:
    late, corrected = uuid4(), uuid4()
    children = world.family(late), world.family(corrected)
    witness = record(corrected, within(W38), role="witness")
    world.records(history(late), history(corrected), witness)
    world.run(W38)
    world.records(record(late, within(W38)))
    world.revise(witness, role="charged")
    world.run(W39)
    assert [fired(world, W39, child) for child in children] == [{"R1"}, {"R1"}]
    assert fired(world, W38, children[0]) == set()


def test_what_is_registered_after_the_week_waits_for_its_own(world: World) -> None:
    father = uuid4()
    child = world.family(father)
    world.records(history(father), record(father, weeks.end(W38)))
    world.run(W38)
    assert (fired(world, W38, child), world.ledger(W38)["records"]) == (set(), 1)
    world.run(W39)
    assert (fired(world, W39, child), world.ledger(W39)["records"]) == ({"R1"}, 1)


def test_covered_evidence_does_not_fire_again_and_new_evidence_does(world: World) -> None:
    father = uuid4()
    child = world.family(father)
    world.records(history(father), record(father, within(W38)))
    world.run(W38)
    world.run(W39)
    assert fired(world, W39, child) == set()
    more = record(father, within(W40))
    world.records(more)
    world.run(W40)
    assert world.candidates(W40)[child].fresh == [more.record_id]
    assert len(world.candidates(W40)[child].evidence) == 3


def test_evidence_of_a_candidate_is_published_whenever_it_changes(world: World) -> None:
    father = uuid4()
    world.family(father)
    past, fresh = history(father), record(father, within(W38))
    world.records(past, fresh)
    world.run(W38)
    corrected = world.revise(fresh, role="witness")
    world.revise(corrected, status="withdrawn")
    states = [(each.item.live, each.item.counts, each.item.role) for each in world.evidence_events(fresh.record_id)]
    assert states == [(True, True, "charged"), (True, False, "witness"), (False, False, "witness")]
    newer = record(father, within(W39), supersedes=past.record_id, code="1255")
    world.records(newer)
    event = world.evidence_events(past.record_id)[-1]
    assert (event.item.version, event.item.code, event.records) == (2, "1255", sorted([past.record_id, newer.record_id]))


def test_a_moved_root_is_published_with_what_took_its_place(world: World) -> None:
    father, earlier = uuid4(), uuid4()
    world.family(father)
    fresh = record(father, within(W38), code="1255")
    world.records(fresh)
    world.run(W38)
    world.revise(fresh, supersedes=earlier)
    assert world.evidence_events(fresh.record_id)[-1].merged_into == earlier
    assert world.evidence_events(earlier)[-1].item.live
    world.run(W39)
    assert world.candidates(W39) == {}


# identity


def test_who_waits_is_not_covered_and_is_found_when_identified(world: World) -> None:
    father, canonical = uuid4(), uuid4()
    child = world.family(canonical)
    pieces = [record(father, within(W38, number * DAY), standing="waiting") for number in (1, 3)]
    world.records(*pieces)
    world.run(W38)
    assert world.ledger(W38) == world.ledger(W38) | {"records": 2, "records_waiting": 2}
    assert world.outcomes(W38) == {}
    world.alias(father, canonical)
    world.run(W39)
    assert fired(world, W39, child) == {"R1"}
    assert world.ledger(W38) == world.ledger(W38) | {"records": 2, "records_in_evidence": 2}
    assert "records" not in world.ledger(W39)


def test_nobody_will_ever_be_found_is_seen_in_the_ledger_at_once(world: World) -> None:
    foreigner = uuid4()
    world.records(record(foreigner, within(W38), standing="waiting"))
    world.run(W38)
    world.alias(foreigner, standing="unidentifiable")
    assert world.ledger(W38)["records_unidentifiable"] == 1
    world.run(W39)
    assert world.ledger(W38)["records_unidentifiable"] == 1
    assert world.outcomes(W39) == {}


def test_two_pseudonyms_that_are_one_adult_meet_a_rule_together(world: World) -> None:
    one, two = uuid4(), uuid4()
    child = world.family(two)
    world.records(record(one, within(W38)), record(two, within(W38, 4 * DAY)))
    world.run(W38)
    assert world.candidates(W38) == {}
    world.alias(one, two)
    world.run(W39)
    assert fired(world, W39, child) == {"R1"}
    assert world.outcomes(W39) == {two: ("rule_met", "")}


def test_a_mere_new_number_is_nothing_fresh(world: World) -> None:
    before, now = uuid4(), uuid4()
    child = world.family(now)
    world.records(history(before), history(before, occurred_at=weeks.start(W38) - 50 * DAY))
    world.run(W38)
    world.alias(before, now)
    world.run(W39)
    assert world.outcomes(W39) == {}
    world.records(record(now, within(W40)))
    world.run(W40)
    assert len(world.candidates(W40)[child].evidence) == 3


def test_an_answer_about_somebody_else_means_that_an_alias_is_on_the_way(world: World) -> None:
    father, canonical = uuid4(), uuid4()
    world.records(record(father, within(W38), code="1255"))
    world.register.ties = [Tie(father, uuid4(), ["parent"], 3)]
    ask = world.register.__call__
    world.runner.ask = lambda request: replace(ask(request), ties=[Tie(canonical, uuid4(), ["parent"], 3)])
    with pytest.raises(Transient, match="alias_on_the_way"):
        world.run(W38)
    assert world.select("SELECT 1 FROM run") == []


def test_evidence_that_changes_during_the_run_starts_it_again(world: World) -> None:
    father = uuid4()
    world.family(father)
    fresh = record(father, within(W38), code="1255")
    world.records(fresh)

    def correct_once() -> None:
        world.register.meanwhile = lambda: None
        world.revise(fresh, role="witness")

    world.register.meanwhile = correct_once
    with pytest.raises(Transient, match="evidence_changed"):
        world.run(W38)
    assert world.runner.due("schedule")[0].candidates == 0
    assert world.outcomes(W38) == {father: ("rule_not_met", "not_counted")}
