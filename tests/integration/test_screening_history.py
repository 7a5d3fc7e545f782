"""What was registered before the programme began triggers nothing by itself, whenever and however it comes to light."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from events import weeks
from tests.integration.screening_desk import shared, world
from tests.screening_samples import DAY, W38, W39, W40, World, record, within

__all__ = ["shared", "world"]


def history(person: UUID, days: int, **fields: Any) -> Any:
    return record(person, weeks.start(W38) - days * DAY, **fields)


def without(world: World, district: str) -> None:
    """The first week is run without a district."""
    world.delivered(W38, but=[district])
    world.now(weeks.end(W38) + timedelta(hours=12))
    assert world.runner.start(W38, [district], "operator").added
    world.extract(district, W38)


def test_history_of_a_district_that_missed_the_first_run_triggers_nothing_but_counts(world: World) -> None:
    father = uuid4()
    child, past = world.family(father), [history(father, days) for days in (10, 40)]
    without(world, "1461")
    world.records(*past)
    world.run(W39)
    assert world.candidates(W39) == world.outcomes(W39) == {}
    assert world.ledger(W39)["records_in_evidence"] == 2
    news = record(father, within(W40))
    world.records(news)
    world.run(W40)
    candidate = world.candidates(W40)[child]
    assert (len(candidate.evidence), candidate.fresh) == (3, [news.record_id])


def test_late_history_and_what_was_covered_without_it_are_looked_at_together(world: World) -> None:
    father, grocer = uuid4(), uuid4()
    child, _ = world.family(father), world.family(grocer)
    world.records(record(father, within(W38)), record(grocer, within(W38), code="1332"))
    without(world, "1461")
    assert world.candidates(W38) == {}
    late = history(father, 10)
    world.records(late, *(history(grocer, days) for days in (10, 40)))
    world.run(W39)
    assert {found: each.fresh for found, each in world.candidates(W39).items()} == {child: [late.record_id]}
    assert world.outcomes(W39) == {father: ("rule_met", ""), grocer: ("rule_not_met", "rule_not_met")}
    world.run(W40)
    assert world.outcomes(W40) == {}


@pytest.mark.parametrize("closed", [False, True])
def test_history_of_somebody_who_is_identified_later_triggers_nothing_but_counts(world: World, closed: bool) -> None:
    foreigner, father = uuid4(), uuid4()
    child = world.family(father)
    world.records(*(history(foreigner, days, standing="waiting") for days in (10, 40)))
    if closed:
        world.alias(foreigner, standing="unidentifiable")
    world.run(W38)
    world.alias(foreigner, father, version=2)
    world.run(W39)
    assert world.candidates(W39) == world.outcomes(W39) == {}
    world.records(record(father, within(W40)))
    world.run(W40)
    assert len(world.candidates(W40)[child].evidence) == 3


def test_who_was_thought_never_to_be_found_and_is_found_after_all_is_news(world: World) -> None:
    foreigner, father = uuid4(), uuid4()
    child = world.family(father)
    world.records(record(foreigner, within(W38), standing="waiting", code="1255"))
    world.alias(foreigner, standing="unidentifiable")
    world.run(W38)
    world.alias(foreigner, father, version=2)
    world.run(W39)
    assert set(world.candidates(W39)) == {child}


def test_two_pasts_that_are_one_adults_trigger_nothing(world: World) -> None:
    one, two = uuid4(), uuid4()
    world.family(two)
    world.records(history(one, 10), history(two, 40))
    world.run(W38)
    world.alias(one, two)
    world.run(W39)
    assert world.candidates(W39) == {}
    assert world.outcomes(W39) == {two: ("rule_not_met", "rule_not_met")}


def test_history_that_is_corrected_after_it_was_covered_is_fresh(world: World) -> None:
    father = uuid4()
    child = world.family(father)
    witness = history(father, 10, role="witness")
    world.records(history(father, 40), witness)
    world.run(W38)
    world.revise(witness, role="charged")
    world.run(W39)
    assert world.candidates(W39)[child].fresh == [witness.record_id]


def test_a_link_that_is_undone_and_made_to_another_is_news_of_that_one(world: World) -> None:
    foreigner, wrong, right = uuid4(), uuid4(), uuid4()
    children = world.family(wrong), world.family(right)
    world.records(record(foreigner, within(W38), standing="waiting", code="1255"))
    world.alias(foreigner, wrong)
    world.run(W38)
    world.alias(foreigner, foreigner, "waiting", version=2)
    world.run(W39)
    world.alias(foreigner, right, version=3)
    world.run(W40)
    assert (set(world.candidates(W38)), set(world.candidates(W40))) == ({children[0]}, {children[1]})
